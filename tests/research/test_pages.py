import random

import numpy as np
import pytest

from research.nano.pages.pages import A4, Brief, Page, make_blank, make_chart_page, make_page

pytestmark = pytest.mark.usefixtures("assets")


def page(seed: int, *, columns: int = 1, words: int = 150, rich: bool = True) -> Page:
    return make_page(random.Random(seed), Brief(A4, 24, columns, words, 0.09, rich))


def test_a_seed_gives_one_page() -> None:
    first, again, other = page(1), page(1), page(2)
    assert np.array_equal(first.pixels, again.pixels) and first.blocks == again.blocks
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_blocks_hold_the_ink_of_their_text(columns: int) -> None:
    """Boxes lie on the page, hold ink, and of one column do not overlap."""
    found = page(3, columns=columns, words=250)
    height, width = found.pixels.shape
    assert len(found.blocks) > 2
    for block in found.blocks:
        x0, y0, x1, y1 = block.box
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        assert found.pixels[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1].min() < 128
    if columns == 1:
        body = [b for b in found.blocks if b.kind != "footnote"]
        assert all(a.box[3] <= b.box[1] + 2 for a, b in zip(body, body[1:], strict=False))


def test_every_character_stands_on_ink() -> None:
    found = page(4)
    for x, y, _ in found.centres:
        around = found.pixels[int(y) - 9 : int(y) + 16, int(x) - 7 : int(x) + 8]
        assert around.min() < 160


def test_a_page_of_few_words_keeps_to_them() -> None:
    plain = page(5, words=40, rich=False)
    printed = [word for b in plain.blocks for row in b.content for word in getattr(row, "words", ())]
    assert 30 <= len(printed) <= 60
    assert {b.kind for b in plain.blocks} == {"text"}


def test_a_blank_page_is_white_and_has_nothing() -> None:
    blank = make_blank((200, 300))
    assert blank.pixels.shape == (300, 200) and blank.pixels.min() == 255
    assert blank.blocks == () and blank.centres == []


@pytest.mark.parametrize("seed", range(4))
def test_a_chart_prints_its_data(seed: int) -> None:
    found = make_chart_page(random.Random(seed), Brief(A4, 28, 1, 100, 0.09, True))
    assert found.chart is not None and found.chart.kind in ("bar", "line")
    assert 3 <= len(found.chart.rows) <= 7
    assert found.pixels.min() < 100
