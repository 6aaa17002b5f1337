"""The blocks of a page in, their figures, cells, lines and words out, in pixels of the page's picture.

What ALTO and hOCR are written of, so that both have the same ids and places. Words have places where the
page's text layer tells. Elsewhere the model gives a box a block: lines and words are then without places.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bidi import get_base_level

from ocr_engine.outputs.exports.block_words import BlockWord, Rectangle, WordRun, around, runs_of
from ocr_engine.outputs.exports.places import boxes_pt
from ocr_engine.outputs.exports.table_cells import PlacedCell
from ocr_engine.records import Block, PageGeometry, PageRecord

MAX_BLOCKS = 20_000
"""Blocks written of one page; more is a loop."""


@dataclass(frozen=True, slots=True)
class LaidWord:
    """A word with its place in pixels, x1, y1, x2, y2, where that is known."""

    identity: str
    text: str
    box_px: Rectangle | None
    is_exact: bool
    """Whether the page has this very word there; the place of others is worked out from its neighbours."""


@dataclass(frozen=True, slots=True)
class LaidLine:
    """A line of the page where the text layer tells, else a line of the text."""

    identity: str
    words: tuple[LaidWord, ...]
    box_px: Rectangle | None
    runs_leftwards: bool


@dataclass(frozen=True, slots=True)
class LaidPart:
    """A cell, or a stretch of text that is in none."""

    identity: str
    lines: tuple[LaidLine, ...]
    box_px: Rectangle | None
    cell: PlacedCell | None = None
    table: int = -1
    """Counts the block's tables, from 0; -1 outside of them."""


@dataclass(frozen=True, slots=True)
class LaidFigure:
    """A picture that was cut out of the page: `figures/NAME`."""

    identity: str
    name: str
    box_px: Rectangle | None


@dataclass(frozen=True, slots=True)
class LaidBlock:
    """A block of the page; its text in one part, or in one for each cell and each stretch around tables."""

    identity: str
    label: str
    box_px: Rectangle | None
    figures: tuple[LaidFigure, ...]
    parts: tuple[LaidPart, ...]

    @property
    def is_table(self) -> bool:
        """Whether some of its text is in cells."""
        return any(part.cell for part in self.parts)


def laid_blocks(record: PageRecord, texts: Sequence[str]) -> Iterator[LaidBlock]:
    """The blocks of a page in reading order; `texts` is the clean markdown of each."""
    for at, (block, text) in enumerate(zip(record.blocks[:MAX_BLOCKS], texts, strict=False)):
        yield _laid(f"page{record.page}_block{at}", block, text, record.geometry)


def _laid(identity: str, block: Block, text: str, size: PageGeometry | None) -> LaidBlock:
    boxes = [(a, b, c, d) for a, b, c, d in boxes_pt(block, size)]
    figures = tuple(
        LaidFigure(f"{identity}_figure{at}", name, _pixels(box, size))
        for at, (box, name) in enumerate(zip(boxes, block.figures, strict=False))
    )
    runs = runs_of(text, block, size)
    within = f"{identity}_text" if block.figures else identity
    if any(run.cell for run in runs):
        parts = tuple(_parts(within, runs, size))
    else:
        whole = LaidPart(within, tuple(_lines(within, runs, within, size)), _pixels(around(boxes), size))
        parts = (whole,) if runs or not block.figures else ()
    return LaidBlock(within, block.label, _pixels(around(boxes), size), figures, parts)


def _parts(identity: str, runs: Sequence[WordRun], size: PageGeometry | None) -> Iterator[LaidPart]:
    """A part for each cell, and for each stretch of text around tables."""
    texts = 0
    for (table, cell), group in groupby(runs, key=lambda run: (run.table, run.cell)):
        some = list(group)
        if cell:
            name = f"{f'table{table}_' if table else ''}cell{cell.row}_{cell.column}"
        else:
            name, texts = f"part{texts}", texts + 1
        box = _pixels(around([run.box_pt for run in some if run.box_pt]), size)
        lines = tuple(_lines(f"{identity}_{name}", some, identity, size))
        yield LaidPart(f"{identity}_{name}", lines, box, cell, table)


def _lines(
    identity: str, runs: Sequence[WordRun], block: str, size: PageGeometry | None
) -> Iterator[LaidLine]:
    """Words are numbered over their block."""
    found = (list(words) for run in runs for _, words in groupby(run.words, key=lambda word: word.line))
    for at, words in enumerate(found):
        box = _pixels(around([word.box_pt for word in words if word.box_pt]), size)
        leftwards = bool(get_base_level(" ".join(word.text for word in words)))
        laid = tuple(_word(block, word, size) for word in words)
        yield LaidLine(f"{identity}_line{at}", laid, box, leftwards)


def _word(block: str, word: BlockWord, size: PageGeometry | None) -> LaidWord:
    return LaidWord(f"{block}_word{word.at}", word.text, _pixels(word.box_pt, size), word.is_exact)


def _pixels(box: Rectangle | None, size: PageGeometry | None) -> Rectangle | None:
    if box is None or size is None:
        return None
    x, y = size.width_px / max(size.width_pt, 0.01), size.height_px / max(size.height_pt, 0.01)
    left, top, right, bottom = box
    return left * x, top * y, max(left, right) * x, max(top, bottom) * y
