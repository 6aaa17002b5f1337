import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.drafts.formulas import COMMANDS, as_written
from ocr_engine.drafts.prediction import MAX_CHARS, predicted_answer
from ocr_engine.records.layer import LayerVerdict
from tests.text_layers import layer_of

ENOUGH = "\n∞ ∞ ∞ ∞"


def written(text):
    """One line of a page that has formulas."""
    return as_written(text + ENOUGH).split("\n")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Es gilt x ∈ ℝ, also x ≥ 0.", r"Es gilt \(x \in \mathbb{R}\), also \(x \ge 0\)."),
        ("die Ableitung f(x) von", r"die Ableitung \(f(x)\) von"),
        ("λ𝑥𝑥 und 𝑥𝑥𝑦𝑦 und 𝑥𝑦", r"\(\lambda x\) und \(xy\) und \(xy\)"),
        ("f(x + δx) −f(x) und −1", r"\(f(x + \delta x) - f(x)\) und \(-1\)"),
        ("a) Wir zeigen 3 Beispiele (2) und A", "a) Wir zeigen 3 Beispiele (2) und A"),
        ("y = 2, 3 und 4", r"\(y = 2, 3\) und 4"),
        ("2 · x′ · (3 ∙y)", r"\(2 \cdot x' \cdot (3 \cdot y)\)"),
        ("text  ", "text  "),
    ],
)
def test_formulas_are_spelt_as_the_model_spells_them(text, expected):
    assert written(text) == expected


def test_tags_and_cells_get_no_marks_but_commands():
    tag = "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>"
    assert written(tag) == tag
    assert written("<table><tr><td>a = b</td><td>λ</td></tr></table>") == (
        r"<table><tr><td>a = b</td><td>\lambda</td></tr></table>"
    )


def test_a_page_with_hardly_a_symbol_stays_as_it_is():
    text = "A resistor of 5 µΩ ± 1 % is x = 3\nand so on"
    assert as_written(text) == text


@given(st.text(st.sampled_from([*COMMANDS, *"−′ ax3=().,\n𝑥<"]), max_size=80))
def test_nothing_but_symbols_marks_and_blanks_changes(text):
    found = as_written(text + ENOUGH)
    assert found.count("\n") == text.count("\n") + 1
    kept = re.sub(r"\\[()]|\\[a-zA-Z]+(\{.\})?|[ \-'−]", "", found)
    plain = re.sub(f"[ −′{''.join(COMMANDS)}]", "", (text + ENOUGH).replace("𝑥", "x"))
    # A letter twice may be one that a word processor has put twice.
    assert re.sub("x+", "x", kept) == re.sub("x+", "x", plain)


def test_a_page_of_symbols_alone_takes_no_time_and_stays_short():
    page = layer_of("∞ " * 10_000)
    started = time.process_time()
    found = predicted_answer(page, tagged=True)
    assert len(found) <= MAX_CHARS
    assert time.process_time() - started < 2


def test_a_prediction_has_its_formulas_so():
    page = layer_of("Sei x ∈ ℝ und λ ≥ 0, μ ≤ 1")
    assert page.verdict is LayerVerdict.BORN_DIGITAL
    assert predicted_answer(page, tagged=False) == (
        r"Sei \(x \in \mathbb{R}\) und \(\lambda \ge 0, \mu \le 1\)"
    )
