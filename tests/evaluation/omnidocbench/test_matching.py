"""The matching protocol on pages small enough to check by hand."""

from ocr_engine.evaluation.omnidocbench.matching import MatchOptions, PageRows, match_page
from ocr_engine.evaluation.omnidocbench.protocol import V1_0, V1_5, MatchMethod
from ocr_engine.evaluation.omnidocbench.rows import MatchedRow

from .pages import LONG_A, LONG_B, LONG_C, formula, match, page, table, text

TABLE = "<table><tr><td>1</td><td>2</td></tr></table>"
OTHER_TABLE = "<table><tr><td>unrelated</td><td>cells</td></tr></table>"


def pairs(rows: tuple[MatchedRow, ...]) -> list[tuple[str, str]]:
    return [(row.norm_gt, row.norm_pred) for row in rows]


def order(rows: PageRows) -> tuple[tuple[float, ...], tuple[float, ...]]:
    assert rows.reading_order is not None
    return rows.reading_order.gt, rows.reading_order.pred


def flat(content: str) -> str:
    return content.replace(" ", "")


def test_equal_blocks_match_in_any_order_and_the_order_is_scored() -> None:
    rows = match([text(LONG_A, 1), text(LONG_B, 2)], f"{LONG_B}\n\n{LONG_A}")
    assert [row.edit for row in rows.text] == [0.0, 0.0]
    assert order(rows) == ((1, 2), (2, 1))
    assert rows.reading_order is not None
    assert rows.reading_order.edits == 2


def test_extra_text_is_free_in_v1_5_and_charged_in_v1_0() -> None:
    elements, markdown = [text(LONG_A, 1), text(LONG_B, 2)], f"{LONG_A}\n\n{LONG_B}\n\n{LONG_C}"
    assert len(match(elements, markdown, V1_5).text) == 2
    charged = match(elements, markdown, V1_0).text
    assert pairs(charged)[-1] == ("", flat(LONG_C))
    assert charged[-1].edit == 1.0


def test_one_against_one_is_matched_whatever_the_distance() -> None:
    assert pairs(match([text("abc")], "xyz").text) == [("abc", "xyz")]


def test_what_is_left_over_is_paired_by_force() -> None:
    rows = match([text(LONG_A, 1), text("abcd", 2)], f"{LONG_A}\n\nwxyz uv")
    assert ("abcd", "wxyzuv") in pairs(rows.text)


def test_a_block_without_prediction_costs_everything_and_v1_0_counts_it_twice() -> None:
    elements = [text(LONG_A, 1), text(LONG_B, 2)]
    assert pairs(match(elements, LONG_A, V1_5).text)[1:] == [(flat(LONG_B), "")]
    assert pairs(match(elements, LONG_A, V1_0).text)[1:] == [(flat(LONG_B), "")] * 2


def test_an_empty_page_costs_everything_once() -> None:
    for protocol in (V1_0, V1_5):
        rows = match([text("a", 1), text("b", 2)], "", protocol)
        assert pairs(rows.text) == [("a", ""), ("b", "")]
        assert order(rows) == ((1, 2), ())


def test_a_block_predicted_in_pieces_is_put_together() -> None:
    half = len(LONG_A) // 2
    rows = match([text(LONG_A, 1), text(LONG_B, 2)], f"{LONG_A[:half]}\n\n{LONG_A[half:]}\n\n{LONG_B}")
    assert (flat(LONG_A), flat(LONG_A)) in pairs(rows.text)
    assert rows.text[0].pred_indices == (0, 1)


def test_blocks_predicted_as_one_are_put_together() -> None:
    short = "the fox sleeps"
    rows = match([text(LONG_A, 1), text(short, 2), text(LONG_B, 3)], f"{LONG_A} {short}\n\n{LONG_B}")
    assert (flat(LONG_A + short), flat(LONG_A + short)) in pairs(rows.text)
    assert rows.text[0].gt_indices == (0, 1)
    assert order(rows) == ((1, 2, 3), (1, 2, 3))


def test_a_running_head_takes_an_equal_title_with_it() -> None:
    title = "Chapter One Title"
    elements = [text(title, 0, "header"), text(title, 1, "title"), text(LONG_A, 2)]
    rows = match(elements, f"{title}\n\n{LONG_A}")
    assert pairs(rows.text) == [(flat(LONG_A), flat(LONG_A)), (flat(title), "")]


def test_ignored_blocks_are_in_no_row_and_no_order() -> None:
    elements = [text("Figure 1: a caption here", 1, "figure_caption"), text(LONG_A, 2)]
    rows = match(elements, f"Figure 1: a caption here\n\n{LONG_A}")
    assert len(rows.text) == 1
    assert order(rows) == ((2,), (2,))


def test_a_page_with_nothing_but_ignored_text_has_no_text_rows() -> None:
    rows = match([text("12", 0, "page_number")], LONG_A)
    assert rows == PageRows()


def test_an_element_without_word_characters_shifts_orders_and_attributes_behind_it() -> None:
    elements = [text("——", 1, k="first"), text(LONG_A, 2, k="second"), text(LONG_B, 3, k="third")]
    rows = match(elements, f"{LONG_A}\n\n{LONG_B}")
    assert order(rows) == ((1, 2), (1, 2))
    assert [row.gt_attributes for row in rows.text] == [({"k": "first"},), ({"k": "second"},)]


