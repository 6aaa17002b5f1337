"""Formulas between dollars and list items apart, with no text lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.text.notation import dollar_math, repair_list


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"so \( x^2 \) is", "so $x^2$ is"),
        (r"\[ a = b \]", "$$a = b$$"),
        ("\\[\na \\\\[2pt]\nb\n\\]", "$$a \\\\[2pt]\nb$$"),
        (r"\(a\)\(b\)", "$a$ $b$"),
        (r"it costs $5 and \(x\)", r"it costs \$5 and $x$"),
        (r"it costs \$5", r"it costs \$5"),
        (r"`\(code\)` and \(x\)", r"`\(code\)` and $x$"),
        (r"\(x\)2", r"\(x\)2"),
        (r"\(x", r"\(x"),
        ("\\(x\n\ny\\)", "\\(x\n\ny\\)"),
        (r"\(\text{$}\)", r"\(\text{$}\)"),
        (r"\(\)", r"\(\)"),
        (r"\\(a\\)", r"\\(a\\)"),
        ("` and \\(x\\)", "` and $x$"),
    ],
)
def test_dollars(text: str, written: str) -> None:
    assert dollar_math(text) == written


def test_html_has_no_escaped_dollar() -> None:
    assert dollar_math(r"<td>\(x\)</td>", markdown=False) == "<td>$x$</td>"
    assert dollar_math(r"<td>$5</td><td>\(x\)</td>", markdown=False) == r"<td>$5</td><td>\(x\)</td>"


_MATH = st.lists(
    st.sampled_from(["\\(", "\\)", "\\[", "\\]", "\\", "$", "`", "x", "2", " ", "\n", "漢"]), max_size=14
)


@settings(max_examples=300)
@given(_MATH.map("".join))
def test_only_delimiters_and_space_at_them_change(text: str) -> None:
    def bare(shown: str) -> str:
        return re.sub(r"\\[()\[\]$]|[\\$\s]", "", shown)

    assert bare(dollar_math(text)) == bare(text)


@settings(max_examples=200)
@given(_MATH.map("".join))
def test_what_is_written_stays_so(text: str) -> None:
    once = dollar_math(text, markdown=False)
    assert dollar_math(once, markdown=False) == once


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("- Early offers- Shortly after", ["- Early offers", "- Shortly after"]),
        ("- One. - Two.\n- Three", ["- One.", " - Two.", "- Three"]),
        ("• eins • zwei•drei", ["• eins", " • zwei", "•drei"]),
        ("1. One. 2. Two; 3. Three", ["1. One.", " 2. Two;", " 3. Three"]),
        ("1) One.\n2) Two. 3) Three", ["1) One.", "2) Two.", " 3) Three"]),
        ("- a well-known state-of-the-art- thing", ["- a well-known state-of-the-art- thing"]),
        ("- from 3 - 4 and A - B", ["- from 3 - 4 and A - B"]),
        ("1. See section 2. The end", ["1. See section 2. The end"]),
        ("2019. A year. 2020. Another", ["2019. A year. 2020. Another"]),
        ("No list- Though it looks so", ["No list- Though it looks so"]),
        ("* One* Two", ["* One", "* Two"]),
    ],
)
def test_list_items(text: str, lines: list[str]) -> None:
    assert repair_list(text).split("\n") == lines


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["- ", "* ", "• ", "1. ", "2. ", "3) ", "Word", "word", ".", "\n", " "]), max_size=14
    )
)
def test_lists_gain_only_line_ends(parts: list[str]) -> None:
    text = "".join(parts)
    assert repair_list(text).replace("\n", "") == text.replace("\n", "")
