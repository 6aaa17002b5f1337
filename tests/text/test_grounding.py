"""The grounding parser: labels, boxes and every character of text, from clean and from broken tags."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.records import Block, Box, ParsedText
from ocr_engine.text.grounding import MAX_BOXES, MAX_FIGURES, MAX_LABEL_CHARS, parse, write

TAGS = ("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>")


def tag(label: str, boxes: str = "[[1, 2, 30, 40]]") -> str:
    return f"<|ref|>{label}<|/ref|><|det|>{boxes}<|/det|>"


def boxes_of(raw_boxes: str) -> tuple[Box, ...]:
    (block,) = parse(tag("text", raw_boxes)).blocks
    return block.boxes


def contents(raw: str) -> list[str]:
    return [block.content for block in parse(raw).blocks]


def test_a_page_as_the_model_writes_it() -> None:
    raw = (
        "<|ref|>title<|/ref|><|det|>[[90, 60, 910, 110]]<|/det|>\n# Title\n\n"
        "<|ref|>text<|/ref|><|det|>[[90, 140, 910, 300], [90, 310, 910, 400]]<|/det|>\nBody.\n"
    )
    assert parse(raw) == ParsedText(
        (
            Block("title", (Box(90, 60, 910, 110),), "\n# Title\n\n"),
            Block("text", (Box(90, 140, 910, 300), Box(90, 310, 910, 400)), "\nBody.\n"),
        ),
        repairs=0,
    )


def test_nothing_and_text_without_tags() -> None:
    assert parse("") == ParsedText(())
    assert parse("plain\ntext").blocks == (Block("", (), "plain\ntext"),)


def test_figures_are_counted_by_box_over_the_page() -> None:
    raw = tag("image", "[[1, 2, 3, 4], [5, 6, 7, 8]]") + "caption" + tag("text") + "x" + tag("image")
    parsed = parse(raw, figure_stem="0012")
    assert [block.figures for block in parsed.blocks] == [
        ("0012-1.jpg", "0012-2.jpg"),
        (),
        ("0012-3.jpg",),
    ]


@pytest.mark.parametrize(
    ("given_boxes", "expected"),
    [
        ("[[550, s 331, 652, 345]]", (Box(550, 331, 652, 345),)),
        ("[[117, - 325, 400, 500]]", (Box(117, 325, 400, 500),)),
        ("[[-5, 10, 400, 1500]]", (Box(0, 10, 400, 999),)),
        ("[[400, 500, 10, 20]]", (Box(10, 20, 400, 500),)),
        ("[[10, 20, 10, 500]]", ()),
        ("[10, 20, 30, 40]", (Box(10, 20, 30, 40),)),
        ("10, 20, 30, 40", (Box(10, 20, 30, 40),)),
        ("[[10, 20], [30, 40]]", (Box(10, 20, 30, 40),)),
        ("[[10, 20, 30, 40, 50, 60, 70, 80]]", (Box(10, 20, 30, 40), Box(50, 60, 70, 80))),
        ("[[10, 20, 30, 40], [50, 60]]", (Box(10, 20, 30, 40),)),
        ("[[10.6, 20.2, 30.9, 40.0]]", (Box(10, 20, 30, 40),)),
        ("[[1, 2, 3, 99999999999999999999999]]", (Box(1, 2, 3, 999),)),
        ("[[1, 2,\n3, 4]]", (Box(1, 2, 3, 4),)),
        ("[[1, 2, 3]]", ()),
        ("[[]]", ()),
        ("", ()),
    ],
)
def test_odd_boxes_are_read_and_counted(given_boxes: str, expected: tuple[Box, ...]) -> None:
    parsed = parse(tag("text", given_boxes) + "after")
    assert parsed.blocks == (Block("text", expected, "after"),)
    assert parsed.repairs > 0


def test_good_boxes_need_no_repair() -> None:
    for good in ("[[0, 0, 999, 999]]", "[[1,2,3,4]]", "[[1, 2, 3, 4], [5, 6, 7, 8],[9, 10, 11, 12]]"):
        assert parse(tag("text", good)).repairs == 0


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        # A ref that is never closed does not swallow the heading up to the next det (official bug).
        ("<|ref|>title\n# Heading\n" + tag("text") + "Body", ["title\n# Heading\n", "Body"]),
        ("<|ref|>text<|det|>[[1, 2, 3, 4]]<|/det|>Body", ["Body"]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]\n1. Introduction", ["\n1. Introduction"]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]\n1. Introduction", ["\n1. Introduction"]),
        ("<|det|>[1] A reference", ["[1] A reference"]),
        ("<|det|>[[1, 2, 3, 4]]<|/det|>Body", ["Body"]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]] and words<|/det|>after", [" and wordsafter"]),
        ("<|ref|>text<|/ref|><|det|>no numbers here<|/det|>after", ["no numbers hereafter"]),
        ("<|ref|>text<|/ref|>Body", ["Body"]),
        ("before<|/det|> and <|/ref|>after", ["before and after"]),
        ("<|ref|>a<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>b", ["a", "b"]),
        ("Body<|ref|>text<|/ref|><|det|>[[1, 2, 3", ["Body", ""]),
    ],
)
def test_broken_tags_keep_the_text(raw: str, expected: list[str]) -> None:
    assert contents(raw) == expected
    assert parse(raw).repairs > 0


def test_a_label_that_is_a_line_of_text_stays_the_label() -> None:
    (block,) = parse(tag("A whole line of text, read with the ocr prompt") + "\n").blocks
    assert block.label == "A whole line of text, read with the ocr prompt"


def test_a_label_too_long_to_be_one_is_text() -> None:
    long = "x" * (MAX_LABEL_CHARS + 1)
    first, second = parse(tag(long) + "after").blocks
    assert (first.label, first.content, second.content) == ("", long, "after")


def test_bounds_on_boxes_and_figures() -> None:
    flood = ", ".join(["[1, 2, 3, 4]"] * (MAX_BOXES + 50))
    parsed = parse(tag("image", f"[{flood}]") + tag("image") + "text")
    assert sum(len(block.boxes) for block in parsed.blocks) == MAX_BOXES
    assert sum(len(block.figures) for block in parsed.blocks) == MAX_FIGURES
    assert parsed.repairs > 50
    assert parsed.blocks[-1].content == "text"


@pytest.mark.parametrize(
    "unit",
    [*TAGS, "<|ref|><|det|>", "<|det|>[", "<|det|>[[1, 2, ", "[1] ", "<|ref|>a<|/ref|>", "<|det|>]] ,"],
)
def test_hostile_repetition_is_parsed_in_linear_time(unit: str) -> None:
    # A quadratic parser takes minutes here, and the test run is stopped.
    raw = unit * 40_000
    text = re.sub("|".join(map(re.escape, TAGS)), "", raw)
    assert sum(len(block.content) for block in parse(raw).blocks) <= len(text)


words = st.sampled_from(["one", "Two.", "three,", "# four", "\n", "\n\n", " ", "[5]", "6", "1. seven"])
text_pieces = st.lists(words, max_size=4).map("".join)
good_tags = st.sampled_from([tag("title"), tag("image"), tag("text", "[[1, 2, 3, 4], [5, 6, 7, 8]]")])
broken_tags = st.sampled_from(
    ["<|/ref|>", "<|/det|>", "<|det|>[[1, 2, 30, 40]]<|/det|>", "<|ref|>text<|/ref|>"]
)


@settings(max_examples=200)
@given(st.lists(st.tuples(text_pieces, good_tags), max_size=6), text_pieces)
def test_contents_joined_are_the_text_between_good_tags(parts: list[tuple[str, str]], last: str) -> None:
    raw = "".join(text + grounding for text, grounding in parts) + last
    parsed = parse(raw)
    assert "".join(block.content for block in parsed.blocks) == "".join(text for text, _ in parts) + last
    assert sum(len(block.boxes) > 0 for block in parsed.blocks) == len(parts)
    assert parsed.repairs == 0


fragments = st.sampled_from(
    [*TAGS, "[[1, 2, 3, 4]]", "[[", "]]", "s ", "-", "12", ", ", "text", "image", "\n", "<|", "|>"]
)


@settings(max_examples=400)
@given(st.lists(st.one_of(fragments, good_tags, broken_tags, st.text(max_size=3)), max_size=25))
def test_words_are_never_lost_whatever_the_tags(pieces: list[str]) -> None:
    marked: list[str] = []
    raw = ""
    for index, piece in enumerate(pieces):
        raw += f"{piece} word{index}x "
        marked.append(f"word{index}x")
    parsed = parse(raw)
    kept = " ".join(f"{block.label} {block.content}" for block in parsed.blocks)
    positions = [kept.find(word) for word in marked]
    assert -1 not in positions
    assert all(first < second for first, second in pairwise(positions))


@settings(max_examples=200)
@given(st.lists(st.one_of(fragments, good_tags, st.text(max_size=5)), max_size=30).map("".join))
def test_any_input_gives_ordered_boxes_within_the_page(raw: str) -> None:
    parsed = parse(raw)
    for block in parsed.blocks:
        assert len(block.figures) == (len(block.boxes) if block.label == "image" else 0)
        for box in block.boxes:
            assert 0 <= box.x1 < box.x2 <= 999
            assert 0 <= box.y1 < box.y2 <= 999


RAW = st.lists(st.one_of(fragments, good_tags, broken_tags, st.text(max_size=5)), max_size=30).map("".join)


@settings(max_examples=400)
@given(RAW)
def test_what_is_written_is_read_as_the_same_blocks(raw: str) -> None:
    blocks = parse(raw).blocks
    assert parse(write(blocks)).blocks == blocks


@pytest.mark.parametrize(
    "raw",
    [
        "<|re<|ref|>f|> put together",
        tag("text") + "<|de<|/ref|>t|>[[1, 2, 3, 4]]",
        "a<|ref|><|/ref|>a label without a word",
        tag("text", "[[1, 2, 3]]") + "no box",
        tag("text", f"[{', '.join(['[1, 2, 3, 4]'] * (MAX_BOXES + 1))}]") + tag("image"),
    ],
)
def test_odd_blocks_are_written_too(raw: str) -> None:
    blocks = parse(raw).blocks
    assert parse(write(blocks)).blocks == blocks


@settings(max_examples=200)
@given(st.lists(st.tuples(text_pieces, good_tags), max_size=6), text_pieces)
def test_a_clean_answer_is_written_as_it_was(parts: list[tuple[str, str]], last: str) -> None:
    raw = "".join(text + grounding for text, grounding in parts) + last
    assert write(parse(raw).blocks) == raw
