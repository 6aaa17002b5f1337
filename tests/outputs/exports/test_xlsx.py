"""Tables of a document as a spreadsheet, read back with openpyxl: spans merged, every cell text."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.outputs.exports import table_cells, xlsx
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.records import PageRecord

openpyxl = pytest.importorskip("openpyxl", reason="needs openpyxl")
pytest.importorskip("xlsxwriter", reason="needs XlsxWriter")
MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]


def sheets(document: SourceDocument, path: Path) -> dict[str, list[list[object]]]:
    xlsx.write(document, path)
    book = openpyxl.load_workbook(path)
    assert all(cell.data_type in ("s", "n") for sheet in book for row in sheet for cell in row)
    assert all(cell.value is None or cell.data_type == "s" for sheet in book for row in sheet for cell in row)
    return {sheet.title: [list(row) for row in sheet.values] for sheet in book}


def test_a_sheet_a_table(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    first = (
        '<table><tr><td rowspan="2">A &amp; b</td><td>H<sub>2</sub>O</td></tr><tr><td>=1+1</td></tr></table>'
    )
    second = (
        '<table><tr><td colspan="2">http://a.example</td></tr><tr><td>007</td><td>1<br>2</td></tr></table>'
    )
    document = finished([(record(1), "text"), (record(2), f"{first}\n\nbetween\n\n{second}")])
    found = sheets(document, tmp_path / "a.xlsx")
    assert found == {
        "page 2 table 1": [["A & b", "H2O"], [None, "=1+1"]],
        "page 2 table 2": [["http://a.example", None], ["007", "1 2"]],
    }
    merged = openpyxl.load_workbook(tmp_path / "a.xlsx")["page 2 table 1"].merged_cells.ranges
    assert [str(one) for one in merged] == ["A1:A2"]
    xlsx.write(document, tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_document_without_tables_says_so(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    assert sheets(finished([(record(1), "text")]), tmp_path / "a.xlsx") == {
        "no tables": [["no tables were read in this document"]]
    }


@pytest.mark.parametrize(
    "table",
    [
        '<table><tr><td colspan="1000" rowspan="1000">x</td></tr></table>' * 3,
        '<table><tr><td rowspan="3">a</td><td colspan="3">b</td></tr><tr><td colspan="2">c</td></tr></table>',
        "<table><tr><td>" + "x" * 50_000 + "</td></tr></table>",
        "<table><tr><td>=cmd|'/c calc'!A0</td><td>@SUM(1)</td><td>\t=1</td><td>{=1}</td></tr></table>",
        "<table></table><table><tr></tr></table>",
        "<table><tr><td><table><tr><td>in</td></tr></table></td></tr></table>",
    ],
)
def test_odd_tables_are_bounded_and_harmless(
    tmp_path: Path, finished: Finished, record: MakeRecord, table: str
) -> None:
    assert sheets(finished([(record(1), table)]), tmp_path / "a.xlsx")


@given(st.text(alphabet='<>/tabledrhcospan="0123456789 x&;', max_size=300))
def test_any_html_is_read(html: str) -> None:
    for table in table_cells.tables_in(f"<table><tr><td>{html}"):
        assert all(cell.columns >= 1 and cell.rows >= 1 for row in table for cell in row)
