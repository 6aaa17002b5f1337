"""Rows of tables: pipe tables where nothing is lost, and two parts of one table put together."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.text.table_rows import continued, read_rows, to_pipes
from ocr_engine.text.tables import sanitize_table


def table(*rows: str) -> str:
    cells = ["".join(f"<td>{cell}</td>" for cell in row.split(",")) for row in rows]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", re.sub(r"<[^<>]*>", "", text)))


def test_a_plain_table_becomes_pipes_with_its_first_row_as_header() -> None:
    assert to_pipes(table("Kind,Count", "Maps,3")) == "| Kind | Count |\n| --- | --- |\n| Maps | 3 |"
    with_groups = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
    assert to_pipes(with_groups) == "| a |\n| --- |\n| 1 |"


def test_pipes_and_line_ends_in_cells() -> None:
    assert to_pipes(table("|x|,a\nb")) == "| \\|x\\| | a b |\n| --- | --- |"
    assert to_pipes("<table><tr><td>a<br>b</td></tr></table>") == "| a<br>b |\n| --- |"


@pytest.mark.parametrize(
    "html",
    [
        '<table><tr><td colspan="2">a</td></tr><tr><td>b</td><td>c</td></tr></table>',
        '<table><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></table>',
        '<table><tr><td colspan="2">a</td></tr><tr><td colspan="2">b</td></tr></table>',
        '<table><tr><td rowspan="2">a</td></tr><tr><td>b</td></tr></table>',
        table("a,b", "c"),
        table("\\(\\|x\\|\\)"),
        "<table><tr><td><table><tr><td>in</td></tr></table></td></tr></table>",
        "<table><caption>c</caption><tr><td>a</td></tr></table>",
        "<table><tr><td><ul><li>a</li></ul></td></tr></table>",
        "<table><td>no row</td></table>",
        "<table>text<tr><td>a</td></tr></table>",
        "<table><tr>text<td>a</td></tr></table>",
        "<table><tr></tr></table>",
        "<table></table>",
    ],
)
def test_a_table_that_pipes_cannot_hold_is_left(html: str) -> None:
    assert to_pipes(html) is None


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td><table><tr><td>in</td></tr></table></td></tr></table>",
        "<table><caption>c</caption><tr><td>a</td></tr></table>",
        "<table><td>no row</td></table>",
        "<table>text<tr><td>a</td></tr></table>",
        "<table><tr><td>a</td></tr>text</table>",
        "<table><tr><td>a</td>text</tr></table>",
        "<table></table>",
    ],
)
def test_more_than_rows_of_cells_is_no_plain_table(html: str) -> None:
    assert read_rows(html) is None


def test_a_link_that_html_did_not_follow_is_not_followed_by_markdown_either() -> None:
    pipes = to_pipes(sanitize_table(table("[x](javascript:alert(1)),![](file:///etc/passwd)")))
    assert pipes is not None and "](javascript" not in pipes and "![](" not in pipes


_CELL = st.text(st.sampled_from(list("ab1|\\ \n*é漢$<>&")), max_size=8)


@settings(max_examples=150)
@given(st.lists(st.lists(_CELL, min_size=2, max_size=2), min_size=1, max_size=4))
def test_no_text_is_lost_and_every_row_has_its_cells(rows: list[list[str]]) -> None:
    html = sanitize_table("<table>" + "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows
    ) + "</table>")  # fmt: skip
    pipes = to_pipes(html)
    if pipes is None:
        assert read_rows(html) is None or "\\|" in html
        return
    lines = pipes.split("\n")
    assert len(lines) == len(rows) + 1
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert letters(pipes) == letters(html)


def test_rows_of_the_next_part_follow_and_its_header_goes() -> None:
    joined = continued(table("Kind,Count", "Maps,3"), table("Kind,Count", "Plans,4"))
    assert joined == table("Kind,Count", "Maps,3", "Plans,4")
    assert continued(table("a,b", "1,2"), table("3,4")) == table("a,b", "1,2", "3,4")
    groups = "<table><thead><tr><td>a</td></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
    assert continued(groups, table("<b>a</b>", "2")) == groups.replace(
        "</tbody>", "<tr><td>2</td></tr></tbody>"
    )


def test_a_header_of_several_rows_goes_as_a_whole_and_equal_rows_after_it_stay() -> None:
    head = '<tr><td rowspan="2">Kind</td><td colspan="2">Count</td></tr><tr><td>old</td><td>new</td></tr>'
    first, row = f"<table>{head}<tr><td>Maps</td><td>3</td><td>4</td></tr></table>", "<td>1</td><td>2</td>"
    second = f"<table>{head}<tr><td>Maps</td><td>3</td><td>4</td></tr><tr><td>Plans</td>{row}</tr></table>"
    added = f"<tr><td>Maps</td><td>3</td><td>4</td></tr><tr><td>Plans</td>{row}</tr></table>"
    assert continued(first, second) == first.replace("</table>", added)
    other = f"<table>{head.replace('old', 'bad')}</table>"
    assert continued(first, other) == first.replace("</table>", other[len("<table>") :])


def test_a_row_without_rows_below_it_is_no_header() -> None:
    assert continued(table("1,2"), table("1,2")) == table("1,2", "1,2")
    assert continued(table("a,b"), table("a,b", "1,2")) == table("a,b", "1,2")


def test_blank_first_rows_are_no_header() -> None:
    assert continued(table(",", "1,2"), table(",", "3,4")) == table(",", "1,2", ",", "3,4")


def test_a_row_of_spans_counts_its_columns() -> None:
    wide = '<table><tr><td colspan="2">a</td></tr><tr><td>1</td><td>2</td></tr></table>'
    assert continued(wide, table("3,4")) == wide.replace("</table>", "<tr><td>3</td><td>4</td></tr></table>")


def test_other_tables_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert continued(table("a,b"), table("a,b,c")) is None
    assert continued(table("a"), "<table><caption>x</caption><tr><td>a</td></tr></table>") is None
    monkeypatch.setattr("ocr_engine.text.table_rows.MAX_TAGS", 10)
    assert continued(table("a,b", "1,2"), table("3,4")) is None
