"""Tables and paragraphs that a page break cut in two: put together by the stated rules, no text lost."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.config import TextConfig
from ocr_engine.records import Block, Box, PageRecord, PageStatus, ParsedText
from ocr_engine.text import cross_page
from ocr_engine.text.cross_page import join_pages
from ocr_engine.text.markdown import to_markdown

BOTH = TextConfig(merge_tables=True, join_paragraphs=True)
HEADER = "<tr><td>a</td><td>b</td></tr>"
BOXES = (Box(1, 2, 3, 4),)


def table(*rows: str) -> str:
    cells = ["".join(f"<td>{cell}</td>" for cell in row.split(",")) for row in rows]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def page(number: int, *blocks: str, status: PageStatus = PageStatus.DONE) -> PageRecord:
    """Blocks as `label:content`."""
    made = []
    for block in blocks:
        label, _, content = block.partition(":")
        figures = ("f.jpg",) if label == "image" else ()
        made.append(Block(label, BOXES, f"\n{content}\n\n", figures))
    return PageRecord(number, status, "", "r.w", "base", "markdown", tuple(made))


def shown(records: list[PageRecord], options: TextConfig = BOTH) -> list[str]:
    return [to_markdown(ParsedText(record.blocks), "") for record, _ in join_pages(records, options)]


def test_a_paragraph_goes_on_on_the_next_page() -> None:
    pages = [page(1, "text:The maps were", "footer:3"), page(2, "header:Maps", "text:few. They", "text:End.")]
    assert shown(pages) == ["The maps were few. They\n\n3\n", "Maps\n\nEnd.\n"]
    assert [changed for _, changed in join_pages(pages, BOTH)] == [True, True]


def test_only_the_first_paragraph_of_a_page_without_boxes_moves() -> None:
    pages = [page(1, ":One.\n\nThe maps"), page(2, ":were few.\n\nThey were old.")]
    assert shown(pages) == ["One.\n\nThe maps were few.\n", "They were old.\n"]


@pytest.mark.parametrize("hyphen", ["-", "\u00ad", "\u2010"])
def test_a_hyphen_at_the_end_goes(hyphen: str) -> None:
    assert shown([page(1, f"text:collec{hyphen}"), page(2, "text:tions are")]) == ["collections are\n", ""]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("text:It ended.", "text:lower case"),
        ("text:He asked “why?”", "text:lower case"),
        ("text:The maps", "text:Upper case"),
        ("text:The maps", "text:3 more"),
        ("text:- an item", "text:goes on"),
        ("text:# Heading", "text:goes on"),
        ("text:1. item", "text:goes on"),
        ("title:The maps", "text:goes on"),
        ("text:The maps", "table_caption:goes on"),
        ("text:The maps", "image:goes on"),
        ("image:The maps", "text:goes on"),
        ("text:\\[x\\]", "text:goes on"),
        ("text:the range 3 -", "title:goes on"),
    ],
)
def test_what_does_not_go_on_stays(above: str, below: str) -> None:
    pages = [page(1, above), page(2, below)]
    assert [record for record, _ in join_pages(pages, BOTH)] == pages
    assert not any(changed for _, changed in join_pages(pages, BOTH))


def test_a_table_goes_on_over_several_pages_and_its_header_stands_once() -> None:
    pages = [
        page(1, "text:Before.", f"table:{table('Kind,Count', 'Maps,3')}", "page_number:1"),
        page(2, f"table:{table('Kind,Count', 'Plans,4')}", "page_number:2"),
        page(3, f"table:{table('Kind,Count', 'Letters,5')}", "text:After."),
        page(4, f"table:{table('Kind,Count', 'Own,6')}"),
    ]
    whole = table("Kind,Count", "Maps,3", "Plans,4", "Letters,5")
    assert shown(pages) == [
        f"Before.\n\n{whole}\n\n1\n",
        "2\n",
        "After.\n",
        table("Kind,Count", "Own,6") + "\n",
    ]


def test_tables_with_other_columns_or_text_between_stay_apart() -> None:
    one, two = table("a,b", "1,2"), table("a,b", "3,4")
    for other in (
        (f"table:{table('a,b,c')}",),
        ("table_caption:Table 2", f"table:{two}"),
        ("image:", f"table:{two}"),
    ):
        pages = [page(1, f"table:{one}"), page(2, *other)]
        assert [record for record, _ in join_pages(pages, BOTH)] == pages
    pages = [page(1, f"table:{one}", "text:between"), page(2, f"table:{two}")]
    assert [record for record, _ in join_pages(pages, BOTH)] == pages


def test_what_is_too_long_for_a_page_is_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [page(1, "text:one line"), page(2, "text:and its end")]
    assert shown(pages)[0] == "one line and its end\n"
    monkeypatch.setattr(cross_page, "MAX_JOINED_CHARS", 20)
    assert shown(pages) == ["one line\n", "and its end\n"]


def test_each_rule_is_an_option_of_its_own() -> None:
    tables = [page(1, f"table:{table('a', '1')}"), page(2, f"table:{table('2')}")]
    words = [page(1, "text:the maps"), page(2, "text:were few")]
    only_tables, only_words = TextConfig(merge_tables=True), TextConfig(join_paragraphs=True)
    assert shown(tables, only_tables)[1] == "" and shown(words, only_words)[1] == ""
    assert shown(tables, only_words)[1] != "" and shown(words, only_tables)[1] != ""


@pytest.mark.parametrize("status", [PageStatus.TRUNCATED, PageStatus.FAILED, PageStatus.LOOPED])
def test_nothing_is_joined_to_a_page_that_was_not_read_to_its_end(status: PageStatus) -> None:
    pages = [page(1, "text:the maps", status=status), page(2, "text:were few")]
    assert [record for record, _ in join_pages(pages, BOTH)] == pages
    cut = [page(1, "text:the maps"), page(2, "text:were", status=PageStatus.TRUNCATED)]
    assert shown(cut) == ["the maps were\n", ""]


def test_pages_pass_as_they_come_and_few_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def source() -> Iterator[PageRecord]:
        for number in range(1, 101):
            taken.append(number)
            yield page(number, f"table:{table(f'{number}')}")

    monkeypatch.setattr(cross_page, "MAX_HELD_PAGES", 10)
    for record, _ in join_pages(source(), BOTH):
        assert len(taken) - record.page <= 10
    plain = [page(number, "text:Whole.") for number in range(1, 5)]
    assert [record.page for record, _ in join_pages(plain, BOTH)] == [1, 2, 3, 4]


_TEXTS = st.sampled_from([
    "The maps", "were few", "End.", "3", "- item", "half-", "a\n\nb c", "", table("a,b", "1,2"),
    table("a,b", "3,4"), "text " + table("a,b", "1,2"), "<table><tr><td>open", "\\[x\\]", "# T",
])  # fmt: skip
_BLOCK = st.tuples(st.sampled_from(["text", "table", "title", "footer", "", "image"]), _TEXTS)
_PAGES = st.lists(st.lists(_BLOCK, max_size=3), max_size=6)


@settings(max_examples=200)
@given(_PAGES)
def test_no_text_is_lost_and_no_page(pages: list[list[tuple[str, str]]]) -> None:
    records = [page(n, *(f"{label}:{text}" for label, text in blocks)) for n, blocks in enumerate(pages, 1)]
    joined = [record for record, _ in join_pages(records, BOTH)]
    assert [record.page for record in joined] == [record.page for record in records]

    def letters(every: list[PageRecord]) -> list[str]:
        """Sorted, as text may move past a footer; the header that all these tables share does not count."""
        text = "".join(to_markdown(ParsedText(record.blocks), "") for record in every)
        return sorted(re.findall(r"[^\W_]", re.sub(r"<[^<>]*>", "", text.replace(HEADER, ""))))

    assert letters(joined) == letters(records)
