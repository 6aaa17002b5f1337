"""Words for blocks whose boxes the model left out: those of no block, between the blocks before and after."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.layer.words import SLACK, PageWords
from ocr_engine.records import Block

if TYPE_CHECKING:
    import numpy.typing as npt


def with_unboxed(
    blocks: Sequence[Block], page: PageWords, owned: "Sequence[npt.NDArray[np.int64]]"
) -> "list[npt.NDArray[np.int64]]":
    """The words of each block, those of blocks without a box among them."""
    found = list(owned)
    at = [index for index, block in enumerate(blocks) if not block.boxes and block.content.strip()]
    if not at or not any(block.boxes for block in blocks):
        return found
    free = np.setdiff1d(np.arange(len(page.texts)), np.concatenate([*owned, np.zeros(0, np.int64)]))
    middles = (page.boxes[:, 1] + page.boxes[:, 3]) / 2
    for index in at:
        top, bottom = _limits(blocks, index)
        found[index] = free[(middles[free] >= top) & (middles[free] <= bottom)]
        free = np.setdiff1d(free, found[index])
    return found


def _limits(blocks: Sequence[Block], index: int) -> tuple[float, float]:
    """Where the boxes before a block end, and the boxes after it begin."""
    before = next((block for block in reversed(blocks[:index]) if block.boxes), None)
    after = next((block for block in blocks[index + 1 :] if block.boxes), None)
    top = max(box.y2 for box in before.boxes) - SLACK if before else 0.0
    bottom = min(box.y1 for box in after.boxes) + SLACK if after else 999.0
    return top, bottom
