"""Tables as CSV: fields where they belong, spans, quotes, nothing that a spreadsheet would run."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.records import Block
from ocr_engine.text.table_csv import MAX_PAGE_FIELDS, MAX_TABLES, tables_as_csv


def tables(*contents: str) -> list[list[list[str]]]:
    blocks = [Block("table", (), content, ()) for content in contents]
    return [list(csv.reader(io.StringIO(text))) for text in tables_as_csv(blocks)]


def table(*rows: str) -> str:
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def cells(*words: str) -> str:
    return "".join(f"<td>{word}</td>" for word in words)


def test_tables_stand_in_reading_order_one_each() -> None:
    first, second = table(cells("a", "b")), table(cells("c"))
    assert tables(f"before\n{first}\nbetween\n{second}", "text alone", first) == [
        [["a", "b"]],
        [["c"]],
        [["a", "b"]],
    ]


def test_fields_with_marks_and_markup_come_back_as_text() -> None:
    row = cells("1,5", 'say "x"', "a &amp; b", "<b>bold</b> x", "日本", "")
    assert tables(table(row)) == [[["1,5", 'say "x"', "a & b", "bold x", "日本", ""]]]


def test_a_spanned_cell_has_its_text_once_and_what_follows_keeps_its_column() -> None:
    rows = ('<td rowspan="2">r</td><td colspan="2">c</td><td>x</td>', cells("1", "2", "3"), cells("4"))
    assert tables(table(*rows)) == [
        [["r", "c", "", "x"], ["", "1", "2", "3"], ["4", "", "", ""]],
    ]


def test_a_spreadsheet_runs_nothing() -> None:
    row = cells("=1+1", "@SUM(A1)", "-cmd", "+x", "-5", "+3.2 %", "- ", "a=b")
    expected = ["'=1+1", "'@SUM(A1)", "'-cmd", "'+x", "-5", "+3.2 %", "-", "a=b"]
    assert tables(table(row)) == [[expected]]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("&#13;=1+1", "'=1+1"), ("&#9;=1", "'=1"), ("&#10;=1", "'=1"), ("&nbsp;=1", "'=1"), ("&#61;1", "'=1"),
        ("＝1+1", "'＝1+1"), ("a;=1+1", "a;'=1+1"), ("&#x200b;@A", "\u200b'@A"), ("&quot;+x&quot;", '"\'+x"'),
        ("a&#13;b&#8232;c&Tab;d", "a b c d"), ("&#x202e;x", "x"), ("&#" + "9" * 5_000 + ";x", "\ufffdx"),
        ("&#0000000000061;1", "'=1"), ("-3.5", "-3.5"),
    ],
)  # fmt: skip
def test_no_entity_brings_a_formula_or_a_row(cell: str, written: str) -> None:
    assert tables(table(cells("x", cell, "y"))) == [[["x", written, "y"]]]


def test_spans_over_each_other_and_many_tables_are_bounded() -> None:
    stairs = [f'<td colspan="{150 - k}">a</td><td colspan="999" rowspan="999">b</td>' for k in range(149)]
    assert tables(table(*stairs)) == []
    wide = table(*['<td colspan="999">x</td>'] * 150)
    assert len(tables(wide * 10)) == MAX_PAGE_FIELDS // (150 * 999)


def test_what_is_no_plain_table_or_too_large_is_left_out() -> None:
    nested = table(cells(table(cells("inner"))))
    wide = table(*(['<td colspan="999">x</td>'] * 300))
    assert tables(nested, wide, table(cells("fine"))) == [[["fine"]]]
    assert len(tables(*[table(cells("x"))] * (MAX_TABLES + 5))) == MAX_TABLES


@settings(max_examples=60)
@given(st.text(alphabet="<>/tdrablecospn=\"'1,\n =-", max_size=200))
def test_anything_is_taken(text: str) -> None:
    for rows in tables(f"<table><tr><td>{text}</td></tr></table>", text):
        assert len({len(row) for row in rows}) == 1
