"""Resolution modes: the sizes of a page's views, and how many visual tokens they become."""

from dataclasses import dataclass

PATCH_SIZE_PX = 16
DOWNSAMPLE = 4
PAD_COLOR = (127, 127, 127)
"""Grey around the page in the global view: `int(0.5 * 255)`."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One resolution mode of a model family, with all that render workers need to cut its views.

    `stretch` modes resize the page to the view without keeping its aspect (official Tiny and Small);
    the others pad it. `crop` modes add tiles of the stretched page beside the global view.
    """

    name: str
    base_size_px: int
    tile_size_px: int
    crop: bool = False
    stretch: bool = False
    min_tiles: int = 2
    max_tiles: int = 6
    untiled_max_px: int = 640
    """A page no larger than this on both sides gets no tiles, whatever the tile size (official literals)."""
    row_newline: bool = True
    """Whether each row of visual tokens ends with a newline feature."""
    family: str = "deepseek-ocr"


def queries(size_px: int) -> int:
    """Visual tokens along one side of a square view of `size_px` pixels (patch 16, then 4 to 1)."""
    return -(-(size_px // PATCH_SIZE_PX) // DOWNSAMPLE)


def view_tokens(
    base_size_px: int, tile_size_px: int, columns: int, rows: int, *, row_newline: bool = True
) -> int:
    """Visual tokens of a page: one a query, one separator, and with `row_newline` one at the end of each row.

    `columns` x `rows` tiles of `tile_size_px`; 1 x 1 means no tiles (official `image_process.py`).
    """
    newline = int(row_newline)
    side, tile_side = queries(base_size_px), queries(tile_size_px)
    tiled = columns * rows > 1
    tiles = rows * tile_side * (columns * tile_side + newline) if tiled else 0
    return side * (side + newline) + tiles + 1
