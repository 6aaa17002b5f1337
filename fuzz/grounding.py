"""Grounding tags: no exception, boxes on the page, figures with names of their own, nothing invented."""

from ocr_engine.families import BOX_SCALE
from ocr_engine.records import ParsedText
from ocr_engine.text.grounding import FIGURE_LABEL, MAX_BOXES, MAX_FIGURES, parse, write
from ocr_engine.text.remap import joined, turned_back


def check(data: bytes) -> None:
    """Raises AssertionError where a bound does not hold."""
    text = data.decode("utf-8", "replace")
    parsed = parse(text)
    half = len(text) // 2
    for again in (
        parsed,
        *(turned_back(parsed, turn) for turn in (90, 180, 270)),
        joined(parse(text[:half]), parse(text[half:]), 0.6, 0.4),
    ):
        _check(again, text)


def _check(parsed: ParsedText, text: str) -> None:
    boxes = [box for block in parsed.blocks for box in block.boxes]
    figures = [name for block in parsed.blocks for name in block.figures]
    assert len(boxes) <= MAX_BOXES and len(figures) == len(set(figures)) <= MAX_FIGURES
    for box in boxes:
        assert 0 <= box.x1 < box.x2 <= BOX_SCALE and 0 <= box.y1 < box.y2 <= BOX_SCALE, box
    assert all(block.label == FIGURE_LABEL for block in parsed.blocks if block.figures)
    assert parsed.repairs >= 0
    written = "".join(block.label + block.content for block in parsed.blocks)
    assert len(written) <= len(text) + len("\n\n"), "text that was not there"
    assert parse(write(parsed.blocks)).blocks == parsed.blocks, "not read back as it was written"
