"""What the model sees of a page: RGB image and mode in, global view and tiles out, uint8, not normalised.

Bit-identical to the official `process/image_process.py` (`dynamic_preprocess`, `tokenize_with_images`), but
for images so thin that it would fail or take memory without bound. Knows no files and no tensors.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocr_engine.families import PAD_COLOR, Mode, resolve_mode
from ocr_engine.families.resizing import Resizable
from ocr_engine.families.tiling import Grid, choose_grid
from ocr_engine.records import PageViews

Pixels = npt.NDArray[np.uint8]


def make_views(image: Image.Image, mode: Mode | str) -> PageViews:
    """The views of a page: `global_view` uint8 (S, S, C), `tiles` uint8 (n, T, T, C) row by row, the grid.

    C is 3, or 1 for a page without colour, whose channels are equal: a third of the bytes on their way to
    the model. Images that are neither RGB nor grey (L) are converted. Tiles are cut from the page stretched
    to the grid, the global view is the whole page padded with grey (stretched in `tiny` and `small`).
    """
    mode = resolve_mode(mode)
    page = Resizable(image if image.mode in ("RGB", "L") else image.convert("RGB"))
    grid = choose_grid(image.width, image.height, mode)
    return PageViews(_global_view(page, mode), _tiles(page, grid, mode.tile_size_px), grid)


def _global_view(page: Resizable, mode: Mode) -> Pixels:
    side = mode.base_size_px
    width, height = (side, side) if mode.stretch else _contained(page.size, side)
    view = np.full((side, side, page.channels), PAD_COLOR[0], np.uint8)
    left, top = round((side - width) / 2), round((side - height) / 2)
    within = view[top : top + height, left : left + width]
    within[:] = page.paper
    _draw(page, (width, height), within[None, :, None])
    return view


def _contained(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A page's size within a square, rounded as `ImageOps.contain` does; a line of one pixel at least."""
    width, height = size
    if width > height:
        return side, max(1, round(height / width * side))
    return max(1, round(width / height * side)), side


def _tiles(page: Resizable, grid: Grid, size_px: int) -> Pixels:
    columns, rows = grid
    if grid == (1, 1):
        return np.empty((0, size_px, size_px, page.channels), dtype=np.uint8)
    tiles = np.full((rows * columns, size_px, size_px, page.channels), page.paper, np.uint8)
    places = tiles.reshape(rows, columns, size_px, size_px, page.channels).swapaxes(1, 2)
    _draw(page, (columns * size_px, rows * size_px), places)
    return tiles


def _draw(page: Resizable, size: tuple[int, int], places: Pixels) -> None:
    """Draw a page, resized, into a grid: `places` is (rows, tile height, columns, tile width, C)."""
    for part in page.parts(size):
        for row, down, at_row in _cut(part.top, part.pixels.shape[0], places.shape[1]):
            for column, across, at_column in _cut(part.left, part.pixels.shape[1], places.shape[3]):
                place = places[row, at_row, column, at_column]
                pixels = part.pixels[down, across]
                if pixels.ndim == 3:
                    place[:] = pixels
                else:
                    _spread(pixels, place)


def _cut(start: int, length: int, side: int) -> Iterator[tuple[int, slice, slice]]:
    """The tiles of this side in which a stretch lies: number, what of the stretch, where in the tile."""
    for number in range(start // side, -(-(start + length) // side)):
        first, behind = max(start, number * side), min(start + length, (number + 1) * side)
        yield (
            number,
            slice(first - start, behind - start),
            slice(first - number * side, behind - number * side),
        )


def _spread(grey: Pixels, colours: Pixels) -> None:
    """Write a channel into each: one by one, which is ten times as fast as broadcasting."""
    for channel in range(colours.shape[-1]):
        colours[..., channel] = grey
