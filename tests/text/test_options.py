"""The `text:` options on whole pages: the defaults change nothing, and no option loses text."""

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.config import TextConfig
from ocr_engine.text.grounding import parse
from ocr_engine.text.markdown import to_markdown

BOX = "<|det|>[[1, 2, 30, 40]]<|/det|>"
TABLE = "<table><tr><td>a</td><td>\\(x\\)</td></tr><tr><td>1</td><td>2</td></tr></table>"
ALL = TextConfig(tables="markdown", math_delimiters="dollar", list_repair=True)


def markdown(raw: str, **options: object) -> str:
    return to_markdown(parse(raw), "figures/", TextConfig(**options))  # type: ignore[arg-type]


def ref(label: str, text: str) -> str:
    return f"<|ref|>{label}<|/ref|>{BOX}{text}"


def test_the_defaults_are_the_models_own_text() -> None:
    raw = ref("text", f"\n\\(x\\) - One- Two\n{TABLE}\n") + ref("footer", "\nfoot\n")
    assert markdown(raw) == to_markdown(parse(raw), "figures/")
    assert TABLE in markdown(raw) and "foot" in markdown(raw) and "\\(x\\) - One- Two" in markdown(raw)


def test_pipe_tables_stand_between_blank_lines() -> None:
    raw = ref("text", "\nabove\n") + ref("table", f"\n{TABLE}\n") + ref("text", "\nbelow\n")
    pipes = "| a | \\(x\\) |\n| --- | --- |\n| 1 | 2 |"
    assert markdown(raw, tables="markdown") == f"above\n\n{pipes}\n\nbelow\n"
    close = ref("text", "above") + ref("table", TABLE) + ref("text", "below")
    assert markdown(close, tables="markdown") == f"above\n\n{pipes}\n\nbelow\n"
    both = markdown(raw, tables="markdown", math_delimiters="dollar")
    assert "| a | $x$ |" in both


def test_code_is_left_alone() -> None:
    code = f"```\n\\(x\\) {TABLE}\n- One- Two\n```"
    for raw in (code, code.replace("```", "~~~")):
        assert to_markdown(parse(ref("code", f"\n{raw}\n")), None, ALL) == f"{code}\n"


def test_lists_are_repaired_only_where_asked_for() -> None:
    raw = ref("list", "\n- Some offers- Shortly after\n")
    assert markdown(raw) == "- Some offers- Shortly after\n"
    assert markdown(raw, list_repair=True) == "- Some offers\n- Shortly after\n"


def test_repeated_lines_are_cut_in_prose_and_nowhere_else() -> None:
    lines, code, row = "same line\n" * 5, "```\n" + "x\n" * 5 + "```", "<tr><td>a</td></tr>\n"
    raw = ref("text", f"\n{lines}\n") + ref("code", f"\n{code}\n") + ref("table", f"<table>{row * 5}</table>")
    cut = markdown(raw, max_equal_lines=3)
    assert (cut.count("same line"), cut.count("x\n"), cut.count("<td>a</td>")) == (3, 5, 5)
    assert markdown(raw).count("same line") == 5


@pytest.mark.parametrize("label", ["header", "footer", "page_header", "page_footer", "page_number"])
def test_running_headers_can_be_dropped(label: str) -> None:
    raw = ref(label, "\nNo. 3\n\n") + ref("text", "\nbody\n\n") + ref("page_footnote", "\n1 note\n")
    assert markdown(raw) == "No. 3\n\nbody\n\n1 note\n"
    assert markdown(raw, headers_footers="drop") == "body\n\n1 note\n"


_PARTS = st.sampled_from([
    "word ", "Word", "- ", "1. ", ". ", "\\(", "\\)", "\\[", "\\]", "$", "5", "\n", "\n\n", "`", "```\n", "|",
    "<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "<td colspan=2>", "漢字", "\\", "<b>", "&amp;",
    TABLE,
])  # fmt: skip
_LABELS = st.sampled_from(["text", "table", "list", "title", "equation", ""])
_PAGE = st.lists(st.tuples(_LABELS, st.lists(_PARTS, max_size=8).map("".join)), max_size=4)


@settings(max_examples=300)
@given(
    _PAGE,
    st.builds(
        TextConfig,
        tables=st.sampled_from(["html", "markdown"]),
        math_delimiters=st.sampled_from(["latex", "dollar"]),
        list_repair=st.booleans(),
    ),
)
def test_no_option_loses_text(page: list[tuple[str, str]], options: TextConfig) -> None:
    raw = "".join(ref(label, f"\n{text}\n") if label else text for label, text in page)

    def letters(shown: str) -> str:
        return "".join(re.findall(r"[^\W_]", re.sub(r"</?[a-z]+[^<>]*>|&[a-z]+;", "", shown)))

    assert letters(to_markdown(parse(raw), "f/", options)) == letters(to_markdown(parse(raw), "f/"))


def test_every_option_is_tried_here() -> None:
    names = {field.name for field in dataclasses.fields(TextConfig)}
    assert names == {
        "tables", "math_delimiters", "headers_footers", "list_repair", "merge_tables", "join_paragraphs",
        "max_equal_lines", "habits", "headings", "contents", "footnotes",
    }  # fmt: skip
