"""Blank is what no one could read; faint, dark and sparse pages are not. Sideways lines are seen."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_engine.config import QualityConfig
from ocr_engine.pages.ink import measure_ink

A4 = (1191, 1684)
BLANK_INK = QualityConfig().blank_ink
WORDS = ["paper", "river", "stone", "winter", "market", "letter", "garden", "morning", "table", "and"]


def sheet(color: int = 255, size: tuple[int, int] = A4) -> Image.Image:
    return Image.new("RGB", size, (color, color, color))


def written(
    lines: int, paper: int = 255, ink: int = 0, size: tuple[int, int] = A4, font_px: int = 24
) -> Image.Image:
    page = sheet(paper, size)
    chance, draw = random.Random(lines), ImageDraw.Draw(page)
    font = ImageFont.load_default(font_px)
    for line in range(lines):
        text = " ".join(chance.choices(WORDS, k=chance.randint(9, 13)))
        draw.text((90, 90 + line * font_px * 1.5), text, (ink,) * 3, font)
    return page


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    values = np.asarray(image, np.float32) + np.random.default_rng(1).normal(0, sigma, (*image.size[::-1], 1))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def shaded(image: Image.Image) -> Image.Image:
    """Lit from one side, as a photograph of a page is."""
    slope = np.linspace(1.0, 0.6, image.width)[None, :, None]
    return Image.fromarray((np.asarray(image) * slope).astype(np.uint8))


BLANK = {
    "white": sheet(),
    "grey": sheet(200),
    "black": sheet(3),
    "light grey noise": noisy(sheet(225), 4),
    "strong noise": noisy(sheet(200), 12),
    "a shadow": shaded(sheet(240)),
    "a small picture of nothing": sheet(255, (40, 30)),
    "one pixel": sheet(255, (1, 1)),
}
NOT_BLANK = {
    "text": written(40),
    "one line": written(1),
    "faint text": written(3, 255, 225),
    "faint text on grey, with noise": noisy(written(3, 230, 190), 3),
    "a dark scan": noisy(written(5, 40, 5), 3),
    "white on black": written(1, 0, 255),
    "text in a shadow": shaded(written(2, 235, 120)),
    "a photograph's size": written(1, size=(4000, 5600), font_px=80),
    "small type": written(2, font_px=12),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_sheet_without_ink_is_blank(name: str) -> None:
    assert measure_ink(BLANK[name]).share < BLANK_INK
    assert not measure_ink(BLANK[name]).lines_down


@pytest.mark.parametrize("name", NOT_BLANK)
def test_what_can_be_read_is_never_blank(name: str) -> None:
    assert measure_ink(NOT_BLANK[name]).share > 4 * BLANK_INK


def test_a_page_number_alone_is_not_blank() -> None:
    page = sheet()
    ImageDraw.Draw(page).text((590, 1600), "7", "black", ImageFont.load_default(20))
    assert measure_ink(page).share > BLANK_INK


@pytest.mark.parametrize("name", ["text", "a dark scan"])
@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270])
def test_lines_that_run_down_are_seen(name: str, turn: Image.Transpose) -> None:
    page = written(40) if name == "text" else noisy(written(40, 60, 10), 4)
    assert not measure_ink(page).lines_down
    assert not measure_ink(page.transpose(Image.Transpose.ROTATE_180)).lines_down
    assert measure_ink(page.transpose(turn)).lines_down


def test_a_grid_and_a_line_or_two_say_nothing_of_direction() -> None:
    grid = sheet()
    for place in range(100, 1100, 60):
        ImageDraw.Draw(grid).line([(place, 100), (place, 1100)], "black", 2)
        ImageDraw.Draw(grid).line([(100, place), (1100, place)], "black", 2)
    assert not measure_ink(grid).lines_down
    assert not measure_ink(written(1).transpose(Image.Transpose.ROTATE_90)).lines_down


def test_the_gap_is_between_lines_near_the_middle() -> None:
    gap = measure_ink(written(40)).gap
    assert gap is not None and 0.35 < gap < 0.65
    row = np.asarray(written(40).convert("L"))[round(gap * A4[1])]
    assert row.min() == 255
    full = sheet()
    ImageDraw.Draw(full).rectangle((90, 90, 120, 1600), fill="black")
    assert measure_ink(full).gap is None


def test_real_pages_are_upright(shared_data: Path) -> None:
    for path in sorted(shared_data.glob("omnidocbench_demo/**/*.jpg"))[:6]:
        with Image.open(path) as image:
            found = measure_ink(image.convert("RGB"))
        assert found.share > BLANK_INK, path.name
