"""A grey page that text is set on: unhinted glyphs at quarter-pixel positions, as PDF viewers draw them.

Glyphs are drawn at four times the size and averaged, because FreeType's hinting at reading sizes
would give letter shapes that no PDF viewer shows.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nano.assets import FOLDER
from nano.charset import CLASS_OF

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]
FINE = 4
"""Subpixel steps and oversampling of glyphs."""


@dataclass(frozen=True)
class Glyph:
    """One drawn character: 255 - coverage, and where its corner lies from the pen's pixel."""

    pixels: Grey
    left: int
    top: int


@lru_cache(maxsize=400)
def _large_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    path = str(FOLDER / "fonts" / name)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=100_000)
def advance_em(name: str, character: str) -> float:
    """Return a character's advance in units of the font size."""
    return _large_font(name, 256).getlength(character) / 256


@lru_cache(maxsize=300_000)
def _glyph(name: str, fine_size: int, character: str, phase: int) -> Glyph | None:
    font = _large_font(name, fine_size)
    left, top, right, bottom = (round(v) for v in font.getbbox(character, anchor="ls"))
    if right <= left or bottom <= top:
        return None
    before_x, before_y = (left + phase) % FINE, top % FINE
    width, height = before_x + right - left, before_y + bottom - top
    image = Image.new("L", (width + -width % FINE, height + -height % FINE))
    pen = (before_x - left, before_y - top)
    ImageDraw.Draw(image).text(pen, character, fill=255, font=font, anchor="ls")
    coarse = np.asarray(image.reduce(FINE))
    return Glyph(255 - coarse, (left + phase) // FINE, top // FINE)


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

    def glyph(self, name: str, size_px: float, character: str, x: float, baseline: float) -> None:
        """Draw one character with its pen position at (x, baseline)."""
        fine = round(x * FINE)
        drawn = _glyph(name, _stocked_size(size_px), character, fine % FINE)
        if drawn is None:
            return
        x0, y0 = fine // FINE + drawn.left, round(baseline) + drawn.top
        h, w = drawn.pixels.shape
        if x0 < 0 or y0 < 0:
            return
        under = self.pixels[y0 : y0 + h, x0 : x0 + w]
        if under.shape == (h, w):
            np.minimum(under, drawn.pixels, out=under)

    def text(self, name: str, size_px: float, text: str, x: float, baseline: float) -> list[float]:
        """Draw text from x and return the centres x of its characters."""
        middle, found, scale = baseline - 0.33 * size_px, [], size_px
        for character in text:
            step = advance_em(name, character) * scale
            self.glyph(name, size_px, character, x, baseline)
            found.append(x + step / 2)
            if character in CLASS_OF:
                self.centres.append((x + step / 2, middle, CLASS_OF[character]))
            x += step
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