def test_a_block_without_word_characters_shifts_the_positions_behind_it() -> None:
    rows = match([text(LONG_A, 1), text(LONG_B, 2)], f"——\n\n{LONG_A}\n\n{LONG_B}")
    assert [row.pred_position for row in rows.text] == [0, 2]


def test_a_formula_matched_with_text_is_scored_as_text_but_not_in_the_order() -> None:
    elements = [text(LONG_A, 1), formula(r"\alpha + beta = gamma delta", 2)]
    rows = match(elements, f"{LONG_A}\n\nalpha+beta=gamma delta")
    assert rows.formula == ()
    assert pairs(rows.formula_as_text) == [("αbetagammadelta", "alphabetagammadelta")]
    assert order(rows) == ((1,), (1,))


def test_v1_0_matches_formulas_with_formulas_alone() -> None:
    rows = match([text(LONG_A, 1), formula("x=1", 2)], f"{LONG_A}\n\n$$x=2$$\n\n$$y$$", V1_0)
    assert len(rows.formula) == 1
    assert pairs(rows.text) == [(flat(LONG_A), flat(LONG_A))]


def test_a_one_column_array_is_split_into_rows_with_fractional_orders() -> None:
    array = r"\begin{array}{l} a+b=c \\ d+e=f \end{array}"
    rows = match([text(LONG_A, 1), formula(array, 2)], LONG_A + "\n\n$$a+b=c$$\n\n$$d+e=f$$")
    assert [(row.norm_gt, row.gt_orders) for row in rows.formula] == [("a+b=c", (2.1,)), ("d+e=f", (2.2,))]


def test_a_matrix_is_not_split() -> None:
    array = r"\begin{array}{cc} a & b \\ c & d \end{array}"
    rows = match([text(LONG_A, 1), formula(array, 2)], f"{LONG_A}\n\n$${array}$$")
    assert len(rows.formula) == 1


def test_formulas_of_one_row_are_written_as_an_array_for_cdm() -> None:
    first, second = "a+b+c+d=e+f+g", "h+i+j=k"
    elements = [formula(f"$${first}$$", 1), formula(f"$${second}$$", 2), text(LONG_A, 3)]
    rows = match(elements, f"$${first}{second}$$\n\n{LONG_A}")
    assert rows.formula[0].gt == r"\begin{array}{l} {" + first + r"} \\ {" + second + r"} \end{array}"


def test_inline_formulas_come_last_among_the_candidates() -> None:
    rows = match([text(LONG_A, 1), formula("x^2+y^2=z^2", 2)], f"$x^2+y^2=z^2$ is known\n\n{LONG_A}")
    assert rows.formula[0].pred_kind == "equation_inline"
    assert rows.formula[0].pred_indices == (2,)


def test_predicted_tables_vanish_where_none_is_annotated() -> None:
    rows = match([text(LONG_A, 1)], f"{LONG_A}\n\n{TABLE}")
    assert rows.html_table == ()
    assert pairs(rows.text) == [(flat(LONG_A), flat(LONG_A))]


def test_a_table_without_prediction_is_a_row() -> None:
    assert [row.pred for row in match([table(TABLE)], LONG_A).html_table] == [""]


def test_cells_of_an_unwanted_table_are_text_in_v1_5() -> None:
    elements = [table(TABLE), text("unrelated", 1), text(LONG_A, 2)]
    markdown = f"{LONG_A}\n\n{TABLE}\n\n{OTHER_TABLE}"
    assert ("unrelated", "unrelated") in pairs(match(elements, markdown, V1_5).text)
    assert ("unrelated", "unrelated") not in pairs(match(elements, markdown, V1_0).text)


def test_cells_stay_tables_where_the_annotation_is_empty() -> None:
    rows = match([table(""), text("unrelated", 1), text(LONG_A, 2)], f"{LONG_A}\n\n{OTHER_TABLE}")
    assert rows.html_table == ()
    assert ("unrelated", "") in pairs(rows.text)


def test_a_latex_page_counts_as_unpredicted_in_v1_5() -> None:
    tabular = "\\begin{tabular}{cc}1 & 2\\end{tabular} "
    v1_5, v1_0 = (match([table(TABLE)], tabular, protocol) for protocol in (V1_5, V1_0))
    assert v1_5.html_table == v1_0.html_table == ()
    assert [row.compared[1] for row in v1_5.latex_table] == [""]
    assert [row.compared[1] for row in v1_0.latex_table] == [tabular]


def test_simple_match_joins_what_is_left_and_forgets_the_first_prediction() -> None:
    options = MatchOptions(V1_0, MatchMethod.SIMPLE)
    rows = match_page(page(text(LONG_A, 1)), f"{LONG_A}\n\nx\n\ny", options).text
    assert pairs(rows) == [(flat(LONG_A), flat(LONG_A)), ("", "xy")]
    assert (rows[0].pred_kind, rows[0].pred_position) == ("", None)


def test_the_time_limit_falls_back_to_simple_matching_and_says_so() -> None:
    elements = [text(LONG_A, 1), text(LONG_B, 2)]
    for protocol in (V1_0, V1_5):
        options = MatchOptions(protocol, timeout_s=-1.0)
        rows = match_page(page(*elements), f"{LONG_A}\n\n{LONG_B}", options)
        assert rows.timed_out
        assert len(rows.text) == 2
