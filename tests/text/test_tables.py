"""HTML tables: where they end, what stays letter for letter, what is closed and taken away."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.text.clean import clean
from ocr_engine.text.tables import sanitize_table, table_end

GOOD = (
    '<table><tr><td colspan="2" rowspan=3>a</td></tr><tr><td>H<sub>2</sub>O<br></td><td>R&D</td></tr></table>'
)


def end_of(text: str) -> str:
    return text[: table_end(text, 0)]


@pytest.mark.parametrize(
    ("text", "table"),
    [
        (GOOD + " after", GOOD),
        ("<table><tr><td>a</td></tr>\nafter", "<table><tr><td>a</td></tr>"),
        ("<table><tr><td>cut off\nhere\n\nafter", "<table><tr><td>cut off\nhere"),
        ("<table><tr><td><table><tr><td>x</td></tr></table></td></tr></table>y", None),
        ("<table><tr><td>a</td></tr>text<table><tr><td>b</td></tr></table>", "<table><tr><td>a</td></tr>"),
        ("<TABLE border=1><tr><td>a</TD></tr></TABLE>x", "<TABLE border=1><tr><td>a</TD></tr></TABLE>"),
        ("<table", ""),
        ("<table x <tr>", ""),
    ],
)
def test_where_a_table_ends(text: str, table: str | None) -> None:
    assert end_of(text) == (text[:-1] if table is None else table)


def test_a_good_table_stays_letter_for_letter() -> None:
    assert sanitize_table(GOOD) == GOOD
    assert clean(GOOD) == GOOD


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("<table><tr><td>a</td><td>b", "<table><tbody><tr><td>a</td><td>b</td></tr></tbody></table>"),
        ("<table><tr><td>a < b</td></tr></table>", "<table><tr><td>a &lt; b</td></tr></table>"),
        ("<table><tr><td>\\(x<y\\)</td></tr></table>", "<table><tr><td>\\(x&lt;y\\)</td></tr></table>"),
        ("<table><tr><td>a\n\n\nb</td></tr></table>", "<table><tr><td>a\nb</td></tr></table>"),
        (
            "<table><tr><td onclick='x()' colspan=\"2\">a</td></tr></table>",
            '<table><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
        ),
        (
            '<table class="t" style="x"><tr><td colspan="99999999">a</td><td rowspan="0">b</td></tr></table>',
            '<table><tbody><tr><td>a</td><td rowspan="1">b</td></tr></tbody></table>',
        ),
        ("<table><tr><td><script>x</script></td></tr></table>", "<table><tr><td>x</td></tr></table>"),
        ("<table><tr><td><img src=x>y</td></tr></table>", "<table><tr><td>y</td></tr></table>"),
        ("<table><tr><td><List></td></tr></table>", "<table><tr><td>&lt;List></td></tr></table>"),
    ],
)
def test_a_bad_table_is_mended(table: str, expected: str) -> None:
    assert sanitize_table(table) == expected
    assert sanitize_table(expected) == expected


def test_a_table_stands_between_blank_lines() -> None:
    # Markdown after a table would else be part of its HTML block, and shown raw.
    assert clean(f"before {GOOD} **after**") == f"before\n\n{GOOD}\n\n **after**"


def test_a_table_bomb_is_kept_as_text() -> None:
    bomb = "<table><tr><td>" + "<b>" * 1_000 + "text"
    assert "&lt;b>" in sanitize_table(bomb)
    assert "text" in sanitize_table(bomb)
    nested = "<table><tr><td>" * 2_000
    assert sanitize_table(nested).startswith("&lt;table>")


@pytest.mark.parametrize(
    "unit", ["<tr>", "<td>", "</td>", "<td><b>", "<table>", "<li>", "<p>", "<td>a<", "<ul>"]
)
def test_hostile_repetition_ends_soon(unit: str) -> None:
    assert sanitize_table("<table>" + unit * 10_000)


CELLS = st.sampled_from(
    ["w1", "<b>w2", "</b>", "a<b", "<sub>w3</sub>", "<i onclick=x>", "\n\n", "&", "<br>", "\\(x<y\\)"]
)
TAGS = st.sampled_from(["<tr>", "</tr>", "<td>", "</td>", "<th colspan=2>", "<table>", "</table>", "<tbody>"])


@settings(max_examples=300)
@given(st.lists(st.one_of(CELLS, TAGS), max_size=15).map(lambda parts: "<table>" + "".join(parts)))
def test_any_table_ends_up_balanced_with_its_words(table: str) -> None:
    mended = sanitize_table(table)
    assert sanitize_table(mended) == mended
    assert sorted(re.findall(r"w[0-9]", mended)) == sorted(re.findall(r"w[0-9]", table))
    for name in ("table", "tr", "td", "th", "b", "sub", "i"):
        assert len(re.findall(rf"<{name}[ >]", mended)) == mended.count(f"</{name}>")
