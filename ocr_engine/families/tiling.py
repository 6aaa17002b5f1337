"""How a page is cut for the model: page size in pixels and mode in, tile grid and visual tokens out.

Numbers only: knows no pixels and no files. Source: `find_closest_aspect_ratio` and `tokenize_with_images`
of the official `process/image_process.py`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ocr_engine.errors import UsageError
from ocr_engine.families import Mode, resolve_mode, view_tokens

Grid = tuple[int, int]

# The official code sorts a *set* of (columns, rows) by area only, so among equal areas the order is that of
# CPython's set of small tuples (the same from 3.8 to 3.13). It decides ties, therefore it is frozen here.
# The set's hash table grows with its size: the order up to 7 tiles is not the start of the order up to 8.
_UP_TO_7: tuple[Grid, ...] = (
    (1, 2), (2, 1), (3, 1), (1, 3), (4, 1), (1, 4), (2, 2), (1, 5), (5, 1),
    (6, 1), (2, 3), (1, 6), (3, 2), (7, 1), (1, 7),
)  # fmt: skip
_UP_TO_9: tuple[Grid, ...] = (
    (1, 2), (2, 1), (3, 1), (1, 3), (2, 2), (4, 1), (1, 4), (5, 1), (1, 5), (1, 6), (6, 1),
    (3, 2), (2, 3), (7, 1), (1, 7), (4, 2), (2, 4), (1, 8), (8, 1), (1, 9), (3, 3), (9, 1),
)  # fmt: skip

_UP_TO_32: tuple[Grid, ...] = (
    (1, 2), (2, 1), (3, 1), (1, 3), (2, 2), (4, 1), (1, 4), (5, 1), (1, 5), (6, 1), (3, 2), (2, 3), (1, 6),
    (7, 1), (1, 7), (4, 2), (2, 4), (1, 8), (8, 1), (9, 1), (3, 3), (1, 9), (1, 10), (5, 2), (10, 1),
    (2, 5), (1, 11), (11, 1), (6, 2), (1, 12), (2, 6), (12, 1), (3, 4), (4, 3), (13, 1), (1, 13), (14, 1),
    (1, 14), (7, 2), (2, 7), (1, 15), (5, 3), (3, 5), (15, 1), (8, 2), (16, 1), (4, 4), (1, 16), (2, 8),
    (1, 17), (17, 1), (18, 1), (3, 6), (9, 2), (1, 18), (6, 3), (2, 9), (1, 19), (19, 1), (20, 1), (5, 4),
    (2, 10), (1, 20), (4, 5), (10, 2), (7, 3), (1, 21), (3, 7), (21, 1), (2, 11), (11, 2), (22, 1), (1, 22),
    (1, 23), (23, 1), (1, 24), (24, 1), (6, 4), (3, 8), (4, 6), (2, 12), (8, 3), (12, 2), (5, 5), (1, 25),
    (25, 1), (1, 26), (2, 13), (13, 2), (26, 1), (9, 3), (27, 1), (3, 9), (1, 27), (1, 28), (7, 4), (14, 2),
    (2, 14), (4, 7), (28, 1), (29, 1), (1, 29), (3, 10), (15, 2), (1, 30), (2, 15), (10, 3), (5, 6),
    (30, 1), (6, 5), (1, 31), (31, 1), (8, 4), (1, 32), (4, 8), (32, 1), (16, 2), (2, 16),
)  # fmt: skip


def _up_to(max_tiles: int) -> tuple[Grid, ...]:
    order = _UP_TO_7 if max_tiles <= 7 else _UP_TO_9 if max_tiles <= 9 else _UP_TO_32
    return tuple(grid for grid in order if grid[0] * grid[1] <= max_tiles)


CANDIDATES: Mapping[tuple[int, int], tuple[Grid, ...]] = MappingProxyType(
    {(2, max_tiles): _up_to(max_tiles) for max_tiles in range(2, 33)}
)
"""Candidate grids, in the official order, by (min_tiles, max_tiles) of the mode.

Official code knows at most 6, 9 and 32 tiles; from 10 to 31 the order is that up to 32.
"""


def choose_grid(width: int, height: int, mode: Mode | str) -> Grid:
    """The tile grid (columns, rows) of a page of `width` x `height` pixels; (1, 1) where it is not tiled.

    The grid nearest to the page's aspect ratio wins; of two equally near ones the later candidate, if the
    page fills more than half of its area. The comparison is in floating point on purpose: 132 x 720 lies
    exactly between 1 x 5 and 1 x 6 tiles, and the official code's rounding settles it.

    Raises:
        UsageError: unknown mode, or tile limits outside 2..32.
    """
    mode = resolve_mode(mode)
    if not mode.crop or (width <= mode.untiled_max_px and height <= mode.untiled_max_px):
        return (1, 1)
    best, best_difference = (1, 1), float("inf")
    for columns, rows in _candidates(mode):
        difference = abs(width / height - columns / rows)
        fills_half = 2 * width * height > mode.tile_size_px**2 * columns * rows
        if difference < best_difference or (difference == best_difference and fills_half):
            best, best_difference = (columns, rows), difference
    return best


def visual_tokens(width: int, height: int, mode: Mode | str) -> int:
    """The number of `<image>` placeholders of a page: patches, line ends and the view separator.

    Tiny 73, Small 111, Base 273, Large 421; Gundam 273 to 933 (an A4 page 903). DeepSeek-OCR-2, which has no
    line ends: 257, and 144 more a tile (an A4 page 1121).
    """
    mode = resolve_mode(mode)
    columns, rows = choose_grid(width, height, mode)
    return view_tokens(mode.base_size_px, mode.tile_size_px, columns, rows, row_newline=mode.row_newline)


def _candidates(mode: Mode) -> tuple[Grid, ...]:
    try:
        return CANDIDATES[mode.min_tiles, mode.max_tiles]
    except KeyError:
        raise UsageError(
            f"mode {mode.name}: {mode.min_tiles} to {mode.max_tiles} tiles: must be 2 to at most 32"
        ) from None
