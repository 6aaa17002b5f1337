import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.evaluation.omnidocbench import normalise
from ocr_engine.evaluation.omnidocbench.protocol import V1_0, V1_5


@pytest.mark.parametrize(
    ("raw", "norm"),
    [
        ("a/tb /name", "abame"),
        ("<b>x</b>", "bxb"),
        ("Ab, c_d ①２!", "Abc_d①２"),
        ("中文，字 — x", "中文字x"),
        ("a\\tb\\nc\td\ne", "abcde"),
        ("# **T** - *i*", "Ti"),
        ("$x$ and $5", "xand5"),
        ("$\\alpha$ b", "αb"),
        ("$a\\%$", "a"),
        ("\\(x_1\\)", "x_1"),
    ],
)
def test_text(raw: str, norm: str) -> None:
    assert normalise.text(raw) == norm


@pytest.mark.parametrize(
    ("latex", "text"), [("\\", " "), ("a_1\\", "a_1 "), ("a\\\\", "a\n"), ("\\alpha\\", "α ")]
)
def test_a_formula_that_ends_in_a_backslash_comes_to_an_end(latex: str, text: str) -> None:
    assert normalise.latex_to_text(latex) == text


def test_the_parser_s_complaints_do_not_stand_amid_the_progress(caplog: pytest.LogCaptureFixture) -> None:
    assert normalise.latex_to_text("\\begin{pmatrix}") == "\\begin{pmatrix}"
    assert not caplog.records


def test_a_formula_over_two_lines_is_not_inline() -> None:
    assert normalise.text("$\\alpha\n$") == "alpha"


@pytest.mark.parametrize(
    ("raw", "v1_0", "v1_5"),
    [
        (r"\[ \mathbf{A} + B \]", "{a}+b", "{a}+b"),
        ("$$\n\\left( x \\right)\n$$", "$$\n\\left(x\\right)\n$$", "(x)"),
        (r"x \tag{1} \hspace{2em} y.", "xy", "xy"),
        (r"\begin{array}{l} a \end{array}", "{l}a", "{l}a"),
        (r"\leftarrow \displaystyle z", r"\leftarrow\displaystylez", "arrowz"),
        (r"\textit{A}", "it{a}", "it{a}"),
        (r"a \quad b \qquad c", "abc", "abc"),
    ],
)
def test_formula(raw: str, v1_0: str, v1_5: str) -> None:
    assert normalise.formula(raw, V1_0) == v1_0
    assert normalise.formula(raw, V1_5) == v1_5


def body(table: str) -> str:
    return table.removeprefix('<html><body><table border="1" >').removesuffix("</table></body></html>")


@pytest.mark.parametrize(
    ("raw", "norm"),
    [
        ("<table><thead><tr><th>a</th></tr></thead></table>", "<tr><td>a</td></tr>"),
        ("<table><tbody><tr><td style='x' class=\"y\">a</td></tr></tbody></table>", "<tr><td>a</td></tr>"),
        ("<table><tr><td>ａ\n  b</td></tr></table>", "<tr><td>a b</td></tr>"),
        ("<table><tr><td><sup>1</sup><span>s</span></td></tr></table>", "<tr><td>1s</td></tr>"),
        ('<table><tr><td><p id="i">a</p></td></tr></table>', '<tr><td><p id="i">a</td></tr>'),
        ('<table><tr><td><math alttext="x">y</math></td></tr></table>', "<tr><td>$x$</td></tr>"),
        ("<table><colgroup><col></colgroup><tr></tr></table>", "<tr></tr>"),
        ("<table>a</table> and <table>b</table>", "a</table> and <table>b"),
        ("<table>&amp;lt;</table>", "&lt;"),
    ],
)
def test_table(raw: str, norm: str) -> None:
    assert body(normalise.table(raw)) == norm


def test_no_table_is_nothing() -> None:
    assert normalise.table("\\begin{tabular}a\\end{tabular}") == ""


def test_cells_that_hold_one_string() -> None:
    html = r"<table><tr><td> a$\cdot$ </td><td>b<b>c</b></td><th>h</th><td></td></tr></table>"
    assert normalise.cell_texts(html) == ["a"]


@settings(max_examples=150)
@given(st.text(alphabet="ab$\\_^{}()[]%&\n \t/<>table", max_size=60))
def test_any_text_normalises_to_word_characters(raw: str) -> None:
    assert all(c == "_" or c.isalnum() or not c.isascii() for c in normalise.text(raw))
    for protocol in (V1_0, V1_5):
        assert " " not in normalise.formula(raw, protocol)
    assert "\n" not in normalise.table("<table>" + raw + "</table>")
