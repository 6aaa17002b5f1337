"""Unlimited-OCR's answers: the label among the boxes, text on the same line, blocks a line apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Block, Box
from ocr_engine.text.folding import TagFolder, fold
from ocr_engine.text.grounding import parse, write
from ocr_engine.text.markdown import to_markdown

PAGE = """\
<|det|>header [27, 26, 252, 37]<|/det|>CITY PAPER
<|det|>title [28, 381, 215, 399]<|/det|>On Scissors
<|det|>text [28, 401, 900, 480]<|/det|>They cut,
and they are sharp.
<|det|>image [27, 485, 387, 564]<|/det|>
<|det|>image_caption [27, 570, 387, 580]<|/det|>Figure 1: a pair
<|det|>table [40, 600, 960, 700]<|/det|><table><tr><td>Item</td></tr></table>
<|det|>page_number [493, 924, 506, 935]<|/det|>3"""


def test_a_page_as_the_model_writes_it() -> None:
    parsed = parse(PAGE, "0007")
    assert parsed.repairs == 0
    assert [(block.label, block.boxes[0].x1) for block in parsed.blocks] == [
        ("header", 27), ("title", 28), ("text", 28), ("image", 27), ("image_caption", 27), ("table", 40),
        ("page_number", 493),
    ]  # fmt: skip
    assert parsed.blocks[1] == Block("title", (Box(28, 381, 215, 399),), "\n# On Scissors\n\n")
    assert parsed.blocks[3].figures == ("0007-1.jpg",)


def test_its_markdown_has_headings_and_paragraphs() -> None:
    assert to_markdown(parse(PAGE), "figures/") == (
        "CITY PAPER\n\n# On Scissors\n\nThey cut,\nand they are sharp.\n\n![](figures/0001-1.jpg)\n\n"
        "Figure 1: a pair\n\n<table><tr><td>Item</td></tr></table>\n\n3\n"
    )


def test_blocks_written_in_the_first_form_are_read_the_same() -> None:
    blocks = parse(PAGE).blocks
    assert parse(write(blocks)).blocks == blocks


@pytest.mark.parametrize(
    ("raw", "label", "boxes", "content"),
    [
        ("<|det|>text [1, 2, 3, 4], [5, 6, 7, 8]<|/det|>x", "text", (Box(1, 2, 3, 4), Box(5, 6, 7, 8)), "x"),
        ("<|det|>text[1,2,3,4]<|/det|>x", "text", (Box(1, 2, 3, 4),), "x"),
        ("<|det|>text [1, 2, 3, 4] x", "text", (Box(1, 2, 3, 4),), " x"),
        ("<|det|>text [1, 2, 3]<|/det|>x", "text", (), "x"),
    ],
)
def test_odd_tags(raw: str, label: str, boxes: tuple[Box, ...], content: str) -> None:
    assert parse(raw).blocks == (Block(label, boxes, f"\n{content}\n\n"),)


@pytest.mark.parametrize(
    "raw",
    [
        "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n<|det|>title [1, 2, 3, 4]<|/det|>x",
        "title [1, 2, 3, 4]",
    ],
)
def test_text_of_the_first_form_keeps_its_form(raw: str) -> None:
    assert not any(block.label == "title" for block in parse(raw).blocks)


def test_a_stream_shows_the_text_alone() -> None:
    words = "CITY PAPER\nOn Scissors\nThey cut,\nand they are sharp.\n\nFigure 1: a pair\n"
    assert fold(PAGE) == words + "<table><tr><td>Item</td></tr></table>\n3"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11])
def test_a_stream_does_not_depend_on_its_pieces(size: int) -> None:
    folder = TagFolder()
    out = "".join(folder.add(PAGE[at : at + size]) for at in range(0, len(PAGE), size))
    assert out + folder.end() == fold(PAGE)


@given(st.text(alphabet="<|det/ref>[] ,129atx\n", max_size=60))
def test_no_text_is_lost(text: str) -> None:
    raw = f"<|det|>text [1, 2, 3, 4]<|/det|>{text}"
    kept = "".join(block.content for block in parse(raw).blocks)
    assert [c for c in kept if c == "x"] == [c for c in text if c == "x"] or "<|ref|>" in text
