"""Moves the boxes read on a turned page, or on its halves, to where they are on the upright page."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ocr_engine.families import BOX_SCALE
from ocr_engine.records import Block, Box, ParsedText
from ocr_engine.text.grounding import numbered

_MAX_SHARED_LINES = 40
_MAX_KNOWN_BOXES = 200


def turned_back(parsed: ParsedText, turn_deg: int) -> ParsedText:
    """Move the boxes of a page that was read turned clockwise by `turn_deg` to the upright page."""
    return _mapped(parsed, lambda box: _turned_back(box, turn_deg)) if turn_deg else parsed


def _turned_back(box: Box, turn_deg: int) -> Box:
    if turn_deg == 90:
        return Box(box.y1, BOX_SCALE - box.x2, box.y2, BOX_SCALE - box.x1)
    if turn_deg == 270:
        return Box(BOX_SCALE - box.y2, box.x1, BOX_SCALE - box.y1, box.x2)
    return Box(BOX_SCALE - box.x2, BOX_SCALE - box.y2, BOX_SCALE - box.x1, BOX_SCALE - box.y1)


def joined(
    top: ParsedText, bottom: ParsedText, top_end: float, bottom_start: float, figure_stem: str = "0001"
) -> ParsedText:
    """Join what was read of the page's top (0 to `top_end`) and its bottom (`bottom_start` to 1).

    Where the halves overlap, both saw the strip between. A block of the bottom that lies on one of the top is
    left out. Lines without boxes that end the top and begin the bottom are kept once. Figures are named anew.
    """
    above = _mapped(top, lambda box: _scaled(box, 0.0, top_end)).blocks
    below = _mapped(bottom, lambda box: _scaled(box, bottom_start, 1.0)).blocks
    strip = bottom_start * BOX_SCALE
    known = [box for block in above for box in block.boxes if box.y2 >= strip][:_MAX_KNOWN_BOXES]
    below = tuple(block for block in below if not _all_known(block.boxes, known))
    return ParsedText(numbered(_in_one(above, below), figure_stem), top.repairs + bottom.repairs)


def _scaled(box: Box, start: float, end: float) -> Box:
    low, high = (round(start * BOX_SCALE + y * (end - start)) for y in (box.y1, box.y2))
    # A box that is flat once rounded would be dropped, and a figure with it.
    low = min(low, BOX_SCALE - 1)
    return Box(box.x1, low, box.x2, max(high, low + 1))


def _mapped(parsed: ParsedText, function: Callable[[Box], Box]) -> ParsedText:
    blocks = (replace(block, boxes=tuple(map(function, block.boxes))) for block in parsed.blocks)
    return replace(parsed, blocks=tuple(blocks))


def _all_known(boxes: Sequence[Box], known: Sequence[Box]) -> bool:
    return bool(boxes) and all(any(_covers(other, box) for other in known) for box in boxes)


def _covers(other: Box, box: Box) -> bool:
    """Whether more than half of `box` lies in `other`."""
    width = min(box.x2, other.x2) - max(box.x1, other.x1)
    height = min(box.y2, other.y2) - max(box.y1, other.y1)
    area = (box.x2 - box.x1) * (box.y2 - box.y1)
    return width > 0 and height > 0 and 2 * width * height > area


def _in_one(above: Sequence[Block], below: Sequence[Block]) -> list[Block]:
    """Join the blocks. Text without a box at the start of `below` goes into the last block of `above`."""
    *before, last = above or (Block("", (), ""),)
    start = ""
    if below and not (below[0].label or below[0].boxes):
        start, below = _without_shared_start(last.content, below[0].content), below[1:]
    return [*before, replace(last, content=f"{last.content.rstrip()}\n\n{start.lstrip()}"), *below]


def _without_shared_start(above: str, below: str) -> str:
    """`below` without the lines it begins with that `above` ends with."""
    ours = [" ".join(line.split()) for line in above.splitlines() if line.strip()]
    lines = below.splitlines(keepends=True)
    places = [at for at, line in enumerate(lines) if line.strip()]
    theirs = [" ".join(lines[at].split()) for at in places]
    for count in range(min(len(ours), len(theirs), _MAX_SHARED_LINES), 0, -1):
        if ours[-count:] == theirs[:count]:
            return "".join(lines[places[count - 1] + 1 :])
    return below
