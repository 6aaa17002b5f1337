"""Markdown to HTML that cannot act, whatever is in it; formulas as MathML; linear in time."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.outputs.exports.page_html import MAX_MATH_CHARS, MAX_PAGE_CHARS, rendered, to_html
from tests.realistic import PAGES

ALLOWED_ATTRIBUTES = {"href", "rel", "src", "alt", "loading", "start", "colspan", "rowspan", "class"}


class Acts(HTMLParser):
    """Collects what could act: elements that are no text, attributes that load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_math = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_math += tag == "math"
        if tag in (
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "svg",
            "form",
            "input",
            "link",
            "meta",
            "base",
        ):
            self.found.append(tag)
        for name, value in attrs:
            if (
                name.startswith("on")
                or name == "style"
                or (not self.in_math and name not in ALLOWED_ATTRIBUTES)
            ):
                self.found.append(f"{tag} {name}")
            if name == "class" and (tag, value) != ("code", "tex"):
                self.found.append(f"{tag} class")
            if name == "src" and not re.fullmatch(r"(\.\./)?figures/\d{4,}-\d+\.jpg", value or ""):
                self.found.append(f"{tag} src {value}")
            if name == "href" and (self.in_math or not re.match("https?:|mailto:", value or "")):
                self.found.append(f"{tag} href {value}")

    def handle_endtag(self, tag: str) -> None:
        self.in_math -= tag == "math"


def acting(markup: str) -> list[str]:
    parser = Acts()
    parser.feed(markup)
    parser.close()
    return parser.found


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![](javascript:alert(1)) ![](http://a.b/c.jpg) ![](../../etc/passwd) ![](figures/1.jpg)",
    "[a](javascript:alert(1)) [b](data:text/html,x) [c](file:///etc/passwd) [d](//host/x)",
    "<javascript:alert(1)>",
    r"\( \text{<img src=x onerror=alert(1)>} \)",
    r"\( \href{javascript:alert(1)}{x} \) $\unicode{<script>}$",
    r'![\( \text{" onerror=alert(1) x="} \)](figures/0001-1.jpg)',
    r'[x](https://a.b/\(" onclick=alert(1)\))',
    '<td style="x" onclick="y">cell</td><table background="http://a.b/c">',
    r"![a > \( \text{ onerror=alert(1) } \)](figures/0001-1.jpg)",
    "\ue0000\ue001 \ue00099999999\ue001",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<svg><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
)


@pytest.mark.parametrize("text", [*HOSTILE, *PAGES])
def test_nothing_acts(text: str) -> None:
    assert acting(to_html(text)) == []
    assert acting(rendered(text)) == []


PIECES = st.sampled_from([
    "\\(", "\\)", "\\[", "\\]", "$", "$$", "`", "```\n", "\n", "\n\n", "<td>", "<table>", "</table>",
    "<img src=x ", "onerror=alert(1)>", "<script>", "](javascript:x)", "![", "\\text{", "}", "{", "<", ">",
    '"', "'", "a", " ", "\ue000", "0\ue001", "<!--", "-->", "\\href{javascript:x}", "<math>", "<mtext>",
    "</math>", "&lt;", "&#60;",
])  # fmt: skip


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_mixture_of_pieces_acts(text: str) -> None:
    assert acting(to_html(text)) == []


def test_formulas_become_mathml_in_text_and_tables() -> None:
    markup = to_html(
        '<table><tr><td colspan="2">\\( a &lt; b \\)</td></tr></table>\n\n\\[\nx\n=\ny\n\\]\n\nand $n^2$'
    )
    assert markup.count("<math") == 3 and markup.count('display="block"') == 1
    assert "<mo>&lt;</mo>" in markup and '<td colspan="2">' in markup
    assert "<h1" not in markup  # the `=` under `x` is no heading


def test_code_and_money_are_no_formulas() -> None:
    markup = to_html("`\\(a\\)` costs $5 and $6\n\n```\n\\(b\\)\n$x$\n```\n")
    assert "<math" not in markup
    assert "\\(a\\)" in markup and "\\(b\\)" in markup and "$5 and $6" in markup


def test_what_cannot_be_read_or_is_too_long_is_shown_as_it_is() -> None:
    assert '<code class="tex">\\frac{1}{</code>' in to_html("\\(\\frac{1}{\\)")
    assert '<code class="tex">' in to_html(f"\\({'a' * MAX_MATH_CHARS}b\\)")
    assert to_html("<b>" + "a" * MAX_PAGE_CHARS).startswith("<pre>&lt;b&gt;a")


def test_figures_and_links_stay() -> None:
    markup = to_html("![](../figures/0001-2.jpg) [b](https://a.b/c)")
    assert '<img alt="" loading="lazy" src="../figures/0001-2.jpg">' in markup
    assert 'href="https://a.b/c"' in markup


@pytest.mark.parametrize("piece", ["\\(", "$", "`", "\\(a", "$$\n\n", "<table>", "> ", "*a "])
def test_a_looping_page_is_rendered(piece: str) -> None:
    assert to_html(piece * 20_000)
