"""Markdown that cannot act: every known way out, in every common renderer, alone and put together."""

import re
import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from fixtures import acting
from ocr_engine.config import TextConfig
from ocr_engine.records import Block, Box, PageRecord, PageStatus, ParsedText
from ocr_engine.text.clean import clean, harmless
from ocr_engine.text.cross_page import join_pages
from ocr_engine.text.grounding import parse
from ocr_engine.text.markdown import block_texts, to_markdown
from tests.text.routes import IN_CODE, OUTSIDE, ROUTES

PAGE_GAP = "\n\n<!-- page 2 -->\n\n"


def acts(markdown: str) -> dict[str, list[str]]:
    """What acts, by the renderer."""
    found = {name: acting.what_acts(markdown, name) for name in acting.NAMES}
    return {name: what for name, what in found.items() if what}


@pytest.mark.parametrize("name", acting.NAMES)
@pytest.mark.parametrize("route", ROUTES)
def test_no_way_out_works_in_a_renderer(route: str, name: str) -> None:
    for text in (clean(ROUTES[route]), to_markdown(parse(ROUTES[route]), "../figures/")):
        assert acting.what_acts(text, name) == [], text


@pytest.mark.parametrize("route", ROUTES)
def test_each_way_out_is_one(route: str) -> None:
    """What is not cleaned, or only freed of what other rules remove, acts: the probe sees what it must."""
    raw = re.sub(r"(?:<｜a)+(?:｜>)+|<script>(?=\[)|<script>(?=ipt)|(?<=</scr)</script>", "", ROUTES[route])
    assert acts(raw), raw


@pytest.mark.parametrize("route", IN_CODE)
def test_code_is_kept_as_text(route: str) -> None:
    words = re.findall(r"\w+", re.sub(r"</?(?:script|img|ins|sub|b)\b", "", ROUTES[route]))
    assert set(words) - {"src", "x", "y", "onerror"} <= set(re.findall(r"\w+", clean(ROUTES[route]))) | {
        "python"
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```c#\nx < y\n```", "```\nc#\nx < y\n```"),
        ("~~~ py\nx\n~~~", "```py\nx\n```"),
        ("```\na ``` b\n```", "````\na ``` b\n````"),
        ("```\nx\n`````", "```\nx\n```"),
        ("  ```py\n  x<y>\n    z\n  ```", "```py\nx<y>\n  z\n```"),
        ("1. a\n\n   ```py\n   x = 1\n   ```", "1. a\n\n   ```py\n   x = 1\n   ```"),
        ("- a\n\n      ```py\n      x = 1\n      ```", "- a\n\n      ```py\n      x = 1\n      ```"),
        ("a\n\n    ```\n    b", "a\n\n    &#96;``\n    b"),
        ("```\n\n```", "```\n\n```"),
    ],
)
def test_fences_are_written_in_the_one_way_that_all_renderers_know(text: str, expected: str) -> None:
    assert clean(text) == expected
    assert clean(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`<script>`{=html}", "`<script>` {=html}"),
        ("| `<b>`{\n =html} |", "| `<b>` {\n =html} |"),
        ("[a]{.b\nonclick=c}", "[a]{.b\nonclick =c}"),
        ("`a`{.b\nonclick=c}", "`a`{.b\nonclick =c}"),
        ('[a]{title="`" onclick=b class="`"}', '[a]{title="`" onclick =b class="`"}'),
        ('[a]{title="a\\" b"\nonclick=b}', '[a]{title="a\\" b"\nonclick =b}'),
        ('[a]{title="`x`" onclick=b}', '[a]{title="`x`" onclick =b}'),
        (
            "<table><tr><td>`x`{=html} [a]{.b\nonclick=c}</td></tr></table>",
            "<table><tr><td>`x` {=html} [a]{.b\nonclick =c}</td></tr></table>",
        ),
        ("`{onclick=b}` and `{a} one=1` {x}\n`on=2` {y one 'z}", None),
        ("---\ncss: http://a/b.css\n---", "---\n\ncss: http://a/b.css\n---"),
        ("- a\n\n  ---\n  css: b", "- a\n\n  ---\n\n  css: b"),
        ("a\n---\nb", None),
    ],
)
def test_what_pandoc_reads_as_attributes_raw_markup_and_settings_is_broken(
    text: str, expected: str | None
) -> None:
    assert clean(text) == (expected or text)
    assert clean(expected or text) == (expected or text)


@pytest.mark.parametrize(
    "text",
    [
        "a\n- `x<y>` and `<b>` \n".strip(),
        "`<b>` 使用`<i>`。",
        "See [2]: UNIT INFO, and ]: more",
        "[a](b.html) [c](https://d.e/f:g) [h](#i) [j](mailto:k@l.m) \\(f[x](y)\\)",
        "\\(x_{only if} = {on}\\), {x = 1}",
        "a <- b, c <= d, e<5, f < g",
        "\\[ a<b \\] and $$c<d$$ and e<f",
        "<https://example.org/a?b=c>",
    ],
)
def test_what_does_not_act_stays(text: str) -> None:
    assert clean(text) == text
    assert not acts(text)


def test_an_unfinished_closing_tag_takes_nothing_along() -> None:
    assert clean("<script>x</script") == "x&lt;/script"
    assert clean("<script>x</script and text > more").endswith("and text > more") is False
    assert "more" in clean("<script>x</script and text > more")


