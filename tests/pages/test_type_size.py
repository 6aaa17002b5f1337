"""How large type is, from pictures of text whose size is known."""

import time

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_engine.pages.type_size import measure_type

TEXT = "The quick brown fox jumps over lazy dogs while five wizards vex a bold gymnast"


def page(font_px: int, lines: int = 20, size: tuple[int, int] = (1200, 1600)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(font_px)
    for line in range(lines):
        draw.text((60, 60 + line * font_px * 1.5), TEXT, "black", font)
    return image


@pytest.mark.parametrize("font_px", [14, 20, 28, 40])
def test_the_size_of_type_is_found(font_px: int) -> None:
    found = measure_type(page(font_px))
    assert found is not None and found.size_px == pytest.approx(font_px, rel=0.3)


def test_twice_the_lines_are_twice_the_text() -> None:
    few, many = (measure_type(page(20, lines)) for lines in (10, 20))
    assert few is not None and many is not None
    assert many.length_em == pytest.approx(2 * few.length_em, rel=0.2)


def test_light_type_on_a_dark_page_and_a_sideways_one_are_the_same() -> None:
    upright = measure_type(page(20))
    sideways = page(20).transpose(Image.Transpose.ROTATE_90)
    dark = Image.eval(page(20), lambda level: 255 - level)
    assert upright is not None
    assert measure_type(sideways, lines_down=True) == measure_type(dark) == upright


def test_where_there_are_no_lines_nothing_is_said() -> None:
    empty = Image.new("RGB", (1200, 1600), (240, 240, 240))
    photo = Image.effect_noise((1200, 1600), 90).convert("RGB")
    assert measure_type(empty) is None
    assert measure_type(Image.new("RGB", (6, 6))) is None
    assert measure_type(photo) is None


def test_a_large_page_is_looked_at_in_bounded_time() -> None:
    large = page(60, 60, (6000, 6600))
    started_s = time.process_time()
    found = measure_type(large)
    assert time.process_time() - started_s < 1
    assert found is not None and found.size_px == pytest.approx(60, rel=0.3)
