"""HTML of a page or block in, its tables out: rows of cells, and where each cell stands in the grid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

MAX_CELLS = 200_000
"""Slots of a table: a few spans can claim a million."""
_MAX_CHARS = 32_767
_MAX_COLUMNS = 16_384
_APART = frozenset({"br", "dd", "dt", "hr", "li", "p", "pre", "table", "td", "th", "tr"})
"""Tags that stand between words; others stand within them."""


@dataclass(slots=True)
class TableCell:
    """A cell: its text and how far it spans."""

    columns: int = 1
    rows: int = 1
    is_header: bool = False
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text with single blanks, as long as a cell of a spreadsheet may be."""
        return " ".join("".join(self.words).split())[:_MAX_CHARS]


Rows = Sequence[Sequence[TableCell]]


@dataclass(frozen=True, slots=True)
class PlacedCell:
    """A cell in its place: its first row and column, from 0, and how many of each it takes."""

    row: int
    column: int
    rows: int
    columns: int
    text: str
    is_header: bool


def grid(rows: Rows) -> Iterator[PlacedCell]:
    """The cells in reading order, spans clipped to the table. Ends where the table claims too many slots."""
    taken: set[tuple[int, int]] = set()
    claimed = 0
    for y, row in enumerate(rows):
        x = 0
        for cell in row:
            while (y, x) in taken:
                x += 1
            down, right = min(cell.rows, len(rows) - y), min(cell.columns, _MAX_COLUMNS - x)
            claimed += down * right
            if right < 1 or claimed > MAX_CELLS:
                return
            area = {(y + j, x + i) for j in range(down) for i in range(right)}
            if area & taken:
                down = right = 1
            taken |= area
            yield PlacedCell(y, x, down, right, cell.text, cell.is_header)


def tables_in(html: str) -> list[list[list[TableCell]]]:
    """The tables of safe HTML as rows of cells; one within another is text of the cell it stands in."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.tables


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[TableCell]]] = []
        self._depth = 0
        self._cell: TableCell | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self.tables.append([])
        elif self._depth == 1 and tag == "tr":
            self.tables[-1].append([])
        elif self._depth == 1 and tag in ("td", "th") and self.tables[-1]:
            spans = {
                name: int(value) for name, value in attrs if value and value.isascii() and value.isdigit()
            }
            columns, rows = (max(1, spans.get(name, 1)) for name in ("colspan", "rowspan"))
            self._cell = TableCell(columns, rows, tag == "th")
            self.tables[-1][-1].append(self._cell)
        if tag in _APART:
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _APART:
            self.handle_data(" ")
        if tag == "table":
            self._depth = max(0, self._depth - 1)
        if self._depth <= 1 and tag in ("td", "th", "tr", "table"):
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.words.append(data)
