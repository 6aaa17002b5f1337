"""CSV that no spreadsheet runs and every reader cuts into the same rows; every writer goes through it."""

import csv
import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ocr_engine import sheets
from ocr_engine.outputs.retry import shell_word

PACKAGE = Path(__file__).parent.parent / "ocr_engine"
PIECES = st.sampled_from([
    "=1+1", "+cmd", "-x", "@SUM(A1)", "＝1", "－x", "﹫A", "⁺1", ";", ",", '"', "'", "\t", "\r", "\n", "\r\n",
    " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u202e", "\u2060", "\ufe0f", "\x00", "\x85", "\u2028",
    "\ud800", "-3.5", "a", "5", ".", "%",
])  # fmt: skip


NUMBER_AND_MORE = re.compile(r"[\s\"]*[+-][\s0-9.%)\]]*,")


def starts_formula(cell: str) -> bool:
    """Whether a program that trims, drops what is unseen and folds widths would calculate it."""
    seen = "".join(
        c for c in unicodedata.normalize("NFKC", cell) if unicodedata.category(c) not in ("Cf", "Cc", "Mn")
    ).strip(' "')
    return seen[:1] in ("=", "@") or (
        seen[:1] in ("+", "-") and re.fullmatch(r"[+-][\s0-9.,;%()\]+-]*", seen) is None
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"), ("\r=1+1", " '=1+1"), ("\t=1", " '=1"), ("\u00a0=1", "\u00a0'=1"),
        ("\n@A", " '@A"),
        ("＝1+1", "'＝1+1"), ("＋x", "'＋x"), ("－x", "'－x"), ("＠x", "'＠x"), ("\u200b=1", "\u200b'=1"),
        ("\ufeff=1", "'=1"), ('"=1"', '"\'=1"'), ("a;=1+1", "a;'=1+1"), ('a; "+x', 'a; "\'+x'), ("=", "'="),
        ("-3.5", "-3.5"), ("+3.2 %", "+3.2 %"), ("-1.5e-7", "-1.5e-7"), ("－5", "－5"), ("-", "-"),
        ("(0; -1).", "(0; -1)."), ("a;-1;b", "a;-1;b"), ("-; 2", "-; 2"), ("-;x", "'-;x"), ("－;<", "'－;<"),
        ("a=b", "a=b"), ("a, -b", "a, -b"), ("\u202ex\x00y", "xy"), ("\ud800", "\ufffd"),
        (-3.5, -3.5), (7, 7), (None, None), (True, True), ("1+1", "1+1"), ("-1+1", "'-1+1"),
    ],
)  # fmt: skip
def test_cells(value: object, written: object) -> None:
    assert sheets.cell(value) == written


@settings(max_examples=150)
@given(
    st.lists(
        st.lists(st.lists(PIECES, max_size=6).map("".join), min_size=3, max_size=3), min_size=1, max_size=4
    )
)
@example([["a", "\r=1+1", "b"]])
@example([["a", "x;\u200b＝1", "b"]])
@example([["", ";-3.5", "=1+1"]])
@example([["", "-3.5;", "-3.5;x"]])
def test_rows_come_back_as_they_were_and_none_runs(rows: list[list[str]]) -> None:
    text = sheets.as_text(rows)
    assert len(text.splitlines()) == len(rows), "one line a row, whatever a reader takes for a line end"
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in read] == [3] * len(rows)
    # Where `;` separates, a line's first cell may be a number and all that follows it up to there.
    elsewhere = [row[1:] for row in csv.reader(io.StringIO(text, newline=""), delimiter=";")]
    for row in read:
        assert not any(map(starts_formula, row)), row
    for row in elsewhere:
        # There `,` is the decimal sign: a number, a comma and anything but digits are no formula but text.
        assert not any(starts_formula(cell) and not NUMBER_AND_MORE.match(cell) for cell in row), row
    assert not any(starts_formula(piece) for row in read for cell in row for piece in cell.split(";"))


@settings(max_examples=100)
@given(st.text(alphabet="ab =+-@;,.", max_size=20))
def test_no_word_is_lost(text: str) -> None:
    assert str(sheets.cell(text)).replace("'", "") == text


def test_a_shell_word_that_a_spreadsheet_would_run_is_escaped() -> None:
    assert shell_word('a;=HYPERLINK("b");c.pdf') == "$'a\\x3b=HYPERLINK(\"b\")\\x3bc.pdf'"
    assert shell_word("a;b.pdf") == "'a;b.pdf'"


def test_nothing_else_writes_csv() -> None:
    writers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"csv\.(?:writer|DictWriter)|to_csv\(\w*path", path.read_text())
    }
    assert writers == {"sheets.py"}


@pytest.mark.parametrize(
    ("text", "written"), [("+]", "'+]"), ("-", "-"), ("(0; -1).", "(0; -1)."), ("- ", "- "), ("+.)", "'+.)")]
)
def test_a_sign_is_harmless_alone_or_before_digits(text: str, written: str) -> None:
    assert sheets.cell(text) == written