def test_what_never_settles_is_escaped_as_a_whole() -> None:
    deep = "<script>" * 9 + "```\n"
    for _ in range(9):
        deep = f"<scr{deep}ipt>```\n"
    text = deep + "w1 [x](javascript:a) ![y](z) w2"
    once = clean(text)
    assert not acts(once) and clean(once) == once
    assert "w1" in once and "w2" in once


def blocks(*texts: str) -> ParsedText:
    """A page whose blocks stand on lines of their own, without a blank line between."""
    return ParsedText(tuple(Block("text", (Box(1, 2, 3, 4),), f"\n{text}\n") for text in texts))


JOINS = (
    ("<table><tr><td>a</td></tr></table>", "```\n<script>x</script>\n```"),
    ("<sub>", "`<script>x</script>`"),
    ("a `", "`<script>x</script>`"),
    ("a <b", "onclick=alert(1) c > d"),
    ("a <b x=", '"y" onclick=alert(1) c'),
    ("[x](", "javascript:alert(1))"),
    ("[x]:", "javascript:alert(1)"),
    ("![x][a]", f"[a]: {OUTSIDE}"),
    ("[a", f"b]: {OUTSIDE}"),
    ("<script", ">x</script>"),
    ("| a | `b |", "|---|---|\n| `<script>x</script>` | c |"),
    ("http://host/", "`<script>x</script>`"),
)


@pytest.mark.parametrize(("first", "second"), JOINS)
def test_harmless_parts_make_no_harmful_whole(first: str, second: str) -> None:
    parsed = blocks(first, second)
    for options in (TextConfig(), TextConfig(tables="markdown", math_delimiters="dollar", list_repair=True)):
        assert not acts(to_markdown(parsed, "../figures/", options))
        assert not any(map(acts, block_texts(parsed, "../figures/", options)))
    pages = [to_markdown(blocks(part), "../figures/").strip("\n") for part in (first, second)]
    assert not acts(PAGE_GAP.join(pages))
    assert not acts("\n\n".join(pages))


@pytest.mark.parametrize("route", ROUTES)
def test_pages_that_are_joined_do_not_act(route: str) -> None:
    """Wherever a page break cuts the text: what is joined is judged as a whole."""
    options = TextConfig(merge_tables=True, join_paragraphs=True)
    text = f"word {ROUTES[route]} word"
    for cut in range(5, len(text) - 5, 7):
        for hyphen in ("", "-"):
            records = [
                PageRecord(n, PageStatus.DONE, "", "r.w", "base", "markdown", blocks(part).blocks)
                for n, part in enumerate((text[:cut] + hyphen, text[cut:]), 1)
            ]
            pages = [to_markdown(ParsedText(record.blocks), "") for record, _ in join_pages(records, options)]
            for name in ("markdown-it", "markdown2", "cmark-gfm safe"):
                assert acting.what_acts(PAGE_GAP.join(pages), name) == [], (cut, pages)


def test_our_own_figures_stay_pictures_and_no_answer_makes_one() -> None:
    figure = Block("image", (Box(1, 2, 3, 4),), "\n![](../figures/0001-1.jpg) ![](x.png)\n", ("0001-1.jpg",))
    page = to_markdown(ParsedText((figure,)), "../figures/", figure_texts={"0001-1.jpg": "![](y.png) said"})
    assert page.startswith("![](../figures/0001-1.jpg)\n")
    assert page.count("![") == 1 and "said" in page and "\0" not in page
    assert block_texts(ParsedText((figure,)), "../figures/")[0].count("![](../figures/0001-1.jpg)") == 1
    assert acting.renderer("commonmark")(page).count("<img") == 1


def test_a_page_of_clean_parts_comes_back_letter_for_letter() -> None:
    page = "# a\n\nb `<c>` <d@e.f>\n\n<table><tr><td>g</td></tr></table>\n\n```\n<h>\n```\n\n\\(i<j\\)"
    assert harmless(page) == page == clean(page)


HOSTILE_UNITS = (
    "<｜", "｜>", "<|ref|>", "<x,", "<b x=", "<script>", "</script", "`a` ", "`|`", "[x](", "](\t", "[x]: ",
    "> [a]:\n", "![", "{on=", "{: onx=1 }\n", "    ```\n", "- <b>\n", "[^", "[^a]: <b>\n", "```\n~~~\n", "http://`",
    "<p\n", "://",
)  # fmt: skip


def calls_of(text: str) -> int:
    """How many functions cleaning calls, those of the interpreter included."""
    count: Counter[str] = Counter()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        count[event] += 1

    sys.setprofile(note)
    try:
        harmless(clean(text))
    finally:
        sys.setprofile(None)
    return count["call"] + count["c_call"]


@pytest.mark.parametrize("unit", HOSTILE_UNITS)
def test_twice_the_text_is_twice_the_work(unit: str) -> None:
    clean(unit)
    small, large = calls_of(unit * 500), calls_of(unit * 1_000)
    assert large <= 2.2 * small + 100


@pytest.mark.parametrize("unit", [*HOSTILE_UNITS, "\t", " \t", "\n\t", "[^[", "`", "- ", "<a", "="])
@pytest.mark.parametrize("end", ["", "x", " `a` <b"])
def test_no_pattern_searches_the_text_again_and_again(unit: str, end: str) -> None:
    # A quadratic pattern takes minutes here, and the test run is stopped.
    assert harmless(clean("](" + unit * 20_000 + end)) is not None


def test_a_character_number_without_end_is_no_error() -> None:
    assert "word" in clean(f'<a href="&#{"9" * 5_000};">word</a>')
