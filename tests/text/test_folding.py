"""Tags folded away while the text grows: wherever it is cut, the same comes out, and no text is lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.text.folding import TagFolder, fold
from ocr_engine.text.grounding import MAX_LABEL_CHARS, parse
from ocr_engine.text.markdown import LAYOUT_LABELS

DET = "<|det|>[[1, 2, 30, 40]]<|/det|>"
PARTS = [
    "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[1, 2, 3, 4]]", "[[1, 2", "]", "[[1, s 2, ", "s", "[",
    "text", "title", "Total: 5", "\n", " ", "<", "<|", "<|re", "|>", "<b>", "word", "漢", "<table>",
    "1. item", "(a)", "<|ref|>text<|/ref|>" + DET, "<|ref|>Total<|/ref|>" + DET,
]  # fmt: skip

_LABEL = re.compile(r"<\|ref\|>(?:(?!<\|/?(?:ref|det)\|>).)*<\|/ref\|>", re.DOTALL)
"""What may stand for the kind of a block, and then is no text of the page."""


def in_pieces(raw: str, cuts: list[int]) -> tuple[str, list[str]]:
    folder, shown = TagFolder(), []
    ends = sorted({min(cut, len(raw)) for cut in cuts} | {len(raw)})
    for start, end in zip([0, *ends], ends, strict=False):
        shown.append(folder.add(raw[start:end]))
    return "".join(shown) + folder.end(), shown


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PARTS), max_size=16).map("".join), st.lists(st.integers(0, 200), max_size=12))
def test_streamed_is_the_whole_folded(raw: str, cuts: list[int]) -> None:
    whole = fold(raw)
    assert in_pieces(raw, cuts)[0] == whole
    assert in_pieces(raw, list(range(len(raw))))[0] == whole


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PARTS), max_size=16).map("".join))
def test_no_words_are_lost_and_no_tag_is_left(raw: str) -> None:
    shown = fold(raw)
    assert not re.search(r"<\|/?(?:ref|det)\|>", shown)
    without_labels = _LABEL.sub("", raw)
    for word in ("word", "漢", "item", "<table>", "<b>"):
        assert without_labels.count(word) <= shown.count(word) <= raw.count(word)


_BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(["text", "title", "Total: 5", "A line"]),
        st.sampled_from(["\n", "\nSome *text*\n\n", " x"]),
    ),
    max_size=6,
)


@settings(max_examples=200)
@given(st.sampled_from(["", "Before.\n"]), _BLOCKS)
def test_well_formed_text_is_what_the_parser_finds(start: str, blocks: list[tuple[str, str]]) -> None:
    raw = start + "".join(f"<|ref|>{label}<|/ref|>{DET}{text}" for label, text in blocks)
    expected = "".join(
        block.content
        if block.content.strip() or block.label in LAYOUT_LABELS
        else block.label + block.content
        for block in parse(raw).blocks
    )
    assert fold(raw) == expected


def test_a_tag_cut_in_two_never_shows() -> None:
    raw = f"One <|ref|>text<|/ref|>{DET}two < three <|other|>"
    shown, pieces = in_pieces(raw, list(range(len(raw))))
    assert shown == "One two < three <|other|>"
    assert "<|r" not in "".join(pieces) and "[[" not in "".join(pieces)


def test_text_shows_as_soon_as_it_is_certain() -> None:
    folder = TagFolder()
    assert folder.add("Hel") == "Hel"
    assert folder.add("lo <") == "lo "
    assert folder.add("b> and <|re") == "<b> and "
    assert folder.add("f|>text<|/ref|><|det|>[[1, 2, 3") == ""
    assert folder.add(", 4]]<|/det|>") == ""
    assert folder.add("\nnow") == "\nnow"
    assert folder.end() == ""


def test_space_after_a_label_that_is_text_is_kept_whole() -> None:
    raw = f"<|ref|>Total<|/ref|>{DET} \n \n"
    assert in_pieces(raw, list(range(len(raw))))[0] == fold(raw) == "Total \n \n"


def test_labels_that_are_text_are_shown() -> None:
    raw = f"<|ref|>First line<|/ref|>{DET}\n<|ref|>Second<|/ref|>{DET}\n"
    assert fold(raw) == "First line\nSecond\n"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<|ref|>never closed", "never closed"),
        ("<|ref|>text <|det|>[[1, 2, 3, 4]]<|/det|>after", "text after"),
        ("a<|det|>[[1, 2, 3, 4]]b", "ab"),
        ("a<|det|>1. A list", "a1. A list"),
        ("a<|det|>[[1, 2 and text", "aand text"),
        ("a<|/ref|>b<|/det|>c", "abc"),
        ("a<|det|>", "a"),
        ("a<|det|>[[1, s 2, ab 3, 4]]<|/det|>b", "ab"),
        ("a<|det|>[[1, 2 is text", "ais text"),
        ("a<|det|>[[1, the 2, 3, 4]]<|/det|>b", "athe 2, 3, 4]]b"),
        ("<|ref|>" + "x" * (MAX_LABEL_CHARS + 30) + "<|/ref|>y", "x" * (MAX_LABEL_CHARS + 30) + "y"),
    ],
)
def test_broken_tags_lose_their_marks_and_no_text(raw: str, shown: str) -> None:
    assert fold(raw) == shown


@pytest.mark.parametrize("boxes", ["[[550, s 331, 652, 345]]", "[[1, 2, ab3, 4]]", "[[a 1, 2, 3, 4]]"])
def test_stray_letters_in_boxes_are_no_text_wherever_they_are_cut(boxes: str) -> None:
    raw = f"a<|ref|>text<|/ref|><|det|>{boxes}<|/det|>b"
    (_, block) = parse(raw).blocks
    assert block.boxes and block.content == "b"
    assert fold(raw) == "ab"
    assert all(in_pieces(raw, [cut])[0] == "ab" for cut in range(len(raw)))
    assert in_pieces(raw, list(range(len(raw))))[0] == "ab"


def test_a_megabyte_of_open_tags_takes_no_time() -> None:
    assert fold("<|ref|>a" * 120_000) == "a" * 120_000
    folder = TagFolder()
    assert "".join(folder.add("<|det|>[[1,") for _ in range(50_000)) + folder.end() == ""
