import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.evaluation.omnidocbench import spans
from ocr_engine.evaluation.omnidocbench.markdown_split import MarkdownBlock, split
from ocr_engine.evaluation.omnidocbench.markdown_tables import has_table, to_html
from ocr_engine.evaluation.omnidocbench.protocol import V1_0, V1_5, Protocol


def pieces(markdown: str, protocol: Protocol = V1_5) -> list[tuple[str, str]]:
    blocks: list[MarkdownBlock] = [b for found in split(markdown, protocol).values() for b in found]
    return [(b.kind, b.content) for b in sorted(blocks, key=lambda b: b.position)]


def texts(markdown: str, protocol: Protocol = V1_5) -> list[str]:
    return [block.content for block in split(markdown, protocol).get("text_all", [])]


def test_paragraphs_split_at_blank_lines_and_lose_empty_lines() -> None:
    assert texts("a\nb\n\n  c  \n   \n d\n\n\n\n") == ["a\nb", "c\nd"]


def test_one_blank_line_leaves_all_other_lines_unsplit() -> None:
    assert texts("a\nb\nc") == ["a", "b", "c"]
    assert texts("a\nb\n\nc") == ["a\nb", "c"]


def test_images_and_document_tags_disappear() -> None:
    assert texts("![x](y.png)<html><body>t</body></html>") == ["t"]


def test_v1_0_keeps_html_fences_and_squeezes_symbols() -> None:
    assert texts("```html\na\n```", V1_0) == ["```html", "a"]
    assert texts("```html\na\n```") == ["a"]
    assert texts("a" + "." * 11, V1_0) == ["a...."]
    assert texts("a" + "." * 11) == ["a" + "." * 11]


def test_underscores_and_spaces_are_squeezed_to_four() -> None:
    assert texts("a______b      c") == ["a____b    c"]


def test_a_closing_fence_is_gone_before_code_is_looked_for() -> None:
    assert texts("```python\nprint(1)\n```\n\nend") == ["```python\nprint(1)", "end"]
    assert ("code", "f()") in pieces("```js\nf()``` x\n\nend")


@pytest.mark.parametrize("display", ["$$x\n=1$$", r"\[x" + "\n" + r"=1\]"])
def test_displayed_formulas_leave_the_text(display: str) -> None:
    assert sorted(pieces(f"a\n\n{display}\n\nb")) == [
        ("equation_isolated", r"\[x =1\]"),
        ("text_block", "a"),
        ("text_block", "b"),
    ]


def test_v1_0_takes_white_space_out_of_displayed_formulas() -> None:
    assert ("equation_isolated", r"\[x=1\]") in pieces("$$x\n = 1$$", V1_0)


def test_inline_formulas_are_candidates_and_stay_in_the_text() -> None:
    found = pieces(r"let $x_1$ and \(y\) be")
    assert ("equation_inline", r"\[x_1\]") in found
    assert ("equation_inline", r"\[y\]") in found
    assert ("text_block", r"let $x_1$ and \(y\) be") in found


def test_a_dollar_inside_a_display_makes_it_inline_and_keeps_it_in_the_text() -> None:
    found = pieces(r"\[a $b$ c\]")
    assert found[0][0] == "equation_inline"
    assert ("text_block", r"\[a $b$ c\]") in found


def test_two_prices_are_a_formula_over_paragraphs() -> None:
    assert ("equation_inline", r"\[5  and \]") in pieces("costs $5\n\nand $10")


def test_an_unclosed_display_swallows_text_up_to_the_next() -> None:
    found = pieces("$$ a\n\nlost\n\n$$ b")
    assert [content for kind, content in found if kind == "text_block"] == ["b"]


def test_an_environment_without_delimiters_is_text() -> None:
    assert texts("\\begin{equation}x\\end{equation}") == ["\\begin{equation}x\\end{equation}"]


def test_a_paragraph_between_dollars_is_a_formula_too() -> None:
    assert ("equation_isolated", "$x$") in pieces("a\n\n$x$\n\nb")


def test_wrappers_are_taken_off() -> None:
    assert texts(r"\title{ A } \text{ b } \section*{C}") == ["A  b C"]


def test_positions_of_text_leave_separators_out_and_those_of_tables_do_not() -> None:
    blocks = split("ab\n\ncd\n\n<table> </table>", V1_5)
    assert [block.position for block in blocks["text_all"]] == [0, 2]
    assert [block.position for block in blocks["html_table"]] == [8]


def test_nested_tables_stay_inside_the_outermost() -> None:
    markdown = "<table><tr><td><table></table></td></tr></table>"
    assert pieces(markdown) == [("html_table", markdown)]


def test_an_unclosed_table_is_text_and_does_not_hide_a_later_one() -> None:
    found = pieces("<table><tr><td>cut\n\n<table><tr></tr></table>")
    assert ("html_table", "<table><tr></tr></table>") in found
    assert ("text_block", "<table><tr><td>cut") in found


def test_a_latex_table_takes_one_character_too_many() -> None:
    tabular = "\\begin{tabular}{c}a\\end{tabular}"
    assert pieces(tabular + "\nrest") == [("latex_table", tabular + "\n"), ("text_block", "rest")]


def test_a_tabular_in_a_table_environment_is_one_latex_table() -> None:
    markdown = "\\begin{table}\\begin{tabular}{c}a\\end{tabular}\\end{table}"
    assert pieces(markdown) == [("latex_table", markdown)]


def test_pipe_tables_need_two_rows() -> None:
    assert not has_table("| a | b |")
    assert has_table("| a | b |\n| c | d |")


def test_pipe_tables_get_explicit_spans_and_no_separator_row() -> None:
    html = to_html("| a | b |\n|---|---|\n| 1 | 2 |")
    cells = re.findall(r"<td([^>]*)>(.*?)</td>", html)
    assert cells == [(' colspan="1" rowspan="1"', text) for text in ("a", "b", "1", "2")]


def test_a_cell_with_a_colon_is_dropped() -> None:
    html = to_html("| a | b |\n|---|---|\n| 1 | 10:30 |")
    assert re.findall(r"<td[^>]*>(.*?)</td>", html) == ["a", "b", "1"]


def test_the_line_before_a_pipe_table_is_lost() -> None:
    assert "Caption" not in to_html("Caption\n| a | b |\n|---|---|\n| 1 | 2 |")


MARKDOWN = st.lists(
    st.sampled_from(
        ["<table>", "</table>", "<table border", ">", "\n\n", "\n", "a", "$", "$$", "\\[", "\\]", "|", " "]
        + ["\\begin{tabular}", "\\end{tabular}", "\\begin{table}", "\\end{table}", "```", ":", "---", "x_1"]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=200)
@given(MARKDOWN)
def test_any_text_splits_into_blocks_with_content(markdown: str) -> None:
    for protocol in (V1_0, V1_5):
        for category, blocks in split(markdown, protocol).items():
            assert all(block.category == category and block.position >= 0 for block in blocks)


@settings(max_examples=200)
@given(MARKDOWN)
def test_table_spans_are_ordered_disjoint_and_blanked_in_place(markdown: str) -> None:
    edges = [edge for span in spans.html_tables(markdown) for edge in span]
    assert edges == sorted(edges)
    for find in (spans.html_tables, spans.latex_tables):
        found = find(markdown)
        assert found == sorted(found)
        assert len(spans.blank(markdown, found)) == len(markdown)


def test_many_unclosed_tables_end_soon() -> None:
    assert spans.html_tables("<table>" * 20_000) == []
