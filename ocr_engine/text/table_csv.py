"""The tables of a page as CSV: comma, quotes where needed, a spanned cell's text in its first field.

Who opens them is a spreadsheet, who wrote them a stranger: what it would run as a formula is led by a `'`.
"""

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator

from ocr_engine.records import Block
from ocr_engine.text.clean import Kind, clean, pieces
from ocr_engine.text.table_rows import Row, read_rows

MAX_TABLES = 500
"""Tables of one page that are written."""
MAX_FIELDS = 200_000
"""Fields of one table: spans can claim a million columns in a line."""
_FORMULA = re.compile(r"[=+\-@](?![\s0-9.,%]*$)")


def tables_as_csv(blocks: Iterable[Block]) -> tuple[str, ...]:
    """One text a table, in reading order; without those that hold more than rows of cells."""
    found = (table for block in blocks for table in _tables(block))
    return tuple(table for table, _ in zip(found, range(MAX_TABLES), strict=False))


def _tables(block: Block) -> Iterator[str]:
    for kind, piece in pieces(clean(block.content)):
        rows = read_rows(piece.strip()) if kind is Kind.TABLE else None
        if rows is not None and (text := _as_csv(rows)):
            yield text


def _as_csv(rows: tuple[Row, ...]) -> str:
    grid = _grid(rows)
    if grid is None:
        return ""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(grid)
    return buffer.getvalue()


def _grid(rows: tuple[Row, ...]) -> list[list[str]] | None:
    """Every field of the table, rows of equal length; None where spans make it too large."""
    taken: dict[tuple[int, int], str] = {}
    for y, row in enumerate(rows):
        x = 0
        for cell, words in zip(row.cells, row.words(), strict=True):
            while (y, x) in taken:
                x += 1
            height = min(cell.rows, len(rows) - y)
            if len(taken) + cell.columns * height > MAX_FIELDS:
                return None
            taken |= {(y + down, x + right): "" for down in range(height) for right in range(cell.columns)}
            taken[y, x] = _harmless(html.unescape(words))
    width = max((x + 1 for _, x in taken), default=0)
    if width * len(rows) > MAX_FIELDS:
        return None
    return [[taken.get((y, x), "") for x in range(width)] for y in range(len(rows))]


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text
