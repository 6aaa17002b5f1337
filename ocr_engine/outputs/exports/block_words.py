"""A block's text in, its runs of words out: lines and cells, each word where the page has it.

Words have places only where the page's text layer tells; nothing is made up for the others.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ocr_engine.families import BOX_SCALE
from ocr_engine.outputs.exports.page_html import MAX_PAGE_CHARS, rendered
from ocr_engine.outputs.exports.placed_words import PlacedWord, placed_words
from ocr_engine.outputs.exports.plain_rows import plain_rows
from ocr_engine.outputs.exports.table_cells import PlacedCell, grid, tables_in
from ocr_engine.records import Block, PageGeometry

MAX_RUNS = 20_000
"""Lines and cells of a block; more is no page."""
_TABLE_TAG = re.compile(r"<(/?)table\b[^>]*>")
Rectangle = tuple[float, float, float, float]
"""x1, y1, x2, y2 in points from the top left corner of the page as shown."""


@dataclass(frozen=True, slots=True)
class BlockWord:
    """A word of a block, with its place where the page's text layer tells."""

    text: str
    at: int
    """Counts the words of its block, from 0."""
    line: int = -1
    """The line of the block's `lines` it stands on."""
    box_pt: Rectangle | None = None
    is_exact: bool = False
    """Whether the layer has this very word there; the place of others is worked out from its neighbours."""


@dataclass(frozen=True, slots=True)
class WordRun:
    """The words of a line of text, or of a cell. `table` counts the block's tables, from 0."""

    words: tuple[BlockWord, ...]
    table: int = -1
    cell: PlacedCell | None = None

    @property
    def text(self) -> str:
        """Its words with single blanks."""
        return " ".join(word.text for word in self.words)

    @property
    def box_pt(self) -> Rectangle | None:
        """What holds its words, where their places are known; those that the page does not have take none."""
        boxes = [word.box_pt for word in self.words if word.box_pt]
        return around([box for box in boxes if box[0] < box[2]])


def around(boxes: Sequence[Rectangle]) -> Rectangle | None:
    """The smallest rectangle that holds these; None where there are none."""
    if not boxes:
        return None
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def runs_of(markdown: str, block: Block, geometry: PageGeometry | None) -> list[WordRun]:
    """All of the block's text in reading order, with every cell of its tables, empty ones included."""
    pieces = list(_pieces(rendered(markdown[:MAX_PAGE_CHARS])))[:MAX_RUNS]
    texts = [text for text, *_ in pieces if text]
    placed = placed_words([[text] for text in texts], block.lines) if block.lines and geometry else None
    words = iter(_words(texts, placed, block, geometry))
    return [
        WordRun(tuple(next(words) for _ in range(len(text.split(" ")) if text else 0)), table, cell)
        for text, table, cell in pieces
    ]


def _words(
    texts: Sequence[str], placed: Sequence[PlacedWord] | None, block: Block, geometry: PageGeometry | None
) -> Iterator[BlockWord]:
    if placed is None or geometry is None:
        words = (word for text in texts for word in text.split(" "))
        yield from (BlockWord(word, at) for at, word in enumerate(words))
        return
    x, y = geometry.width_pt / BOX_SCALE, geometry.height_pt / BOX_SCALE
    for at, word in enumerate(placed):
        line = block.lines[word.line]
        box = word.left * x, line.top * y, word.right * x, line.bottom * y
        yield BlockWord(word.text, at, word.line, box, word.is_exact)


def _pieces(html: str) -> Iterator[tuple[str, int, PlacedCell | None]]:
    """Text, table and cell of each run."""
    table = -1
    for part, is_table in parts_of(html):
        if not is_table:
            yield from ((" ".join(row), -1, None) for row in plain_rows(part))
            continue
        for rows in tables_in(part):
            table += 1
            yield from ((cell.text, table, cell) for cell in grid(rows))


def parts_of(html: str) -> Iterator[tuple[str, bool]]:
    """What is outside and inside of tables, in order; tables in tables are part of the outer one."""
    start = depth = 0
    for tag in _TABLE_TAG.finditer(html):
        if not tag[1]:
            if not depth:
                yield html[start : tag.start()], False
                start = tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                yield html[start : tag.end()], True
                start = tag.end()
    yield html[start:], depth > 0
