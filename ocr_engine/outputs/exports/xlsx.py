"""The tables of a document as a spreadsheet: a sheet a table, spans as merged cells. Needs XlsxWriter.

Every cell is text, whatever it looks like: nothing that a page says is a formula, a link or a number there.
"""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.page_html import rendered
from ocr_engine.outputs.exports.table_cells import TableCell, grid, tables_in
from ocr_engine.outputs.files import atomic_file, output_errors

MAX_SHEETS = 2_000
"""Further tables of a document are left out, and the last sheet says so."""
_WIDEST = 60
_AS_TEXT = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
_EPOCH = datetime.datetime(1980, 1, 1)
"""With one date, equal documents give equal files."""


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


def _fill(sheet: Any, rows: list[list[TableCell]], merged: Any) -> None:
    widths: dict[int, int] = {}
    for cell in grid(rows):
        y, x = cell.row, cell.column
        if cell.rows * cell.columns > 1:
            sheet.merge_range(y, x, y + cell.rows - 1, x + cell.columns - 1, "", merged)
        else:
            widths[x] = max(widths.get(x, 8), min(_WIDEST, len(cell.text) + 1))
        sheet.write_string(y, x, cell.text, merged)
    for x, width in widths.items():
        sheet.set_column(x, x, width)
