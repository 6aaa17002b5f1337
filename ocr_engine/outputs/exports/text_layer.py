"""Blocks and boxes in, the invisible text of a PDF page out: each word where it stands on the page, or about.

Where the page's own text layer tells, words are placed by it. The model says where a block is, not where its
lines are: without a layer a block's rows are laid evenly over its box, in as many lines as type of a usual
shape would take, each stretched to its width.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bidi import get_base_level, get_display

from ocr_engine.families import BOX_SCALE
from ocr_engine.outputs.exports.invisible_font import GLYPH_WIDTH, InvisibleFont
from ocr_engine.outputs.exports.page_html import MAX_PAGE_CHARS, rendered
from ocr_engine.outputs.exports.placed_words import PlacedWord, placed_words, with_gaps
from ocr_engine.outputs.exports.plain_rows import Row, plain_rows
from ocr_engine.records import Block, BlockLine, Box, PageGeometry

_LEADING = 1.2
"""Line distance of usual type, in ems."""
_UNIT_EM = 0.5
"""Width of a usual letter in ems; East Asian characters take two."""
_BASELINE = 0.8
_MAX_LINES = 5_000
_INVISIBLE = 3
_MAX_STRING_BYTES = 32_000
"""Every reader takes strings of 32,767 bytes (PDF 1.7, annex C); a code has two."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A place on the page in points, from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Points from left to right, at least one."""
        return max(self.right - self.left, 1.0)

    @property
    def height(self) -> float:
        """Points from top to bottom, at least one."""
        return max(self.bottom - self.top, 1.0)


@dataclass(frozen=True, slots=True)
class Line:
    """Words that stand on one line, and the place they take."""

    text: str
    place: Rectangle


def rectangle(boxes: Sequence[Box], geometry: PageGeometry) -> Rectangle:
    """What holds all the boxes of a block; the whole page where it has none."""
    if not boxes:
        return Rectangle(0, 0, geometry.width_pt, geometry.height_pt)
    x, y = geometry.width_pt / BOX_SCALE, geometry.height_pt / BOX_SCALE
    around = Box.around(boxes)
    return Rectangle(around.x1 * x, around.y1 * y, around.x2 * x, around.y2 * y)


def laid_out(markdown: str, block: Block, geometry: PageGeometry) -> list[Line]:
    """The block's text where the lines of the page have it, else spread over its boxes."""
    words = placed_words(_rows(markdown), block.lines) if block.lines else None
    if words:
        return [_placed(word, block.lines[word.line], geometry) for word in with_gaps(words)]
    return lay_out(markdown, rectangle(block.boxes, geometry))


def _rows(markdown: str) -> list[Row]:
    return plain_rows(rendered(markdown[:MAX_PAGE_CHARS]))[:_MAX_LINES]


def _placed(word: PlacedWord, line: BlockLine, geometry: PageGeometry) -> Line:
    x, y = geometry.width_pt / BOX_SCALE, geometry.height_pt / BOX_SCALE
    return Line(word.text, Rectangle(word.left * x, line.top * y, word.right * x, line.bottom * y))


def lay_out(markdown: str, place: Rectangle) -> list[Line]:
    """The block's text as lines that fill `place` from top to bottom."""
    rows = _rows(markdown)
    size_pt = _type_size(rows, place)
    counts = [_line_count(row, place, size_pt) for row in rows]
    height = place.height / max(sum(counts), 1)
    lines: list[Line] = []
    top = place.top
    for row, count in zip(rows, counts, strict=True):
        lines += _lay_row(row, count, Rectangle(place.left, top, place.right, top + count * height))
        top += count * height
    return lines


def operators(lines: Iterable[Line], geometry: PageGeometry, font: InvisibleFont, name: str = "F") -> bytes:
    """Content stream that writes the lines invisibly with the font of this name."""
    parts = [f"BT {_INVISIBLE} Tr"]
    for line in lines:
        # Viewers expect letters in their order on the page (UAX #9), and turn them back for a search.
        codes = font.codes(get_display(line.text))
        size_pt = line.place.height * _BASELINE
        natural_pt = len(codes) / 2 * size_pt * GLYPH_WIDTH / 1000
        stretch = min(max(100 * line.place.width / max(natural_pt, 0.01), 1), 10_000)
        y = geometry.height_pt - line.place.top - line.place.height * _BASELINE
        start = f"1 0 0 1 {line.place.left:.2f} {y:.2f} Tm"
        strings = (codes[at : at + _MAX_STRING_BYTES] for at in range(0, len(codes), _MAX_STRING_BYTES))
        shown = " ".join(f"<{string.hex()}> Tj" for string in strings)
        parts.append(f"/{name} {size_pt:.2f} Tf {stretch:.1f} Tz {start} {shown}")
    return "\n".join([*parts, "ET"]).encode()


def _units(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide


def _type_size(rows: Sequence[Row], place: Rectangle) -> float:
    """The size of type that fills the place: area over the area of all letters."""
    units = max(sum(_units(cell) for row in rows for cell in row), 1)
    return math.sqrt(place.width * place.height / (units * _UNIT_EM * _LEADING))


def _line_count(row: Row, place: Rectangle, size_pt: float) -> int:
    """How many lines a row takes: those of its longest cell, the cells side by side."""
    units_a_line = place.width / len(row) / (size_pt * _UNIT_EM)
    return max(1, min(round(max(map(_units, row)) / max(units_a_line, 1)), _MAX_LINES))


def _lay_row(row: Row, count: int, place: Rectangle) -> list[Line]:
    lines: list[Line] = []
    width, height = place.width / len(row), place.height / count
    for column, cell in enumerate(row):
        left = place.left + column * width
        texts = _split(cell, count)
        longest = max(map(_units, texts))
        # Prose fills its box; a cell of a table rarely fills its column, and words must not touch the next.
        full = min(width, longest * _UNIT_EM * height / _LEADING) if len(row) > 1 else width
        for at, text in enumerate(texts):
            taken = full * (_units(text) / longest)
            start = left + width - taken if get_base_level(cell) else left
            top = place.top + at * height
            lines.append(Line(text, Rectangle(start, top, start + taken, top + height)))
    return lines


def _split(text: str, count: int) -> list[str]:
    """The text in at most `count` lines of about equal length, cut at spaces, else anywhere."""
    target = _units(text) / count
    lines: list[str] = [""]
    for word in _words(text, target):
        full = _units(lines[-1]) + _units(word) / 2 > target
        if full and lines[-1] and len(lines) < count:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines if line.strip()] or [text]


def _words(text: str, longest: float) -> list[str]:
    words = [word + " " for word in text.split(" ")]
    step = max(1, int(longest))
    return [word[at : at + step] for word in words for at in range(0, len(word), step)]
