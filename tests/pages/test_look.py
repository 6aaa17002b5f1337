import numpy as np
import pytest
from PIL import Image

from ocr_engine.pages.look import WHOLE, Look, apply_look


def page(width: int = 40, height: int = 60) -> Image.Image:
    values = np.arange(width * height, dtype=np.uint32).reshape(height, width)
    return Image.fromarray(np.stack([values >> 8, values & 255, values * 0], -1).astype(np.uint8))


@pytest.mark.parametrize(("turn", "corner"), [(90, (39, 0)), (180, (39, 59)), (270, (0, 39))])
def test_a_turn_is_clockwise(turn: int, corner: tuple[int, int]) -> None:
    """Where the page's upper left corner lies afterwards."""
    turned = apply_look(page(), Look(turn))
    x, y = {90: (turned.width - 1, 0), 180: (39, 59), 270: (0, turned.height - 1)}[turn]
    assert turned.getpixel((x, y)) == page().getpixel((0, 0))


def test_the_whole_page_is_left_as_it_is_and_parts_have_their_rows() -> None:
    assert apply_look(whole := page(), WHOLE) is whole
    part = apply_look(page(), Look(0, 0.5, 1.0))
    assert part.size == (40, 30) and part.getpixel((0, 0)) == page().getpixel((0, 30))
    assert apply_look(page(1, 1), Look(0, 0.47, 1.0)).size == (1, 1)
    assert apply_look(page(5, 1), Look(0, 0.0, 0.2)).size == (5, 1)
