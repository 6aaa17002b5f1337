"""Where the ink of a page is."""

import numpy as np
import pytest
from PIL import Image

from ocr_engine.pages.ink_map import CELLS, ink_map


def test_ink_is_where_it_was_put() -> None:
    image = Image.new("RGB", (1000, 2000), "white")
    for at in range(600, 800, 8):
        image.paste((0, 0, 0), (300, at, 500, at + 4))
    found = ink_map(image)
    rows, columns = np.nonzero(found > 40)
    assert found.shape == (CELLS, CELLS) and found.dtype == np.uint8
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 39, 30, 49)
    assert found[35, 40] > 90


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (99, 101), (1, 50_000)])
def test_any_size_has_a_map(size: tuple[int, int]) -> None:
    assert ink_map(Image.new("RGB", size, "white")).sum() == 0
