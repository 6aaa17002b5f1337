"""Where the ink of a page is: a page in, the share of ink of each cell of a grid out."""

import math
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.pages.ink import ink_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

CELLS = 100
"""Cells of a side: ten model units each."""
_WORK_PIXELS = 500_000


def ink_map(image: "Image.Image") -> "npt.NDArray[np.uint8]":
    """uint8 (CELLS, CELLS), rows from the top: how much of each cell is ink, 255 for all of it."""
    grey = image.convert("L")
    factor = max(1, round(math.sqrt(image.width * image.height / _WORK_PIXELS)))
    ink = ink_of(np.asarray(grey.reduce(factor) if factor > 1 else grey, np.int16))
    rows, columns = (np.linspace(0, side, CELLS + 1).astype(np.int64) for side in ink.shape)
    # A side shorter than the grid has empty cells: each takes the pixel it begins in.
    sums = np.add.reduceat(
        np.add.reduceat(ink.astype(np.int64), np.minimum(rows[:-1], ink.shape[0] - 1), 0),
        np.minimum(columns[:-1], ink.shape[1] - 1),
        1,
    )
    areas = np.outer(np.maximum(np.diff(rows), 1), np.maximum(np.diff(columns), 1))
    return (255 * sums / areas).round().clip(0, 255).astype(np.uint8)
