import json
from typing import Any

import pytest

from ocr_engine.evaluation.olmocr_bench.cases import baseline, normalise, parse
from ocr_engine.evaluation.olmocr_bench.rules import Verdict, run

HTML = "<table><tr><th>name</th><th colspan=2>size</th></tr><tr><td>cat</td><td>1</td><td>2</td></tr></table>"
PIPES = "| name | size |\n|---|---|\n| cat | 1 |\n| dog | 2 |"


def verdict(markdown: str, **fields: Any) -> Verdict:
    return run(parse(json.dumps({"pdf": "a.pdf", "page": 1, "id": "t", **fields})), markdown)


def passes(markdown: str, **fields: Any) -> bool:
    return verdict(markdown, **fields) is Verdict.PASSED


def test_normalised_texts() -> None:
    assert normalise("**a**<br/>_b_  “c” –\u00b5 <b>d</b>") == 'a b "c" -\u03bc d'


def test_present_and_absent() -> None:
    assert passes("say *hello* world", type="present", text="hello world")
    assert not passes("say hallo world", type="present", text="hello world")
    assert passes("say hallo world", type="present", text="hello world", max_diffs=1)
    assert not passes("say hello world", type="absent", text="hello world")
    assert passes("HELLO", type="present", text="hello", case_sensitive=False)
    assert not passes("HELLO", type="present", text="hello")


def test_only_the_first_or_last_characters() -> None:
    page = "header " + "x" * 50 + " footer"
    assert passes(page, type="present", text="header", first_n=10)
    assert not passes(page, type="present", text="footer", first_n=10)
    assert passes(page, type="absent", text="header", last_n=10)


def test_order_needs_one_place_before_one_other() -> None:
    assert passes("beta alpha beta", type="order", before="alpha", after="beta")
    assert not passes("beta alpha", type="order", before="alpha", after="beta")
    assert not passes("alpha", type="order", before="alpha", after="beta")


@pytest.mark.parametrize("page", [HTML, PIPES])
def test_cells_with_neighbours_and_headings(page: str) -> None:
    assert passes(page, type="table", cell="cat", right="1", up="name", top_heading="name")
    assert passes(page, type="table", cell="1", left_heading="cat" if page is PIPES else "")
    assert not passes(page, type="table", cell="cat", up="size")
    assert not passes(page, type="table", cell="bird")


def test_all_relations_hold_for_one_cell() -> None:
    page = "| a | b |\n|---|---|\n| x | 1 |\n| x | 2 |"
    assert not passes(page, type="table", cell="x", right="1", up="x")
    assert passes(page, type="table", cell="x", right="2", up="x")
    assert not passes(page, type="table", cell="x", ignore_markdown_tables=True)


@pytest.mark.parametrize(
    ("page", "fields", "passed"),
    [
        ("text", {}, True),
        ("", {}, False),
        ("...", {}, False),
        ("ab" * 31, {}, False),
        ("ab" * 30, {}, True),
        ("漢", {}, False),
        ("漢", {"check_disallowed_characters": False}, True),
        ("\U0001f600 hi", {}, False),
        ("abc", {"max_length": 2}, False),
        ("ab", {"max_length": 2}, True),
        ("![alt text](x.png)", {"max_length": 2, "max_length_skips_image_alt_tags": True}, True),
    ],
)
def test_baseline(page: str, fields: dict[str, Any], passed: bool) -> None:
    assert passes(page, type="baseline", **fields) == passed


def test_a_pdf_without_a_baseline_gets_one() -> None:
    assert run(baseline("a.pdf"), "text") is Verdict.PASSED


def test_formats() -> None:
    assert passes("# The Title", type="format", text="Title", format="heading")
    assert passes("<strong>word</strong>", type="format", text="word", format="bold")
    assert not passes("**word**", type="format", text="word", format="italic")


def test_footnotes() -> None:
    assert passes("word[^1] more", type="footnote", marker="1", appears_before_marker="word")
    assert passes("word<sup>1</sup> more", type="footnote", marker="1", appears_after_marker="more")
    assert passes("word¹", type="footnote", marker="1")
    assert not passes("[^1]: note", type="footnote", marker="1")
    assert not passes("word[^1] more", type="footnote", marker="1", appears_before_marker="other thing")


def test_math_without_a_browser_is_passed_only_when_exact() -> None:
    assert verdict(r"so \( x = 1 \) holds", type="math", math="x = 1") is Verdict.PASSED
    assert verdict("so $$x=1$$ holds", type="math", math="x = 1") is Verdict.NOT_RUN
    assert verdict("no formula", type="math", math="x = 1") is Verdict.FAILED
    assert verdict("$x$", type="math", math="x", ignore_dollar_delimited=True) is Verdict.FAILED


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "unheard"},
        {"type": "present"},
        {"type": "present", "text": " "},
        {"type": "present", "text": "a", "max_diffs": -1},
        {"type": "order", "before": "ab", "after": "cd", "max_diffs": 2},
        {"type": "format", "text": "a", "format": "loud"},
    ],
)
def test_broken_tests_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        verdict("page", **fields)
