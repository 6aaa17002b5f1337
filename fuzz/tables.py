"""Tables: rows, pipes and CSV of whatever a table holds; every CSV is whole and no spreadsheet runs it."""

import csv
import io

from fixtures.acting import what_acts
from ocr_engine.records import Block
from ocr_engine.text.clean import Kind, clean, pieces
from ocr_engine.text.table_csv import MAX_FIELDS, tables_as_csv
from ocr_engine.text.table_rows import continued, read_rows, to_pipes

_RUN = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = frozenset("0123456789.,;% \u00a0()+-\uff0b\uff0d")
"""A field of these alone is a number, several of them, or a sign."""


def check(data: bytes) -> None:
    """Raises AssertionError where a table is broken, acts or runs."""
    text = data.decode("utf-8", "replace")
    if "<table" not in text:
        text = f"<table><tr><td>{text}</td></tr></table>"
    tables = [piece for kind, piece in pieces(clean(text)) if kind is Kind.TABLE]
    for table in tables:
        _assert_still(table)
        rows, pipes = read_rows(table.strip()), to_pipes(table.strip())
        assert pipes is None or (rows is not None and pipes.count("\n") == len(rows)), f"rows | {pipes!r}"
        _assert_still(pipes or "")
        joined = continued(table.strip(), table.strip())
        assert joined is None or read_rows(joined) is not None, f"joined | {joined!r}"
    for written in tables_as_csv([Block("table", (), text, ())]):
        _check_csv(written)


def _assert_still(markdown: str) -> None:
    for name in ("markdown-it with tables", "cmark-gfm"):
        found = what_acts(markdown, name)
        assert not found, f"{name}: {min(found).partition('=')[0]} | {markdown!r}"


def _check_csv(written: str) -> None:
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert len({len(row) for row in rows}) == 1 and len(rows) * len(rows[0]) <= MAX_FIELDS
    assert written.count("\n") == len(rows) and "\r" not in written, "rows that others split"
    for field in (field for row in rows for field in row):
        assert not field.lstrip().startswith(_RUN) or set(field) <= _NUMBER, f"runs | {field!r}"
