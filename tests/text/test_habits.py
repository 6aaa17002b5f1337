"""The model's habits undone: what is mended, what is left, and what is never touched."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocr_engine.config import TextConfig
from ocr_engine.records import Block
from ocr_engine.text.grounding import parse
from ocr_engine.text.habits import HABITS, mend, stretches
from ocr_engine.text.markdown import block_texts, to_markdown
from ocr_engine.text.table_csv import tables_as_csv

ALL = tuple(habit.name for habit in HABITS)
ON = TextConfig().habits
PIECES = (
    "word", "- ", " ", "Cap", "A", "7", ".", ".- ", "\n", "\n\n", "\\(", "\\)", "\\[", "\\]", "$", "`",
    "```\n",
    "<td>", "</td>", "<table>", "<a href='x- y'>", "https://a.b/x- ", "www.", "[a](b- c)", "\\frac{a}{b}",
    "ltem", "GetFolderltems", "The ", "und", "x_{i}", "\u6210", "e\u0301", "&lt;",
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@pytest.mark.parametrize(
    ("answer", "page"),
    [
        ("AVRCP/CT/BV- 01- C [Connection]", "AVRCP/CT/BV-01-C [Connection]"),
        ("2025- 02- 18, a well- known NON- INFRINGEMENT", "2025-02-18, a well-known NON-INFRINGEMENT"),
        ("bt/img- properties", "bt/img-properties"),
        ("Lower Tester.- The IUT is", "Lower Tester.\n- The IUT is"),
        ("the GetFolderltems and ltems", "the GetFolderItems and Items"),
        ("Pass verdictThe IUT", "Pass verdict The IUT"),
    ],
)
def test_a_habit_is_undone(answer: str, page: str) -> None:
    assert mend(answer, ALL) == page


@pytest.mark.parametrize(
    "text",
    [
        "Start- und Endwert, two- to threefold, voor- en nadelen",  # it stands for a word's rest
        "Initial Condition- One connection",  # an item of a list or a thought
        "in 1999- The next",
        "enter -0- on line 7",
        "\\(x- y\\) and \\[a- b\\]",
        "x_{i}- y and \\alpha- b",
        "$5- 6 and $x- y$",
        "`a- b`",
        "https://a.b/c- d www.a.b/c- d",
        "[a- b](c- d)",
        "mit kaltem Wasser",
        "the iPad, GetFolder and LaTeX",
    ],
)
def test_what_may_be_meant_is_left(text: str) -> None:
    assert mend(text, ALL) == text


def test_a_dash_written_as_a_hyphen_is_left_by_default() -> None:
    assert mend("a closet- you have to", ON) == "a closet- you have to"


def test_an_open_formula_is_left_to_the_end_of_its_paragraph() -> None:
    assert mend("A- B \\(c- d\ne- f\n\ng- h", ALL) == "A-B \\(c- d\ne- f\n\ng-h"


def test_no_line_is_cut_within_a_cell() -> None:
    table = '<table><tr><td title="a- b">BV- 03. Done.- The</td></tr></table>'
    mended = '<table><tr><td title="a- b">BV-03. Done.- The</td></tr></table>'
    assert mend(table, ALL, cell=True) == mended


def test_formulas_and_code_are_left_whatever_they_look_like() -> None:
    assert mend("x- y", ALL, label="equation") == mend("x- y", ALL, label="code") == "x- y"
    fenced = "```\nwell- known\n```"
    assert to_markdown(parse(f"well- known\n\n{fenced}\n\nz"), None) == f"well-known\n\n{fenced}\n\nz\n"


def test_markdown_blocks_and_csv_say_the_same() -> None:
    blocks = (Block("table", (), "<table><tr><td>BV- 03</td></tr></table>"), Block("text", (), "well- known"))
    parsed = parse("well- known")
    assert to_markdown(parsed, None) == "well-known\n"
    assert block_texts(parsed, None) == ("well-known",)
    assert tables_as_csv(blocks, ON) != tables_as_csv(blocks) and "BV-03" in tables_as_csv(blocks, ON)[0]
    as_read = TextConfig(habits=())
    assert to_markdown(parsed, None, as_read) == "well- known\n"


@given(texts)
@example("a- ltem")
@example("verdictThe A- B")
@example("GetFolderltemsThe ")
@example("word.- ltem")
@example("GetFolderltemltem")
@example("ltemltemltemwordltem")
def test_mending_twice_is_mending_once(text: str) -> None:
    for cell in (False, True):
        once = mend(text, ALL, cell=cell)
        assert mend(once, ALL, cell=cell) == once


@given(texts)
def test_only_text_changes_and_no_letter_is_lost(text: str) -> None:
    assert "".join(piece for _, piece in stretches(text)) == text
    kept = [piece for is_text, piece in stretches(text) if not is_text]
    mended = mend(text, ALL)
    assert [piece for is_text, piece in stretches(mended) if not is_text] == kept

    def letters(of: str) -> str:
        return "".join(of.split()).replace("I", "l")

    assert letters(mended) == letters(text)


@given(st.text(alphabet="xy-+ ^_{}\\AB12.", max_size=40))
def test_formulas_are_unchanged(inside: str) -> None:
    inside = inside.replace("\\", "\\ ")
    for formula in (f"\\({inside}\\)", f"\\[{inside}\\]", f"`{inside or 'x'}`"):
        assert formula in mend(f"well- known {formula} well- known", ALL)
