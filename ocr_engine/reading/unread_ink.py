"""Ink of a page that lies in no block's box."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.families import BOX_SCALE
from ocr_engine.pages.ink_map import CELLS
from ocr_engine.records import Block, Box

if TYPE_CHECKING:
    import numpy.typing as npt

_MARGIN, _SIDE = 7, 3
"""Cells from the upper and lower, the left and right edge: running heads, holes, the scanner's frame."""
_SOLID = 153
"""Of 255: a fuller cell is a picture or a dark edge, no type."""
_FAINT = 5
_SLACK = 1
"""Cells by which boxes are wider than said."""
_UNITS = 1000 // CELLS


@dataclass(frozen=True, slots=True)
class UnreadInk:
    """The ink of the page's body that is in no box, and how much there is in boxes, in the same measure."""

    levels: "npt.NDArray[np.int64]"
    """(CELLS, CELLS): of each cell, 0 where it is in a box."""
    read: float

    @property
    def share(self) -> float:
        """Of all ink, what is in no box."""
        out = float(self.levels.sum())
        return out / max(out + self.read, 1.0)

    def between(self, top: int, bottom: int) -> float:
        """What is between two heights in model units, by the ink in boxes."""
        return float(self._rows(top, bottom).sum()) / max(self.read, 1.0)

    def box(self, top: int, bottom: int) -> Box | None:
        """A box around what is between two heights; None where nothing is."""
        ys, xs = np.nonzero(self._rows(top, bottom))
        if not len(ys):
            return None
        left, upper = (int(side.min()) * _UNITS for side in (xs, ys))
        right, lower = (min((int(side.max()) + 1) * _UNITS, BOX_SCALE) for side in (xs, ys))
        return Box(left, upper, right, lower)

    def _rows(self, top: int, bottom: int) -> "npt.NDArray[np.int64]":
        first = max(0, top // _UNITS)
        kept = np.zeros_like(self.levels)
        kept[first : bottom // _UNITS + 1] = self.levels[first : bottom // _UNITS + 1]
        return kept


def unread_ink(ink: "npt.NDArray[np.uint8]", blocks: Sequence[Block]) -> UnreadInk:
    """What of the ink (as `ink_map` gives it) the blocks leave out."""
    covered = _covered(box for block in blocks for box in block.boxes)
    levels = np.zeros((CELLS, CELLS), np.int64)
    body = slice(_MARGIN, CELLS - _MARGIN), slice(_SIDE, CELLS - _SIDE)
    levels[body] = np.where((ink < _SOLID) & (ink >= _FAINT), ink, 0)[body]
    return UnreadInk(levels * ~covered, float((levels * covered).sum()))


def _covered(boxes: Iterable[Box]) -> "npt.NDArray[np.bool_]":
    covered = np.zeros((CELLS, CELLS), np.bool_)
    for box in boxes:
        rows = slice(max(0, box.y1 // _UNITS - _SLACK), box.y2 // _UNITS + 1 + _SLACK)
        covered[rows, max(0, box.x1 // _UNITS - _SLACK) : box.x2 // _UNITS + 1 + _SLACK] = True
    return covered
