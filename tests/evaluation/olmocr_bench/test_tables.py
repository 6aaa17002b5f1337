from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.evaluation.olmocr_bench.tables import Grid, GridCell, html_tables, markdown_tables


def grid(html: str) -> Grid:
    (only,) = html_tables(f"<table>{html}</table>")
    return only


def cell(table: Grid, text: str) -> GridCell:
    return next(cell for cell in table.cells if cell.text == text)


def texts(cells: set[GridCell]) -> set[str]:
    return {cell.text for cell in cells}


def test_spans_have_several_neighbours() -> None:
    table = grid("<tr><td colspan=2>a</td></tr><tr><td>b</td><td>c</td></tr>")
    assert texts(table.neighbours(cell(table, "a"), "down")) == {"b", "c"}
    assert texts(table.neighbours(cell(table, "c"), "up")) == {"a"}


def test_a_row_span_pushes_the_next_row_aside_and_ends_under_a_later_cell() -> None:
    table = grid("<tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td></tr>")
    assert texts(table.neighbours(cell(table, "c"), "left")) == {"a"}
    wide = grid("<tr><td>a</td><td rowspan=3>b</td></tr><tr><td colspan=2>c</td></tr><tr><td>d</td></tr>")
    assert wide.neighbours(cell(wide, "d"), "right") == set()


def test_row_span_zero_reaches_the_end() -> None:
    table = grid("<tr><td rowspan=0>a</td><td>b</td></tr><tr><td>c</td></tr><tr><td>d</td></tr>")
    assert texts(table.neighbours(cell(table, "d"), "left")) == {"a"}


def test_headings_are_marked_ones_else_the_outermost() -> None:
    plain = grid("<tr><td>a</td></tr><tr><td>b</td></tr><tr><td>c</td></tr>")
    assert texts(plain.headings(cell(plain, "c"), "up")) == {"a"}
    marked = grid("<tr><td>a</td></tr><tr><th>b</th></tr><tr><td>c</td></tr>")
    assert texts(marked.headings(cell(marked, "c"), "up")) == {"b"}


def test_pipe_tables_without_outer_pipes_and_separators() -> None:
    (table,) = markdown_tables("text\na|b\n---|:-:\nc|d\n\n| alone |")
    assert texts(set(table.cells)) == {"a", "b", "c", "d"}


def test_absurd_spans_are_cut() -> None:
    table = grid('<tr><td colspan="999999999" rowspan="x">a</td></tr>')
    assert (table.cells[0].columns, table.cells[0].rows) == (1000, 1)
    assert (
        len(html_tables("<table>" + '<tr><td colspan="1000" rowspan="1000">a</td></tr>' * 50 + "</table>"))
        == 1
    )


SPANS = st.sampled_from(["", " colspan=2", " rowspan=2", " rowspan=3", " colspan=3 rowspan=0"])
ROWS = st.lists(st.lists(SPANS, max_size=4), min_size=1, max_size=4)


@settings(max_examples=150)
@given(ROWS)
def test_neighbours_are_never_the_cell_itself(rows: list[list[str]]) -> None:
    html = "".join("<tr>" + "".join(f"<td{span}>x</td>" for span in row) + "</tr>" for row in rows)
    for table in html_tables(f"<table>{html}</table>"):
        for one in table.cells:
            for side in ("up", "down", "left", "right"):
                assert one not in table.neighbours(one, side)
                assert one not in table.headings(one, side)
