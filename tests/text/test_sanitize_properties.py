"""Whatever an answer nests in what: in every renderer nothing acts; no word is lost, once is enough."""

import html
import re
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import acting
from ocr_engine.config import TextConfig
from ocr_engine.records import Block, Box, ParsedText
from ocr_engine.text.clean import clean, harmless
from ocr_engine.text.markdown import to_markdown
from tests.text.routes import LEADS, OUTSIDE, PICTURE, ROUTES, SCRIPT

EXAMPLES = settings(max_examples=80)
NESTED = "<scr<｜a<｜b｜>｜>ipt>"
ATOMS = st.sampled_from([
    *ROUTES.values(), SCRIPT, PICTURE, NESTED, LEADS, OUTSIDE, "<", ">", "</", "<p ", "<b x=", "<x,y ",
    "</b>", "<sub>", "<ins>", "</ins>", "<del>", "<br>", "<pre>", "<textarea>", "<!--", "-->", "<?",
    "<![CDATA[", "]]>", " onclick=a() ", "style=color:red>", "javascript:a()", "java", "script:a()",
    "&#115;", "&lt;", "&", "[x](", "](", ")", "![", "[a]", "[a]: ", "[a][]", "]:", "[", "]", "(", "!",
    "//host", "`", "``", "```", "\n```\n", "\n~~~\n", "    ```\n", "\t```\n", "\\`", "\\", "\\(", "\\)",
    "\\[", "\\]", "$$", "$", "<table><tr><td>", "</td></tr></table>", "<td onclick=a()>",
    "| a | b |\n|---|---|\n", "|", "{: onclick=a() }", "\n: ", "[^1]", "\n[^1]: ", "*", "~~", "# ", "'",
    '"', "='", '="', "=", "/", "<｜", "｜>", "<|ref|>", "<https://a`b>", "<https://a/onclick=a()/>",
    "www.a.b", "word", " ", "\n", "\n\n",
])  # fmt: skip
GAPS = st.sampled_from(["", "", " ", "\n", "\n\n", "\n    "])


def lines(mark: str, rest: str) -> Callable[[str], str]:
    """Puts `mark` before the first line and `rest` before the others."""
    return lambda text: mark + text.replace("\n", "\n" + rest)


def entities(text: str) -> str:
    return "".join(f"&#{ord(letter)};" if letter.isalpha() else letter for letter in text)


WRAPS = st.sampled_from([
    lines("- ", "  "), lines("1. ", "   "), lines("> ", "> "), lines("> ", ""), lines("- ", ""),
    lines("    ", "    "), entities, html.escape, "`{}`".format, "``{}``".format, "```\n{}\n```".format,
    "~~~ x\n{}\n~~~".format, "   ```\n{}\n   ```".format, "<b>{}</b>".format, '<p x="{}">'.format,
    "<a y='{}'".format, "<{}>".format, "[{}](x)".format, "[x]({})".format, "[x](<{}>)".format,
    "![{}][a]".format, "[{}]: ".format, "\n[a]: {} 't'\n".format, "\\({}\\)".format,
    "<table><tr><td>{}</td></tr></table>".format, "<｜{}｜>".format, "*{}*".format, "# {}".format,
    lambda text: text[: len(text) // 2] + "<｜a<｜b｜>｜>" + text[len(text) // 2 :],
    lambda text: text[: len(text) // 2] + "<script>" + text[len(text) // 2 :],
    lambda text: text[: len(text) // 2] + "\n" + text[len(text) // 2 :],
])  # fmt: skip


def wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.builds(lambda wrap, text: wrap(text), WRAPS, inner)
    return st.one_of(one, st.builds(lambda a, gap, b: a + gap + b, inner, GAPS, inner))


ANSWERS = st.recursive(ATOMS, wrapped, max_leaves=12)


def assert_nothing_acts(markdown: str) -> None:
    for name in acting.NAMES:
        assert acting.what_acts(markdown, name) == [], (name, markdown)


@EXAMPLES
@given(ANSWERS)
def test_nothing_acts_in_any_renderer(answer: str) -> None:
    assert_nothing_acts(clean(answer))


@EXAMPLES
@given(st.lists(ANSWERS, min_size=2, max_size=3), st.booleans())
def test_nothing_acts_on_a_page_of_blocks(answers: list[str], other: bool) -> None:
    options = (
        TextConfig(tables="markdown", math_delimiters="dollar", list_repair=True) if other else TextConfig()
    )
    blocks = tuple(Block("text", (Box(1, 2, 3, 4),), f"\n{answer}\n") for answer in answers)
    assert_nothing_acts(to_markdown(ParsedText(blocks), "../figures/", options))


@EXAMPLES
@given(
    st.lists(ANSWERS, min_size=2, max_size=3),
    st.sampled_from(["\n\n", "\n\n<!-- page 2 -->\n\n", "\n\n---\n\n"]),
)
def test_nothing_acts_in_a_merged_file(answers: list[str], separator: str) -> None:
    assert_nothing_acts(separator.join(harmless(clean(answer)).strip("\n") for answer in answers))


@settings(max_examples=300)
@given(ANSWERS)
def test_once_is_enough(answer: str) -> None:
    once = clean(answer)
    assert clean(once) == once
    page = harmless(once)
    assert harmless(page) == page == clean(page)


@settings(max_examples=200)
@given(
    st.lists(st.one_of(ANSWERS.filter(lambda a: "<" not in a and "｜" not in a), st.just("\n")), max_size=4)
)
def test_words_outside_of_tags_are_kept_in_order(parts: list[str]) -> None:
    text = " ".join(f"{part} w{at}" for at, part in enumerate(parts))
    assert re.findall(r"w[0-9]", clean(text)) == re.findall(r"w[0-9]", text)
