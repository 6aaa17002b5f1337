"""Headings of whole documents: found, written at other levels, listed, whatever they hold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocr_engine.config import TextConfig
from ocr_engine.records import Block, Bookmark, Box, HeadingType, OutlineEntry, PageRecord, ParsedText
from ocr_engine.text.headings import headings_of, is_heading, with_levels
from ocr_engine.text.markdown import to_markdown
from ocr_engine.text.outline import by_page, contents_list, outline_of, with_outline
from tests.hostile import ATTACKS
from tests.text.test_cross_page import page

DOCUMENT = TextConfig(headings="document")


def block(content: str, label: str = "text") -> Block:
    return Block(label, (Box(1, 2, 300, 40),), content)


def shown(records: list[PageRecord], options: TextConfig = DOCUMENT) -> list[str]:
    levels = by_page(outline_of(records, options))
    return [to_markdown(ParsedText(one.blocks), "") for one in with_outline(records, levels)]


def test_headings_of_a_block() -> None:
    assert list(headings_of(block("\n## 1 Scope\n\n"))) == [(2, "1 Scope")]
    assert list(headings_of(block("\n2 Terms\n", "sub_title"))) == [(0, "2 Terms")]
    assert list(
        headings_of(block("# a\ntext\n### b\n```\n# code\n```\n<table><tr><td># c\n</td></tr></table>"))
    ) == [
        (1, "a"),
        (3, "b"),
    ]
    for content, label in (
        ("2 Terms", "text"),
        ("a\nb", "title"),
        ("#hash", "text"),
        ("- a", "title"),
        ("", "title"),
    ):
        assert not list(headings_of(block(content, label)))
    assert is_heading(block("# a")) and not is_heading(block("# a\nb"))


def test_levels_are_written_and_nothing_else() -> None:
    text = "# a\ntext #1\n  ### b\n```\n# code\n```\n"
    assert with_levels(block(text), [3, 0]).content == "### a\ntext #1\nb\n```\n# code\n```\n"
    assert with_levels(block("\n2 Terms \n\n", "title"), [2]).content == "\n## 2 Terms \n\n"


def test_levels_agree_over_pages() -> None:
    pages = [
        page(1, "title:# A title", "sub_title:## 1 Scope"),
        page(2, "sub_title:## 1.1 Terms", "text:words"),
    ]
    pages += [page(3, "sub_title:2 Tests", "title:# 2.1.1 Deep")]
    assert shown(pages) == [
        "# A title\n\n## 1 Scope\n",
        "### 1.1 Terms\n\nwords\n",
        "## 2 Tests\n\n#### 2.1.1 Deep\n",
    ]


def test_as_read_the_outline_is_as_read() -> None:
    pages = [page(1, "title:# A", "sub_title:## 1.1 B"), page(2, "sub_title:C - it")]
    assert outline_of(pages, TextConfig()) == [
        OutlineEntry(1, "A", 1, 0), OutlineEntry(2, "1.1 B", 1, 1), OutlineEntry(1, "C - it", 2, 0),
    ]  # fmt: skip


def test_bookmarks_and_types_of_records_count() -> None:
    pages = [page(1, "sub_title:## One", "sub_title:## Two"), page(2, "sub_title:## Three")]
    marked = [replace(pages[0], bookmarks=(Bookmark(1, "One"), Bookmark(2, "Two"))), pages[1]]
    marked[1] = replace(pages[1], bookmarks=(Bookmark(2, "Three"),))
    assert [entry.level for entry in outline_of(marked, DOCUMENT)] == [1, 2, 2]
    typed = [replace(one, blocks=tuple(map(placed, one.blocks, range(9)))) for one in pages]
    for at, sizes in enumerate(((18, 12), (12,))):
        types = (
            HeadingType(block.boxes[0], size, True)
            for block, size in zip(typed[at].blocks, sizes, strict=True)
        )
        typed[at] = replace(typed[at], heading_types=tuple(types))
    assert [entry.level for entry in outline_of(typed, DOCUMENT)] == [1, 2, 2]


def placed(one: Block, at: int) -> Block:
    return replace(one, boxes=(Box(1, 100 * at, 300, 100 * at + 20),))


def test_what_is_dropped_is_no_heading() -> None:
    pages = [page(1, "header:# Running head", "sub_title:## 1 Scope")]
    drop = replace(DOCUMENT, headers_footers="drop")
    assert [entry.title for entry in outline_of(pages, drop)] == ["1 Scope"]


def test_the_list_of_contents() -> None:
    titles = [(2, "1. Scope"), (4, "1.1 Terms"), (0, "9 Entry 7"), (2, "- dash"), (1, "~~~"), (3, "```x")]
    entries = [OutlineEntry(level, title, at, 0) for at, (level, title) in enumerate(titles, 1)]
    assert contents_list(entries) == (
        "- 1\\. Scope (1)\n  - 1.1 Terms (2)\n- \\- dash (4)\n- \\~~~ (5)\n  - \\```x (6)\n"
    )
    assert contents_list([]) == ""


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_hostile_headings_stay_harmless(attack: str) -> None:
    pages = [page(at, f"title:# {attack[:5000]}", f"sub_title:{attack[:200]}") for at in (1, 2)]
    listed = contents_list(outline_of(pages, DOCUMENT))
    html = MarkdownIt().render(listed + "\n<!-- page 1 -->\n\n" + "\n".join(shown(pages)) + "\nlast")
    for act in ("<script", "<img", 'href="javascript', 'href="data', 'src="'):
        assert act not in html.lower()
    assert html.rstrip().endswith("last</p>") and "<script" not in html


@given(
    st.text(alphabet="#ab 1.~`-<>|\n", max_size=60), st.sampled_from(["", "title", "text"]), st.integers(1, 6)
)
def test_any_block_keeps_its_text(content: str, label: str, level: int) -> None:
    one = block(content, label)
    count = len(list(headings_of(one)))
    if not count:
        return
    before, after = one.content, with_levels(one, [level] * count).content
    assert re_marks(before) in (re_marks(after), re_marks(after).removesuffix("\n```"), re_marks(after)[:-4])


def re_marks(text: str) -> str:
    return "".join(text.replace("#", "").split()).rstrip("`~")
