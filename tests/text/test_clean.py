"""The cleaning rules: what goes, what stays letter for letter, and that nothing active is left."""

import re

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocr_engine.text.clean import CHARACTER_RULES, TEXT_RULES, clean

HANDLERS = {"onclick", "onerror", "onload", "onmouseover", "srcdoc", "style"}
LINKS = {"href", "src", "data", "action", "formaction", "xlink:href"}
ELEMENTS = (
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "img",
    "svg",
    "math",
    "form",
    "base",
    "meta",
    "link",
)


def dangers(markdown: str) -> list[tuple[str, str]]:
    """What would act when a browser shows this markdown, rendered with raw HTML allowed."""
    renderer = MarkdownIt("commonmark", {"html": True})
    renderer.validateLink = lambda url: True  # type: ignore[method-assign]  # a renderer that checks nothing
    rendered = renderer.render(markdown)
    found: list[tuple[str, str]] = []

    def note(element: str, attribute: str, value: str) -> str:
        scheme = re.sub(r"[\x00-\x20]", "", value).lower()
        if attribute in HANDLERS or scheme.startswith(("javascript:", "file:", "data:", "vbscript:")):
            found.append((element, f"{attribute}={value}"))
        return value

    # nh3 reads HTML as a browser does; here it only tells what it saw.
    seen = nh3.clean(
        rendered,
        tags={*ELEMENTS, "a", "b", "y", "sub", "table", "td", "tr", "p", "div", "span"},
        clean_content_tags=set(),
        attributes={"*": HANDLERS | LINKS},
        attribute_filter=note,
        link_rel=None,
        url_schemes={"javascript", "file", "data", "vbscript", "http", "https"},
    )
    return found + [(name, "") for name in ELEMENTS if f"<{name}" in seen]


def test_a_chemical_formula_is_code_so_that_no_renderer_changes_it() -> None:
    assert clean("A <smiles>C[C@@H](N)C(=O)O</smiles>, b") == "A `C[C@@H](N)C(=O)O`, b"
    cell = "<table><tr><td><smiles>F/C=C\\F</smiles></td></tr></table>"
    assert clean(cell) == "<table><tr><td><code>F/C=C\\F</code></td></tr></table>"
    assert clean("<smiles>open") == "&lt;smiles>open"
    assert clean("```\n<smiles>C</smiles>\n```") == "```\n<smiles>C</smiles>\n```"
    for text in ("<smiles><script>x</script></smiles>", "<smiles>`C`</smiles>"):
        assert "<script" not in clean(text) and clean(clean(text)) == clean(text)


