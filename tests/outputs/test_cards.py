"""Cards of figures: page, figure and text side by side, whatever the text is."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocr_engine.outputs import cards
from ocr_engine.outputs.cards import HEIGHT_PX, PANEL_PX, Card, draw_card
from ocr_engine.records import Box, PageGeometry, PageImage


def page(width: int = 400, height: int = 600) -> PageImage:
    image = Image.new("RGB", (width, height), "white")
    image.paste((0, 0, 255), (0, 0, width // 2, height // 2))
    return PageImage(image, PageGeometry(width, height, 200.0, 300.0, 144.0), "pillow")


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_card_has_three_parts() -> None:
    text = "A chart.\n| a | b |\n| --- | --- |"
    card = picture(draw_card(page(), Card("0001-1.jpg", Box(0, 0, 500, 500), text)))
    assert card.size == (600 + 600 + PANEL_PX + 4 * 16, HEIGHT_PX + 32)
    middle = card.getpixel((16 + 600 + 16 + 300, card.height // 2))
    assert isinstance(middle, tuple) and middle[2] > 200 and middle[0] < 60, "the figure, enlarged"
    panel = card.crop((card.width - PANEL_PX - 16, 16, card.width - 16, 16 + HEIGHT_PX))
    darkest, _ = panel.convert("L").getextrema()
    assert isinstance(darkest, int) and darkest < 100, "something is written"


def test_text_is_wrapped_and_tables_have_cells() -> None:
    font = cards._font(True)
    lines = list(cards._lines("word " * 200 + "\n| a \\| b | c |\n| --- | --- |\nend", font))
    assert ("a | b", "c") in lines and lines[-1] == "end"
    words = [line for line in lines if isinstance(line, str)]
    assert len(words) > 3 and all(font.getlength(line) <= PANEL_PX for line in words)
    assert "".join(words).count("word") == 200


def test_other_scripts_have_their_glyphs() -> None:
    pytest.importorskip("pymupdf")
    assert cards._font(False) is not cards._font(True)


@settings(max_examples=25)
@given(
    st.text(max_size=300),
    st.tuples(*[st.integers(0, 999)] * 4),
    st.sampled_from([(1, 1), (400, 9), (9, 400)]),
)
def test_any_text_box_and_page_gives_a_card(
    text: str, corners: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    x1, y1, x2, y2 = corners
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    assert picture(draw_card(page(*size), Card("1.jpg", box, text))).height == HEIGHT_PX + 32


def test_a_flood_of_text_stays_in_the_panel() -> None:
    flood = "x" * 1_000_000 + "\n" + "| a " * 100_000 + "|\n" + "line\n" * 100_000
    assert picture(draw_card(page(), Card("1.jpg", Box(0, 0, 9, 9), flood))).height == HEIGHT_PX + 32
