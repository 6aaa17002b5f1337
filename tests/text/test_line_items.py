"""Items of lists on lines of their own, by the lines of the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.config import TextConfig
from ocr_engine.text.line_items import with_item_lines
from ocr_engine.text.options import restyle
from tests.text.test_line_ends import line

LIST = (line("\u2022 One link exists"), line("to it.", 120), line("\u2022 None is made"))


def test_items_begin_where_the_page_begins_lines_with_their_markers() -> None:
    read = "Condition - One link exists to it.- None is made"
    assert with_item_lines(read, LIST) == "Condition\n- One link exists to it.\n- None is made"
    numbered = (line("a) Richtig. Es gilt"), line("b) Falsch."))
    assert with_item_lines("a) Richtig. Es gilt b) Falsch.", numbered) == "a) Richtig. Es gilt\nb) Falsch."


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("- the sum M(x) - M(y), of it", (line("- the sum M(x) - M(y), of it"),)),
        ("as told in 3. The end", (line("as told in"), line("3. The end"))),
        ("a dash - and more", (line("a dash"), line("- and more"))),
        ("- One.\n- Two.", (line("- One."), line("- Two."))),
    ],
)
def test_nothing_else_is_cut(text: str, lines: tuple[object, ...]) -> None:
    assert with_item_lines(text, lines) == text  # type: ignore[arg-type]


def test_with_lines_nothing_is_guessed() -> None:
    options, text = TextConfig(list_repair=True), "- One offers- Two more"
    assert restyle(text, options) == "- One offers\n- Two more"
    assert restyle(text, options, lines=(line("- One offers- Two more"),)) == text
    assert restyle(text, TextConfig(), lines=(line("- One offers"), line("- Two more"))) == text


@given(st.text("-\u20221.) ab\n"), st.lists(st.text("-\u20221.) ab").filter(str.strip)))
def test_only_line_ends_are_added_and_twice_is_once(text: str, lines: list[str]) -> None:
    made = tuple(line(one) for one in lines)
    once = with_item_lines(text, made)
    assert once.replace("\n", "").replace(" ", "") == text.replace("\n", "").replace(" ", "")
    assert with_item_lines(once, made) == once
