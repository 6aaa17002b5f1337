"""Paragraphs cut by pages and columns, joined by where their lines stand on the page."""

from dataclasses import replace

import pytest

from ocr_engine.config import TextConfig
from ocr_engine.records import Block, BlockLine, Box, PageRecord, PageStatus
from ocr_engine.text.cross_page import join_pages
from ocr_engine.text.line_ends import may_go_on

JOIN = TextConfig(join_paragraphs=True)
HEIGHT, LETTER = 14.0, 10.0
FULL = "all of these lines are as wide as the column is here"


def line(text: str, left: float = 100.0, top: float = 100.0, height: float = HEIGHT) -> BlockLine:
    """Letters ten units wide."""
    sides: list[float] = []
    for word in text.split():
        sides += [left, left + LETTER * len(word)]
        left += LETTER * (len(word) + 1)
    return BlockLine(tuple(text.split()), tuple(sides), top, top + height)


def block(*lines: BlockLine, label: str = "text") -> Block:
    content = " ".join(" ".join(one.words) for one in lines)
    return Block(label, (Box(1, 2, 3, 4),), f"\n{content}\n\n", lines=lines)


def page(number: int, *blocks: Block) -> PageRecord:
    return PageRecord(number, PageStatus.DONE, "", "r.w", "base", "markdown", blocks)


def joined(*pages: PageRecord) -> list[str]:
    records = [record for record, _ in join_pages(pages, JOIN)]
    return [one.content.strip() for record in records for one in record.blocks]


def test_a_full_last_line_and_a_flush_first_one_go_on_whatever_the_case() -> None:
    above, below = block(line(FULL), line(FULL)), block(line("Anzahl der im letzten Jahr"), line("Fläche"))
    assert joined(page(1, above), page(2, below))[1] == ""
    bare = [replace(one, lines=()) for one in (above, below)]
    assert joined(page(1, bare[0]), page(2, bare[1]))[1] != "", "without lines a capital begins a paragraph"


@pytest.mark.parametrize(
    ("why", "last", "first"),
    [
        ("the next word would have fitted", "it ends early", (line("and more"), line("of it"))),
        ("the first line is indented", FULL, (line("and more", 130), line("of it"))),
        ("the first line hangs", FULL, (line("and more", 100), line("of it", 130))),
        ("other type", FULL, (line("and more", height=18), line("of it", height=18))),
        ("an item", FULL, (line("b) and more"), line("of it"))),
        ("a caption", FULL, (line("Figure 2 shows all of it"), line("to the reader"))),
        ("a label", FULL, (line("Input layer"),)),
    ],
)
def test_lines_that_begin_or_end_a_paragraph_keep_it_apart(
    why: str, last: str, first: tuple[BlockLine, ...]
) -> None:
    above, below = block(line(FULL), line(last)), block(*first)
    assert len([text for text in joined(page(1, above), page(2, below)) if text]) == 2, why


def test_where_the_lines_do_not_tell_the_text_is_guessed_from_as_ever() -> None:
    alone = block(line("a line alone"))
    assert may_go_on(alone, block(line("goes on")), [alone]) is None
    above = block(line(FULL), line(FULL[:-5]))
    assert may_go_on(above, block(line("and on")), [above]) is None, "a ragged margin"
    unread = replace(block(line(FULL), line(FULL)), content="\nother text\n")
    assert may_go_on(unread, block(line("and on")), [unread]) is None
    assert joined(page(1, above), page(2, block(line("and on"))))[1] == ""


def test_a_paragraph_goes_on_in_the_next_column_and_page() -> None:
    left, right = (
        block(line(FULL[:30], top=800), line(FULL[:30], top=820)),
        block(line("and so on to the", 500)),
    )
    below = block(line("end of it."))
    assert joined(page(1, left, right), page(2, below)) == [
        f"{FULL[:30]} {FULL[:30].strip()} and so on to the end of it.".replace("  ", " "), "", "",
    ]  # fmt: skip
    lower = replace(right, lines=tuple(replace(one, top=850, bottom=864) for one in right.lines))
    assert joined(page(1, left, lower))[1] != "", "it stands below, a paragraph of its own"


@pytest.mark.parametrize(
    ("known", "word"),
    [
        ("a well-known case", "well-known"),
        ("a wellknown case", "wellknown"),
        ("no such word here", "wellknown"),
    ],
)
def test_a_hyphen_stays_where_the_page_writes_it_elsewhere(known: str, word: str) -> None:
    above, below = block(line(known), line("it is well-")), block(line("known, they say"))
    assert joined(page(1, above), page(2, below))[0].endswith(f"it is {word}, they say")
