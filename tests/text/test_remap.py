"""Boxes of a turned page or of half a page end where they are on the page itself; no text is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Box
from ocr_engine.text.grounding import parse
from ocr_engine.text.remap import joined, turned_back

SIDE = st.integers(0, 999)
BOXES = st.tuples(SIDE, SIDE, SIDE, SIDE).map(
    lambda s: Box(min(s[0], s[2]), min(s[1], s[3]), max(s[0], s[2]), max(s[1], s[3]))
)


def block(box: Box, text: str, label: str = "text") -> str:
    return f"<|ref|>{label}<|/ref|><|det|>[[{box.x1}, {box.y1}, {box.x2}, {box.y2}]]<|/det|>\n{text}\n"


def turned(box: Box, turn: int) -> Box:
    """The box on the page turned clockwise: a point (x, y) goes to (999 - y, x) at 90 degrees."""
    for _ in range(turn // 90):
        box = Box(999 - box.y2, box.x1, 999 - box.y1, box.x2)
    return box


@given(box=BOXES, turn=st.sampled_from([90, 180, 270]))
def test_a_box_comes_back_to_its_place(box: Box, turn: int) -> None:
    assert turned_back(block(turned(box, turn), "t"), turn) == block(box, "t")


def test_text_and_broken_tags_are_left_alone() -> None:
    raw = "see [1, 2, 3, 4]\n<|ref|>text<|/ref|><|det|>[[1, 2, 3]]<|/det|>\nand [[5, 6, 7, 8]] too"
    for turn in (0, 90, 180, 270):
        assert turned_back(raw, turn) == raw
    assert turned_back("<|det|>[[0, 0, 5000, 9]]<|/det|>", 180) == "<|det|>[[0, 990, 999, 999]]<|/det|>"


@given(text=st.text(alphabet="<|>refdt/[]0123456789, \n"), turn=st.sampled_from([90, 180, 270]))
def test_anything_can_be_turned(text: str, turn: int) -> None:
    assert turned_back(turned_back(text, turn), 360 - turn).count("<|det|>") == text.count("<|det|>")


def test_halves_join_and_what_both_saw_stands_once() -> None:
    top = block(Box(100, 0, 900, 500), "A") + block(Box(100, 950, 900, 990), "at the cut")
    bottom = block(Box(102, 68, 898, 103), "at the cut") + block(Box(100, 500, 900, 999), "B")
    parsed = parse(joined(top, bottom, 0.53, 0.47))
    assert [one.content.strip() for one in parsed.blocks] == ["A", "at the cut", "B"]
    first, _, last = (one.boxes[0] for one in parsed.blocks)
    assert (first.y1, first.y2) == (0, 265)
    assert last.y2 == 999 and last.y1 == pytest.approx(470 + 0.53 * 500, abs=2)


def test_halves_without_boxes_join_at_the_lines_they_share() -> None:
    assert joined("one\ntwo\n three \n", "three\nfour\n", 0.53, 0.47) == "one\ntwo\n three\n\nfour\n"
    assert joined("one\ntwo", "three", 0.53, 0.47) == "one\ntwo\n\nthree"
    assert joined("", "three", 0.53, 0.47).strip() == "three"
    assert joined("a\nb\na\nb", "a\nb\nc", 0.53, 0.47) == "a\nb\na\nb\n\nc"
