"""Answers foretold from text layers."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.drafts.phrases import PHRASES, book
from ocr_engine.drafts.prediction import MAX_CHARS, predicted_answer
from ocr_engine.drafts.rule import END
from ocr_engine.families import BOX_SCALE
from ocr_engine.records import LayerVerdict, WordFlag
from ocr_engine.text.grounding import parse
from tests.text_layers import layer_of, layer_of_lines


def test_a_block_has_its_tag_and_its_box_and_its_lines_run_on() -> None:
    found = predicted_answer(layer_of("A well known\nsentence of two\nlines, con-\ntinued."), tagged=True)
    tag, _, text = found.partition("\n")
    assert text == "A well known sentence of two lines, continued."
    (block,) = parse(found, "page").blocks
    (box,) = block.boxes
    assert (box.x1, box.y1) == (97, 97) and 215 < box.x2 < 230 and 165 < box.y2 < 175
    assert tag.startswith("<|ref|>text<|/ref|>")


def test_lists_keep_their_lines_and_captions_are_centred() -> None:
    assert predicted_answer(layer_of("1. one\n2. two"), tagged=False) == "1. one  \n2. two"
    assert (
        predicted_answer(layer_of("Figure 3: what is seen"), tagged=False)
        == "<center>Figure 3: what is seen </center>"
    )


def test_pieces_of_a_line_are_one_line_and_running_heads_are_left_out() -> None:
    layer = layer_of_lines([("Head", 100, 20), ("1.", 100, 200), ("an item", 125, 200), ("Page 3", 100, 980)])
    assert predicted_answer(layer, tagged=False) == "1. an item"


def test_larger_type_is_a_heading() -> None:
    layer = layer_of_lines([("Large", 100, 200), ("and a text that is much longer than it", 100, 300)])
    sizes = layer.sizes_pt.copy()
    sizes[0] = 20
    blocks = layer.blocks.copy()
    blocks[1:] = 1
    found = predicted_answer(replace(layer, sizes_pt=sizes, blocks=blocks), tagged=True)
    assert "<|ref|>sub_title<|/ref|>" in found and "## Large  \n\n" in found


@pytest.mark.parametrize("verdict", [v for v in LayerVerdict if v is not LayerVerdict.BORN_DIGITAL])
def test_a_layer_that_is_not_the_pages_own_text_foretells_nothing(verdict: LayerVerdict) -> None:
    assert predicted_answer(replace(layer_of("words"), verdict=verdict), tagged=True) == ""


def test_what_is_not_seen_is_not_foretold() -> None:
    layer = layer_of("seen\nhidden")
    flags = layer.flags.copy()
    flags[1] = WordFlag.HIDDEN
    assert predicted_answer(replace(layer, flags=flags), tagged=False) == "seen"


@given(st.text(max_size=300), st.booleans())
def test_any_text_gives_a_bounded_answer(text: str, tagged: bool) -> None:
    assert len(predicted_answer(layer_of(text * 200), tagged=tagged)) <= MAX_CHARS


@given(st.lists(st.tuples(st.text(max_size=12), st.floats(-50, 1100), st.floats(-50, 1100)), max_size=12))
def test_boxes_are_boxes_wherever_words_stand(lines: list[tuple[str, float, float]]) -> None:
    found = predicted_answer(layer_of_lines(lines), tagged=True)
    for block in parse(found, "page").blocks:
        assert all(0 <= side <= BOX_SCALE for box in block.boxes for side in (box.x1, box.y1, box.x2, box.y2))


def test_every_phrase_of_the_book_is_ended() -> None:
    found = book(lambda text: [len(text)])
    assert found == [number for phrase in PHRASES for number in (len(phrase), END)]


def test_what_stands_in_columns_is_a_table_of_its_rows() -> None:
    rows = [("Code", 100, 200), ("Meaning", 300, 200), ("CT", 100, 220), ("Controller Role", 300, 220)]
    layer = layer_of_lines([*rows, ("and then", 100, 300)])
    blocks = layer.blocks.copy()
    # Each row is a block of its own in the file, and what comes behind them another.
    blocks[:] = [0 if y < 210 else 1 if y < 240 else 2 for y in layer.boxes[:, 1]]
    layer = replace(layer, blocks=blocks)
    table = (
        "<table><tr><td>Code</td><td>Meaning</td></tr><tr><td>CT</td><td>Controller Role</td></tr></table>"
    )
    assert predicted_answer(layer, tagged=False) == f"\n{table}  \n\nand then"
    found, behind = predicted_answer(layer, tagged=True).split("  \n\n")
    assert found.startswith("<|ref|>table<|/ref|><|det|>[[97, 197, ") and found.endswith(
        f"<|/det|>\n\n{table}"
    )
    assert behind.startswith("<|ref|>text<|/ref|>")


@pytest.mark.parametrize("mark", ["1.", "-", "a)", "4.2.1", "12"])
def test_what_marks_or_numbers_a_line_is_no_cell(mark: str) -> None:
    layer = layer_of_lines([(mark, 100, 200), ("what it marks", 180, 200)])
    assert predicted_answer(layer, tagged=False) == f"{mark} what it marks"


def test_one_row_alone_has_its_cells_and_no_table_around_it() -> None:
    """Beside cells of several lines it is often a table's: on real answers better foretold so."""
    layer = layer_of_lines([("Name", 100, 200), ("Value", 300, 200)])
    assert predicted_answer(layer, tagged=False) == "Name</td><td>Value"
