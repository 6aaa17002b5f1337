"""Reads the rows of a sanitised HTML table, writes it as a pipe table, or joins two tables into one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ocr_engine.text.sanitize import INLINE_TAGS, sanitize
from ocr_engine.text.tables import MAX_TAGS

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s[^<>]*)?)>")
_SPAN = re.compile(r"(colspan|rowspan)=\"?([0-9]+)", re.IGNORECASE)
_GROUPS = frozenset({"thead", "tbody", "tfoot"})
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's HTML, and how many columns and rows it spans."""

    html: str
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells, and the part of the table's text from its `<tr>` to its `</tr>`."""

    cells: tuple[Cell, ...]
    start: int
    end: int

    @property
    def columns(self) -> int:
        """How many columns the row's cells span together."""
        return sum(cell.columns for cell in self.cells)

    def words(self) -> tuple[str, ...]:
        """The text of each cell, without markup and with single spaces."""
        return tuple(_SPACE.sub(" ", _TAG.sub(" ", cell.html)).strip() for cell in self.cells)


def read_rows(table: str) -> tuple[Row, ...] | None:
    """Read the rows of a sanitised table; None if it is more than rows of cells with inline text.

    More is: a caption, a table or list in a cell, a cell outside a row, or text outside a cell.
    """
    reader = _Reader()
    for tag in _TAG.finditer(table):
        if not reader.take(table, tag):
            return None
    complete = not table[reader.position :].strip() and not reader.in_row and reader.rows
    return tuple(reader.rows) if complete else None


class _Reader:
    """Walks over the tags of a table. `position` is the end of the last structural tag."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.position = 0
        self.in_row = False
        self._tables = 0
        self._cells: list[Cell] = []
        self._cell: re.Match[str] | None = None
        self._row_start = 0

    def take(self, table: str, tag: re.Match[str]) -> bool:
        """Take the next tag; False if this is not a plain table."""
        closing, name = bool(tag[1]), tag[2].lower()
        if name in ("td", "th"):
            return self._end_cell(table, tag) if closing else self._start_cell(table, tag)
        if self._cell is not None:
            return name in INLINE_TAGS
        if table[self.position : tag.start()].strip():
            return False
        self.position = tag.end()
        if name == "tr":
            return self._end_row(tag) if closing else self._start_row(tag)
        if name == "table" and not closing:
            self._tables += 1
        return self._tables == 1 and not self.in_row and (name == "table" or name in _GROUPS)

    def _start_cell(self, table: str, tag: re.Match[str]) -> bool:
        blank = not table[self.position : tag.start()].strip()
        fine = self.in_row and self._cell is None and blank
        self._cell = tag
        return fine

    def _end_cell(self, table: str, tag: re.Match[str]) -> bool:
        opened, self._cell = self._cell, None
        if opened is None:
            return False
        spans = {name.lower(): max(1, int(value)) for name, value in _SPAN.findall(opened[3])}
        inside = table[opened.end() : tag.start()]
        self._cells.append(Cell(inside, spans.get("colspan", 1), spans.get("rowspan", 1)))
        self.position = tag.end()
        return True

    def _start_row(self, tag: re.Match[str]) -> bool:
        fine = not self.in_row and self._tables == 1
        self.in_row, self._row_start, self._cells = True, tag.start(), []
        return fine

    def _end_row(self, tag: re.Match[str]) -> bool:
        fine, self.in_row = self.in_row, False
        self.rows.append(Row(tuple(self._cells), self._row_start, tag.end()))
        return fine


def to_pipes(table: str) -> str | None:
    """Write the table with `|`, its first row as the header; None if that would lose something.

    It would if a cell spans, rows differ in length, or a cell holds `\\|`, which markdown reads in two ways.
    """
    rows = read_rows(table)
    if rows is None or not rows[0].cells or any(len(row.cells) != len(rows[0].cells) for row in rows):
        return None
    cells = [cell for row in rows for cell in row.cells]
    if any(cell.columns > 1 or cell.rows > 1 or "\\|" in cell.html for cell in cells):
        return None
    lines = [
        _line(_SPACE.sub(" ", cell.html).strip().replace("|", "\\|") for cell in row.cells) for row in rows
    ]
    # Markdown acts where HTML did not: a link in a cell is a link from here on.
    return sanitize("\n".join([lines[0], _line("---" for _ in rows[0].cells), *lines[1:]]))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def continued(first: str, second: str) -> str | None:
    """Append the rows of `second` to `first`, without rows that repeat the header.

    None if they are not one table: they differ in columns, hold more than rows of cells, or are too large.
    """
    above, below = read_rows(first), read_rows(second)
    if above is None or below is None or above[0].columns != below[0].columns:
        return None
    if first.count("<") + second.count("<") > MAX_TAGS:
        return None
    rest = below[_repeated(above, below) :]
    added = "".join(second[row.start : row.end] for row in rest)
    return first[: above[-1].end] + added + first[above[-1].end :]


def _repeated(above: tuple[Row, ...], below: tuple[Row, ...]) -> int:
    """Count the rows at the start of `below` that repeat the header of `above`.

    The header is the first row and the rows that its tallest cell reaches into. A blank header does not
    count. Nor does one without rows below it: that may just be two equal rows.
    """
    height = max((cell.rows for cell in above[0].cells), default=1)
    header = [row.words() for row in above[:height]]
    same = len(below) > height and [row.words() for row in below[:height]] == header
    return len(header) if same and any(map(any, header)) else 0
