"""Writes the tables of a page as CSV: commas, quotes if needed, a spanned cell's text in its first field."""

from collections.abc import Collection, Iterable, Iterator

from ocr_engine import sheets
from ocr_engine.records import Block
from ocr_engine.text.clean import Kind, clean, pieces
from ocr_engine.text.entities import unescape
from ocr_engine.text.habits import mend
from ocr_engine.text.table_rows import Row, read_rows

MAX_TABLES = 500
"""The most tables of one page that are written."""
MAX_FIELDS = 200_000
"""The most fields of one table. A few spans can claim a million columns."""
MAX_PAGE_FIELDS = 1_000_000
"""The most fields of all tables of a page. A table beyond is left out."""
Grid = list[list[str]]


def tables_as_csv(blocks: Iterable[Block], habits: Collection[str] = ()) -> tuple[str, ...]:
    """One CSV text per table, in reading order. Tables that are more than rows of cells are left out.

    `habits` are the habits undone in the cells.
    """
    texts: list[str] = []
    left = MAX_PAGE_FIELDS
    for grid in _grids(blocks, habits):
        left -= len(grid) * len(grid[0])
        if len(texts) == MAX_TABLES or left < 0:
            break
        texts.append(sheets.as_text(grid))
    return tuple(texts)


def _grids(blocks: Iterable[Block], habits: Collection[str]) -> Iterator[Grid]:
    for block in blocks:
        for kind, piece in pieces(clean(block.content)):
            rows = read_rows(mend(piece, habits, cell=True).strip()) if kind is Kind.TABLE else None
            if rows is not None and (grid := _grid(rows)):
                yield grid


def _grid(rows: tuple[Row, ...]) -> Grid | None:
    """All fields of the table in rows of equal length; None if spans make it too large."""
    taken: dict[tuple[int, int], str] = {}
    fields = 0
    for y, row in enumerate(rows):
        x = 0
        for cell, words in zip(row.cells, row.words(), strict=True):
            while (y, x) in taken:
                x += 1
            height = min(cell.rows, len(rows) - y)
            fields += cell.columns * height  # spans may lie over each other
            if fields > MAX_FIELDS:
                return None
            taken |= {(y + down, x + right): "" for down in range(height) for right in range(cell.columns)}
            taken[y, x] = " ".join(unescape(words).split())
    width = max((x + 1 for _, x in taken), default=0)
    if width * len(rows) > MAX_FIELDS:
        return None
    return [[taken.get((y, x), "") for x in range(width)] for y in range(len(rows))]
