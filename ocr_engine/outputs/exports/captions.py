"""The blocks of a page in, which captions belong to which figure or table out.

The nearest one of its kind that is not far away, by the gap between the boxes and by the reading order.
"""

from collections.abc import Callable, Collection, Sequence

from ocr_engine.records import Block, Box

FIGURE, TABLE = "figure", "table"
OWNERS = {
    "image_caption": {FIGURE}, "figure_title": {FIGURE},
    "table_caption": {TABLE},
    "caption": {FIGURE, TABLE},
}  # fmt: skip
"""What a block of this label may belong to."""
MAX_GAP = 100
"""Between two boxes, in model units: a tenth of the page."""
MAX_STEPS = 10
"""In reading order."""
_STEP = 20
"""What another block between the two counts for, in model units."""


def owners_of(blocks: Sequence[Block], kind_of: Callable[[int], str]) -> dict[int, int]:
    """The place of a caption's block -> that of its owner. `kind_of` says what a block is.

    One without a figure or table near it is not there. Neither is one without a box that stands beside none.
    """
    kinds = {at: kind for at in range(len(blocks)) if (kind := kind_of(at))}
    found: dict[int, int] = {}
    for at, block in enumerate(blocks):
        if not (wanted := OWNERS.get(block.label)):
            continue
        around = range(at - MAX_STEPS, at + MAX_STEPS + 1)
        nearest = _nearest(blocks, at, [owner for owner in around if kinds.get(owner) in wanted])
        if nearest is not None:
            found[at] = nearest
    return found


def _nearest(blocks: Sequence[Block], at: int, owners: Collection[int]) -> int | None:
    costs = [(cost, owner) for owner in owners if (cost := _cost(blocks, at, owner)) is not None]
    return min(costs)[1] if costs else None


def _cost(blocks: Sequence[Block], at: int, owner: int) -> float | None:
    """How far apart the two are; None where that is too far. The figure before a caption is its own first."""
    one, other = blocks[at].boxes, blocks[owner].boxes
    steps = abs(at - owner) - 1
    if not one or not other:
        return None if steps else float(owner > at)
    gap = _gap(Box.around(one), Box.around(other))
    return None if gap > MAX_GAP else gap + _STEP * steps + (owner > at) / 2


def _gap(one: Box, other: Box) -> int:
    x = max(one.x1 - other.x2, other.x1 - one.x2, 0)
    y = max(one.y1 - other.y2, other.y1 - one.y2, 0)
    return max(x, y)
