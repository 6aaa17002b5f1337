"""Running heads and feet that were read as text: which are taken, and everything that only looks like one."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.config import Config, TextConfig
from ocr_engine.reading.texts import page_joiner
from ocr_engine.records import Block, Box, PageRecord, PageStatus
from ocr_engine.text.running_heads import (
    _SLACK,
    FOOT,
    HEAD,
    MAX_BLOCKS,
    _is_apart,
    running_heads,
    with_running_heads,
)

Line = Callable[[int], Block | None]


def block(content: str, top: int, label: str = "text", height: int = 15) -> Block:
    return Block(label, (Box(100, top, 900, top + height),), f"\n{content}\n\n")


def pages(*lines: Line, count: int = 10) -> list[PageRecord]:
    """Pages with a paragraph, and these lines where they give one."""
    made = []
    for number in range(1, count + 1):
        found = [line(number) for line in lines]
        body = block(f"The text of page {number}.", 300, height=500)
        blocks = tuple(one for one in (*found, body) if one is not None)
        made.append(PageRecord(number, PageStatus.DONE, "", "", "", "markdown", blocks))
    return made


def taken(*lines: Line, count: int = 10) -> int:
    """How many blocks are taken; they are all of the first line."""
    found = running_heads(pages(*lines, count=count))
    assert all(list(here) == [0] for here in found.values())
    return len(found)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (lambda _: block("A Profile / Test Suite", 35), 10),
        (lambda number: block("A Profile / Test Suite", 35 + number % 3), 10),
        (lambda number: block("**A Profile**\nTest Suite", 35) if number > 2 else None, 8),
        (lambda number: block(f"{number + 40}", 35), 10),
        (lambda number: block(f"{number + 40} A Journal, vol. 7", 35), 10),
        (lambda number: block(f"{number} A Journal", 35) if number % 2 else None, 5),
        (lambda number: block(f"Page {number} of 213", 950), 10),
        (lambda _: block("www.host.org", 950), 10),
    ],
)
def test_lines_at_the_same_place_of_most_pages_are_taken(line: Line, count: int) -> None:
    assert taken(line) == count


@pytest.mark.parametrize(
    "line",
    [
        lambda number: block("Test Procedure", 73) if number < 6 else None,
        lambda number: block("Test Procedure", 73 + 20 * (number % 3)),
        lambda number: block("The same", 150),
        lambda number: block(f"Exercise {number * number}", 35),
        lambda number: block(f"Balance: {number * 7919}", 950),
        lambda number: block("## A heading", 35),
        lambda number: block("A heading", 35, "title"),
        lambda number: block("A heading", 35, "sub_title"),
        lambda number: block("Close to the text", 284),
        lambda number: block("a" * 200, 35),
        lambda number: block("one\ntwo\nthree\nfour", 35),
        lambda number: block("12", 35),
        lambda number: block("\\[ x \\]", 35),
        lambda number: block("<table><tr><td>a</td></tr></table>", 35),
        lambda number: Block("image", (Box(100, 35, 900, 50),), "\n", (f"000{number}-1.jpg",)),
        lambda number: Block("text", (), "\nno box\n"),
    ],
)
def test_what_is_not_certain_is_not_taken(line: Line) -> None:
    assert taken(line) == 0


def test_a_heading_that_often_begins_a_page_is_none() -> None:
    begins: Line = lambda number: block("Test Procedure", 73) if number != 4 else None  # noqa: E731
    amid: Line = lambda number: block("Test Procedure", 850) if number > 7 else None  # noqa: E731
    assert taken(begins) == 9 and taken(begins, amid) == 0


def test_words_alone_that_stand_right_above_the_text_are_its_beginning() -> None:
    line: Line = lambda _: block("Dear reader,", 60)  # noqa: E731
    assert taken(line, lambda number: block(f"word{'s' * number} of a letter", 80, height=60)) == 0
    assert taken(line, lambda number: block(f"word{'s' * number} of a letter", 95, height=60)) == 10


def test_something_beyond_it_at_its_edge_keeps_it() -> None:
    line: Line = lambda _: block("Some words", 60)  # noqa: E731
    assert taken(line, lambda _: block("Other words of it", 40, "title")) == 0
    assert taken(line, lambda _: block("Other words of it", 40, "header")) == 10


def test_short_documents_and_pages_of_very_many_blocks_are_left_alone() -> None:
    line: Line = lambda _: block("A Profile", 35)  # noqa: E731
    assert taken(line, count=4) == 0 and taken(line, count=5) == 5
    many = [*pages(line), pages(line)[0]]
    full = PageRecord(11, PageStatus.DONE, "", "", "", "markdown", many[0].blocks * MAX_BLOCKS)
    assert 11 not in running_heads([*many[:10], full])


def test_they_are_left_out_of_the_merged_file_alone_and_paragraphs_go_on_over_them() -> None:
    def blocks_of(number: int) -> tuple[Block, ...]:
        body = block(f"this sentence number{chr(96 + number)}", 300)
        return block("A Profile", 35), body, block(f"{number}", 950)

    made = [
        PageRecord(number, PageStatus.DONE, "", "", "", "markdown", blocks_of(number))
        for number in range(1, 7)
    ]
    joiner = page_joiner(Config(text=TextConfig(headers_footers="drop")))
    assert joiner is not None
    assert [text for _, text in joiner(made)] == [f"this sentence number{letter}\n" for letter in "abcdef"]
    joined = page_joiner(Config(text=TextConfig(headers_footers="drop", join_paragraphs=True)))
    assert joined is not None
    first, *rest = [text for _, text in joined(made)]
    assert first == "this sentence number" + " this sentence number".join("abcdef") + "\n" and not any(rest)
    assert page_joiner(Config(text=TextConfig(headers_footers="keep"))) is None
    labels = {one.label for page in with_running_heads(made, running_heads(made)) for one in page.blocks}
    assert labels == {"header", "text", "footer"}


some = st.text("a1#* \n", max_size=8)


@given(st.lists(st.lists(st.tuples(some, st.integers(0, 980)), max_size=4), max_size=8))
def test_any_pages_can_be_looked_through(found: list[list[tuple[str, int]]]) -> None:
    made = [
        PageRecord(at, PageStatus.DONE, "", "", "", "markdown", tuple(block(*one) for one in blocks))
        for at, blocks in enumerate(found, 1)
    ]
    for number, here in running_heads(made).items():
        assert all(made[number - 1].blocks[at].content.strip() for at in here)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), min_size=1, max_size=8))
def test_a_line_is_apart_where_nothing_is_as_near_as_it_is_high(places: list[tuple[int, int]]) -> None:
    boxes = [Box(100, top, 900, top + height) for top, height in places]
    begins, ends = sorted(box.y1 for box in boxes), sorted(box.y2 for box in boxes)
    line, height = boxes[0], boxes[0].y2 - boxes[0].y1
    below = [one for one in begins if one > line.y1 + _SLACK]
    above = [one for one in ends if one < line.y2 - _SLACK]
    assert _is_apart(line, HEAD, begins, ends) is all(one >= line.y2 + height for one in below)
    assert _is_apart(line, FOOT, begins, ends) is all(one <= line.y1 - height for one in above)
