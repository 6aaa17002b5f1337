"""The tables of a document as a spreadsheet: a sheet a table, spans as merged cells. Needs XlsxWriter.

Every cell is text, whatever it looks like: nothing that a page says is a formula, a link or a number there.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.page_html import rendered
from ocr_engine.outputs.files import atomic_file, output_errors

MAX_SHEETS = 2_000
"""Further tables of a document are left out, and the last sheet says so."""
MAX_CELLS = 200_000
"""Of a table: a few spans can claim a million."""
_MAX_CHARS = 32_767
_MAX_COLUMNS = 16_384
_WIDEST = 60
_AS_TEXT = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
_APART = frozenset({"br", "dd", "dt", "hr", "li", "p", "pre", "table", "td", "th", "tr"})
"""Tags that stand between words; others stand within them."""
_EPOCH = datetime.datetime(1980, 1, 1)
"""With one date, equal documents give equal files."""


@dataclass(slots=True)
class TableCell:
    """A cell: its text and how far it spans."""

    columns: int = 1
    rows: int = 1
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text with single blanks, as long as a cell may be."""
        return " ".join("".join(self.words).split())[:_MAX_CHARS]


def require() -> None:
    """Raises OutputError where XlsxWriter is not installed."""
    try:
        import xlsxwriter  # noqa: F401 - asked for before an hour of reading, not after
    except ImportError:
        raise OutputError("output.xlsx: XlsxWriter is not installed; pip install XlsxWriter") from None


def write(document: SourceDocument, path: Path) -> None:
    """Write the tables of all pages; one sheet says that there are none. Raises OutputError."""
    import xlsxwriter

    with output_errors(path), atomic_file(path) as temporary:
        book = xlsxwriter.Workbook(str(temporary), {**_AS_TEXT, "in_memory": True})
        book.set_properties({"created": _EPOCH})
        merged = book.add_format({"align": "left", "valign": "top", "text_wrap": True})
        count = 0
        for count, (page, number, rows) in enumerate(_tables(document), start=1):
            if count > MAX_SHEETS:
                book.add_worksheet("more").write_string(
                    0, 0, f"only the first {MAX_SHEETS:,} tables are here"
                )
                break
            _fill(book.add_worksheet(f"page {page} table {number}"), rows, merged)
        if not count:
            book.add_worksheet("no tables").write_string(0, 0, "no tables were read in this document")
        book.close()


def _tables(document: SourceDocument) -> Iterator[tuple[int, int, list[list[TableCell]]]]:
    for page in document.pages():
        for number, rows in enumerate(tables_in(rendered(page.text)), start=1):
            yield page.record.page, number, rows


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
            self._cell = TableCell(max(1, spans.get("colspan", 1)), max(1, spans.get("rowspan", 1)))
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


def _fill(sheet: Any, rows: list[list[TableCell]], merged: Any) -> None:
    taken: set[tuple[int, int]] = set()
    widths: dict[int, int] = {}
    for y, row in enumerate(rows):
        x = 0
        for cell in row:
            while (y, x) in taken:
                x += 1
            down, right = min(cell.rows, len(rows) - y), min(cell.columns, _MAX_COLUMNS - x)
            if right < 1 or len(taken) + down * right > MAX_CELLS:
                return
            area = {(y + j, x + i) for j in range(down) for i in range(right)}
            if len(area) > 1 and not area & taken:
                sheet.merge_range(y, x, y + down - 1, x + right - 1, "", merged)
            sheet.write_string(y, x, cell.text, merged)
            taken |= area
            if len(area) == 1:
                widths[x] = max(widths.get(x, 8), min(_WIDEST, len(cell.text) + 1))
    for x, width in widths.items():
        sheet.set_column(x, x, width)
