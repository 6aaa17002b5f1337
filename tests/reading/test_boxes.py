"""Boxes of pages read turned or in halves end where they are on the page, however they were written."""

import pytest
from PIL import Image

from ocr_engine.config import RetryStep
from ocr_engine.outputs.journal import RECORD
from ocr_engine.outputs.record_lines import rebuilt
from ocr_engine.reading.record import rewritten_record
from ocr_engine.records import Box
from ocr_engine.text.grounding import parse
from tests.reading.test_reader import LOOPED, STOP, read, row_of, written

SIDEWAYS = written().transpose(Image.Transpose.ROTATE_90)
CLEAN = "[[550, 331, 652, 345]]"
MALFORMED = {
    "a stray letter": "[[550, s 331, 652, 345]]",
    "decimals": "[[550.0, 331.5, 652, 345]]",
    "no commas": "[[550 331 652 345]]",
    "one bracket": "[550, 331, 652, 345",
    "round brackets": "[(550, 331, 652, 345)]",
    "pairs": "[[550, 331], [652, 345]]",
    "swapped corners": "[[652, 345, 550, 331]]",
    "no brackets": "550, 331, 652, 345",
}


def answer(boxes: str, text: str = "read") -> str:
    return f"<|ref|>text<|/ref|><|det|>{boxes}<|/det|>\n{text}"


def box_read(raw: str, step: RetryStep) -> Box:
    """The one box of a sideways page that was looped at first, and then read by `step`."""
    page, _ = read([LOOPED, (raw, STOP), ("", STOP)], SIDEWAYS, retries=(step,))
    assert page.record.attempts == 2
    ((box,),) = (block.boxes for block in page.record.blocks if block.boxes)
    return box


@pytest.mark.parametrize("form", MALFORMED)
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_malformed_box_of_a_turned_page_comes_back(form: str, turn: int) -> None:
    expected = {
        90: Box(331, 347, 345, 449),
        180: Box(347, 654, 449, 668),
        270: Box(654, 550, 668, 652),
    }[turn]
    assert box_read(answer(CLEAN), RetryStep(turn=turn)) == expected
    assert box_read(answer(MALFORMED[form]), RetryStep(turn=turn)) == expected


def test_a_box_beyond_the_page_comes_back() -> None:
    raw = answer("[[-1, 331, 652, 5000]]")
    assert box_read(raw, RetryStep(turn=180)) == Box(347, 0, 999, 668)


@pytest.mark.parametrize("form", MALFORMED)
@pytest.mark.parametrize("turn", [0, 180])
def test_a_malformed_box_of_half_a_page_comes_back(form: str, turn: int) -> None:
    step = RetryStep(halves=True, turn=turn)
    expected = box_read(answer(CLEAN), step)
    assert expected.y2 < 250 if turn == 0 else expected.y1 > 750
    assert box_read(answer(MALFORMED[form]), step) == expected


def test_the_record_of_a_mended_page_is_made_again_as_it_was() -> None:
    """Its stored text is clean; the count of repairs is that of the answer."""
    raw = answer(MALFORMED["a stray letter"]) + answer(MALFORMED["pairs"])
    page, _ = read([LOOPED, (raw, STOP)], SIDEWAYS, retries=(RetryStep(turn=90),))
    record = page.record
    assert record.repairs == 2 and parse(page.raw).repairs == 0
    row = row_of(record, page.raw)
    kept = rebuilt(row, row.extra[RECORD])
    assert kept is not None and rewritten_record(kept, page.raw, record.fingerprint) == record