def test_the_probe_sees_what_it_must() -> None:
    for bad in (
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](jav&#x61;script:alert(1))",
        "<table><tr><td onclick=alert(1)>",
        "<y onclick=alert(1)>",
    ):
        assert dangers(bad)


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "if a<b then",
        "p<0.05, x <- y, a <= b, 1<2",
        r"\(x<y\) and \(a<b, c>d\) and \[ x < y \] and $$a<b$$",
        r"\(i<n=5\), \(x<y\)",
        "`<script>alert(1)</script>`",
        "``a ` <b onclick=1>``",
        "```html\n<script>alert(1)</script>\n\n\n\ntwo  \n```",
        "H<sub>2</sub>O<br>E=mc<sup>2</sup><br/>",
        "R&D &amp; &lt;tag&gt;",
        "[a link](https://example.org/a_(b)?c=d&e=f) and [2](#note) and [p](page.html)",
        "<https://example.org/a?b=c> and <someone@example.org>",
        "a[i](x) and f [1] (see)",
        "שלום \u200f(1) العربية \u061c‎ \u2067x\u2069",
        "漢字 。「」 日本語",
        "1. one\n2. two\n   - three\n\n    code",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        '<table><tr><td colspan="2">a</td></tr><tr><td>b</td><td rowspan=2>c</td></tr></table>',
        "<table>\n<thead><tr><th>H<sub>2</sub></th></tr></thead>\n<tr><td>a<br>b</td></tr>\n</table>",
        "$5 and $6",
        "",
        "word",
    ],
)
def test_what_must_stay_stays_letter_for_letter(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a \\coloneqq b \\eqqcolon c \\coloneqqx", "a := b =: c \\coloneqqx"),
        ("one\n\n\n\n\ntwo", "one\n\ntwo"),
        ("one  \ntwo\t\nthree", "one\ntwo\nthree"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\x00b\x1b[31mc\x7f\x9bd\ufeff", "ab[31mcd"),
        ("\u202eabc\u202c", "abc\u202c"),
        ("\ud800x", "\ufffdx"),
        ("<center>Figure 1</center>", "Figure 1"),
        ("<CENTER >Figure 1</Center>", "Figure 1"),
        ("x<｜end▁of▁sentence｜><|grounding|><|ref|><|/det|>y", "xy"),
        ("<｜a<｜b｜>｜>x", "x"),
        ("```\ncode", "```\ncode\n```"),
        ("````\n```\ncode", "````\n```\ncode\n````"),
        ("~~~\n<img src=x onerror=1>\n~~~", "```\n<img src=x onerror=1>\n```"),
        ("text\n```\ncode\n```\nmore", "text\n\n```\ncode\n```\n\nmore"),
        ("`<b>` and <table><tr><td>x</td></tr></table> end", None),
    ],
)
def test_rules(text: str, expected: str | None) -> None:
    if expected is None:
        assert clean(text) == "`<b>` and \n\n<table><tr><td>x</td></tr></table>\n\n end".replace(" \n", "\n")
    else:
        assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<script>alert(1)</script>hi", "alert(1)hi"),
        ("<img src=x onerror=alert(1)>hi", "hi"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ('<a href=" jav&#97;\tscript:alert(1)">click</a>', "click"),
        ('<a href="file:///etc/passwd">click</a>', "click"),
        ("<b onclick=alert(1)>bold</b>", "<b>bold</b>"),
        ("<b class=x>bold</b>", "<b>bold</b>"),
        ("<b>bold", "<b>bold</b>"),
        ("List<String> and <username>", "List&lt;String> and &lt;username>"),
        ('<div class="x">t</div>', '&lt;div class="x">t&lt;/div>'),
        ("<image> is a token", "&lt;image> is a token"),
        ("<!-- page 3: failed -->", "&lt;!-- page 3: failed -->"),
        ("a<b and c>d", "a&lt;b and c>d"),
        ("<y <y <script>onclick=alert(1)>", "&lt;y &lt;y onclick=alert(1)>"),
        ("<y <y <tr>", "&lt;y &lt;y &lt;tr>"),
        (r"\(y<b and z>w\)", r"\(y\lt b and z>w\)"),
        ("[x](javascript:alert(1))", "[x] (javascript:alert(1))"),
        ("[x](JaVaScript&colon;alert(1))", "[x] (JaVaScript&colon;alert(1))"),
        ("[x](file:///etc/passwd)", "[x] (file:///etc/passwd)"),
        ("[x](//host/share)", "[x] (//host/share)"),
        ("![x](http://host/pixel.png)", "! [x](http://host/pixel.png)"),
        ("[1]: http://host/", "[1] : http://host/"),
        ("<javascript:alert(1)>x", "x"),
    ],
)
def test_active_markup_goes_and_text_stays(text: str, expected: str) -> None:
    assert clean(text) == expected
    assert dangers(clean(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<<script>img src=x onerror=alert(1)>",
        "<y <script>onclick=alert(1)>",
        "<sub>\n<y <script>onclick=alert(1)>\n",
        "<sub>\n<y \\ onclick=alert(1)>\n",
        "<sub>\n`<script>alert(1)</script>`\n",
        "<sub>\n```\n<script>alert(1)</script>\n```\n",
        "<table>\n`<script>alert(1)</script>`",
        "<table><tr><td>x</td></tr></table>\n```\n<script>alert(1)</script>\n```",
        "<table><tr><td onmouseover='alert(1)'>x",
        "<div\nonclick=alert(1)\n>",
        "<script\nsrc=x",
        "`\n`<a href='javascript:alert(1)'>`",
        "\\``<script>alert(1)</script>`",
        "| a | b |\n|---|---|\n| `a | <script>alert(1)</script> | b` |",
        "para `\n<script>alert(1)</script> `",
        r"\( <img src=x onerror=alert(1)> \)",
        r"\( [x](javascript:alert(1)) \)",
        "<b/onclick=alert(1)>",
        "<b x='>' onclick=alert(1)>",
        "[x](\njavascript:alert(1))",
        "[x](<javascript:alert(1)>)",
        "[x]: javascript:alert(1)\n\n[x]",
        "<svg><a xlink:href='javascript:alert(1)'>x</a></svg>",
        "</p><script>alert(1)</script>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?php <script>alert(1)</script> ?>",
        "<table><tr><td>" + "<b>" * 30 + "<img src=x onerror=alert(1)>",
    ],
)
def test_tricks_do_not_work(text: str) -> None:
    assert dangers(clean(text)) == []


def test_every_rule_has_a_reason_of_its_own() -> None:
    rules = CHARACTER_RULES + TEXT_RULES
    assert len({rule.name for rule in rules}) == len(rules)
    assert all(len(rule.reason) > 10 for rule in rules)


@pytest.mark.parametrize(
    "unit",
    ["\\(", "\\[", "$$", "`", "``` ", "<", "<b>", "<table>", "<table><tr>", "![", "](", "<a ", "\n```",
     "<!--", "<sub>\n", "[x]: y\n", "<｜", "</b>", "\\coloneqq", " \n", "<td>", "<y on", "&"],
)  # fmt: skip
def test_hostile_repetition_is_cleaned_in_linear_time(unit: str) -> None:
    # A quadratic rule takes minutes here, and the test run is stopped.
    assert clean(unit * 20_000) is not None


FRAGMENTS = st.sampled_from(
    ["<", ">", "</", "<b>", "</b>", "<sub>", "<script>", "</script>", "<img src=x onerror=alert(1)>", "<y ",
     "onclick=alert(1)", " onclick=alert(1)>", "javascript:alert(1)", "[x](", ")", "![x](", "`", "``",
     "```\n", "\n", "\n\n", "\\(", "\\)", "\\[", "\\]", "$$", "<table>", "<tr>", "<td>", "</td>", "</tr>",
     "</table>", "<td onclick=alert(1)>", "<!--", "-->", "<center>", "&lt;", "&", "word", " ", "  ", "'", '"',
     "=", "/", "<a href='javascript:alert(1)'>", "</a>", "<|ref|>", "<｜eos｜>", "    ", "> ",
     "- ", "# ", "~~~\n"]
)  # fmt: skip
HOSTILE = st.lists(FRAGMENTS, max_size=14).map("".join)


@settings(max_examples=500)
@given(HOSTILE)
def test_nothing_hostile_survives(text: str) -> None:
    assert dangers(clean(text)) == []


@settings(max_examples=500)
@given(st.one_of(HOSTILE, st.text(max_size=40)))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@settings(max_examples=300)
@given(
    st.lists(st.one_of(FRAGMENTS.filter(lambda f: "<" not in f), st.from_regex(r"w[0-9]{4}", fullmatch=True)))
)
def test_words_are_kept_in_order(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert re.findall(r"w[0-9]{4}", clean(text)) == re.findall(r"w[0-9]{4}", text)
