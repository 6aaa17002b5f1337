"""Boxes of a turned page or of half a page end where they are on the page itself; no text is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Box, ParsedText
from ocr_engine.text.grounding import parse, write
from ocr_engine.text.remap import joined, turned_back
from tests.text.test_grounding import RAW, tag

SIDE = st.integers(0, 999)
BOXES = st.tuples(SIDE, SIDE, SIDE, SIDE).filter(lambda s: s[0] < s[2] and s[1] < s[3]).map(lambda s: Box(*s))
TURNS = st.sampled_from([90, 180, 270])
CUTS = st.sampled_from([(0.53, 0.47), (0.5, 0.5), (0.31, 0.31), (1.0, 0.0)])


def block(box: Box, text: str, label: str = "text") -> str:
    return f"<|ref|>{label}<|/ref|><|det|>[[{box.x1}, {box.y1}, {box.x2}, {box.y2}]]<|/det|>\n{text}\n"


def turned(box: Box, turn: int) -> Box:
    """The box on the page turned clockwise: a point (x, y) goes to (999 - y, x) at 90 degrees."""
    for _ in range(turn // 90):
        box = Box(999 - box.y2, box.x1, 999 - box.y1, box.x2)
    return box


def halves(top: str, bottom: str, end: float = 0.53, start: float = 0.47) -> str:
    return write(joined(parse(top), parse(bottom), end, start).blocks)


def text_of(parsed: ParsedText) -> str:
    return "".join(block.label + block.content for block in parsed.blocks)


@given(box=BOXES, turn=TURNS)
def test_a_box_comes_back_to_its_place(box: Box, turn: int) -> None:
    assert turned_back(parse(block(turned(box, turn), "t")), turn) == parse(block(box, "t"))


@given(raw=RAW, turn=TURNS)
def test_turned_there_and_back_is_the_same(raw: str, turn: int) -> None:
    parsed = parse(raw)
    there = turned_back(parsed, turn)
    assert turned_back(there, 360 - turn) == parsed and text_of(there) == text_of(parsed)
    assert parse(write(there.blocks)).blocks == there.blocks


@given(top=RAW, bottom=RAW, cut=CUTS)
def test_what_is_joined_is_read_back_as_it_was_written(
    top: str, bottom: str, cut: tuple[float, float]
) -> None:
    both = joined(parse(top), parse(bottom), *cut)
    assert parse(write(both.blocks)).blocks == both.blocks
    above = [box for one in parse(top).blocks for box in one.boxes]
    assert len([box for one in both.blocks for box in one.boxes]) >= len(above), "no box of the top is lost"
    figures = [name for one in both.blocks for name in one.figures]
    assert figures == [f"0001-{k}.jpg" for k in range(1, len(figures) + 1)]


@given(box=BOXES, cut=CUTS)
def test_a_box_of_a_half_is_where_it_is_on_the_page(box: Box, cut: tuple[float, float]) -> None:
    end, start = cut
    (above,) = joined(parse(block(box, "t")), parse(""), end, start).blocks[0].boxes
    below = joined(parse(""), parse(block(box, "t")), end, start).blocks[-1].boxes[0]
    assert (above.x1, above.x2) == (below.x1, below.x2) == (box.x1, box.x2)
    assert above.y1 == pytest.approx(box.y1 * end, abs=1.5)
    assert above.y2 == pytest.approx(box.y2 * end, abs=1.5)
    assert below.y1 == pytest.approx(start * 999 + box.y1 * (1 - start), abs=1.5)
    assert below.y2 == pytest.approx(start * 999 + box.y2 * (1 - start), abs=1.5)


def test_a_figure_one_unit_high_is_still_there_in_half_a_page() -> None:
    both = joined(
        parse(tag("image", "[[10, 8, 500, 9]]")), parse(tag("image", "[[10, 1, 500, 2]]")), 0.5, 0.5
    )
    assert [one.figures for one in both.blocks] == [("0001-1.jpg",), ("0001-2.jpg",)]
    assert parse(write(both.blocks)).blocks == both.blocks, "a flat box would be dropped"


def test_halves_join_and_what_both_saw_stands_once() -> None:
    top = block(Box(100, 0, 900, 500), "A") + block(Box(100, 950, 900, 990), "at the cut")
    bottom = block(Box(102, 68, 898, 103), "at the cut") + block(Box(100, 500, 900, 999), "B")
    parsed = joined(parse(top), parse(bottom), 0.53, 0.47)
    assert [one.content.strip() for one in parsed.blocks] == ["A", "at the cut", "B"]
    first, _, last = (one.boxes[0] for one in parsed.blocks)
    assert (first.y1, first.y2) == (0, 265)
    assert last.y2 == 999 and last.y1 == pytest.approx(470 + 0.53 * 500, abs=2)


def test_a_malformed_box_that_both_halves_saw_stands_once() -> None:
    top = tag("text", "[[100, s 950, 900, 990]]") + "at the cut"
    bottom = tag("text", "[102, 68, 898, 103") + "at the cut"
    assert halves(top, bottom).count("at the cut") == 1


def test_halves_without_boxes_join_at_the_lines_they_share() -> None:
    assert halves("one\ntwo\n three \n", "three\nfour\n") == "one\ntwo\n three\n\nfour\n"
    assert halves("one\ntwo", "three") == "one\ntwo\n\nthree"
    assert halves("", "three").strip() == "three"
    assert halves("a\nb\na\nb", "a\nb\nc") == "a\nb\na\nb\n\nc"
