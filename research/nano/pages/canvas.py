"""A grey page that text is set on: unhinted glyphs at quarter-pixel positions, as PDF viewers draw them.

Glyphs are drawn at four times the size and averaged, because FreeType's hinting at reading sizes
would give letter shapes that no PDF viewer shows.
"""

import json
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from research.nano.pages.assets import FOLDER
from research.nano.pages.charset import CLASS_OF
from research.nano.pages.families import FALLBACK

Grey = NDArray[np.uint8]
FINE = 4
"""Subpixel steps and oversampling of glyphs."""


@dataclass(frozen=True)
class Glyph:
    """One drawn character: 255 - coverage, and where its corner lies from the pen's pixel."""

    pixels: Grey
    left: int
    top: int


@lru_cache(maxsize=1200)
def font_at(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Open a font file at a size in px."""
    path = str(FOLDER / "fonts" / name)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _missing() -> dict[str, str]:
    path = FOLDER / "fonts/missing.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


@lru_cache(maxsize=100_000)
def source(name: str, character: str) -> str:
    """Return the file that a character is drawn from: another where the font lacks it, as viewers do."""
    lacking = _missing()
    return next((n for n in (name, *FALLBACK) if character not in lacking.get(n, "")), name)


@lru_cache(maxsize=100_000)
def advance_em(name: str, character: str) -> float:
    """Return a character's advance in units of the font size."""
    return font_at(source(name, character), 256).getlength(character) / 256


@lru_cache(maxsize=60_000)
def _drawing(name: str, fine_size: int, character: str) -> tuple[Grey, int, int] | None:
    """Return a character's coverage at FINE times the size, and the corner's place from the pen's."""
    font = font_at(source(name, character), fine_size)
    left, top, right, bottom = (round(v) for v in font.getbbox(character, anchor="ls"))
    if right <= left or bottom <= top:
        return None
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font, anchor="ls")
    return np.asarray(image), left, top


@lru_cache(maxsize=200_000)
def _glyph(name: str, fine_size: int, character: str, phase: int) -> Glyph | None:
    drawing = _drawing(name, fine_size, character)
    if drawing is None:
        return None
    fine, left, top = drawing
    before_x, before_y = (left + phase) % FINE, top % FINE
    height, width = before_y + fine.shape[0], before_x + fine.shape[1]
    padded = np.zeros((height + -height % FINE, width + -width % FINE), np.uint16)
    padded[before_y:height, before_x:width] = fine
    rows = padded[0::4] + padded[1::4] + padded[2::4] + padded[3::4]
    coarse = (rows[:, 0::4] + rows[:, 1::4] + rows[:, 2::4] + rows[:, 3::4] + 8) // 16
    return Glyph((255 - coarse).astype(np.uint8), (left + phase) // FINE, top // FINE)


def _stocked_size(size_px: float) -> int:
    """Return a glyph size in quarter px out of few enough that caching pays."""
    step = 2 if size_px < 24 else 4 if size_px < 40 else 8
    return max(16, round(size_px * FINE / step) * step)


@dataclass
class Canvas:
    """White paper of a size in px, with every glyph's centre and class kept for supervision."""

    width: int
    height: int
    pixels: Grey = field(init=False)
    centres: list[tuple[float, float, int]] = field(default_factory=list)
    """(x px, y px, class) of every drawn character."""

    def __post_init__(self) -> None:
        self.pixels = np.full((self.height, self.width), 255, np.uint8)

    def word(
        self, name: str, size_px: float, text: str, x: float, baseline: float, ink: int = 0
    ) -> list[float]:
        """Draw text from x in a grey of 0..255 and return its pen positions, the end's too."""
        fine_size, y, pens = _stocked_size(size_px), round(baseline), [x]
        # MuPDF too sets type of 24 px at half and of 48 px at whole pixels.
        step = 1 if size_px < 24 else 2 if size_px < 48 else FINE
        for character in text:
            fine = round(x * FINE / step) * step
            drawn = _glyph(name, fine_size, character, fine % FINE)
            if drawn is not None:
                self._stamp(drawn, fine // FINE + drawn.left, y + drawn.top, ink)
            x += advance_em(name, character) * size_px
            pens.append(x)
        return pens

    def _stamp(self, drawn: Glyph, x0: int, y0: int, ink: int) -> None:
        """Darken the page by a glyph; one that does not lie on it whole is left out."""
        if x0 < 0 or y0 < 0:
            return
        height, width = drawn.pixels.shape
        under = self.pixels[y0 : y0 + height, x0 : x0 + width]
        if under.shape != (height, width):
            return
        pixels = drawn.pixels
        if ink:
            pixels = (255 - (255 - pixels.astype(np.uint16)) * (255 - ink) // 255).astype(np.uint8)
        np.minimum(under, pixels, out=under)

    def text(
        self, name: str, size_px: float, text: str, x: float, baseline: float, ink: int = 0
    ) -> list[float]:
        """Draw text from x and return the centres x of its characters, which are noted."""
        pens = self.word(name, size_px, text, x, baseline, ink)
        middle, found = baseline - 0.33 * size_px, []
        for index, character in enumerate(text):
            found.append((pens[index] + pens[index + 1]) / 2)
            if character in CLASS_OF:
                self.centres.append((found[-1], middle, CLASS_OF[character]))
        return found

    def fill(self, x0: float, y0: float, x1: float, y1: float, grey: int) -> None:
        """Darken a rectangle to at most grey."""
        area = self.pixels[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))]
        np.minimum(area, grey, out=area)

    def line(self, x0: float, y0: float, x1: float, y1: float, thick: int = 2) -> None:
        """Draw a black horizontal or vertical rule."""
        self.fill(x0, y0, max(x1, x0 + thick), max(y1, y0 + thick), 0)

    def invert(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Turn a rectangle into its negative: white text on black."""
        area = self.pixels[max(0, int(y0)) : int(y1), max(0, int(x0)) : int(x1)]
        np.subtract(255, area, out=area)


def width_px(name: str, size_px: float, text: str) -> float:
    """Return how wide text is set."""
    return sum(advance_em(name, character) for character in text) * size_px
