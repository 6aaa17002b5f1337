"""What the model sees of a page: RGB image and mode in, global view and tiles out, uint8, not normalised.

Bit-identical to the official `process/image_process.py` (`dynamic_preprocess`, `tokenize_with_images`), but
for images so thin that it would fail or take memory without bound. Knows no files and no tensors.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ocr_engine.families import PAD_COLOR, Mode, resolve_mode
from ocr_engine.families.tiling import Grid, choose_grid
from ocr_engine.records import PageViews

Pixels = npt.NDArray[np.uint8]
_BETWEEN_PX = 16_000_000
_BETWEEN_RATIO = 4
"""What a resize may hold between its two steps: so many pixels, or so many times the image's own."""


def make_views(image: Image.Image, mode: Mode | str) -> PageViews:
    """The views of a page: `global_view` uint8 (S, S, 3), `tiles` uint8 (n, T, T, 3) row by row, the grid.

    Images that are not RGB are converted. Tiles are cut from the page stretched to the grid, the global view
    is the whole page padded with grey (stretched in `tiny` and `small`).
    """
    mode = resolve_mode(mode)
    image = image if image.mode == "RGB" else image.convert("RGB")
    grid = choose_grid(image.width, image.height, mode)
    return PageViews(_global_view(image, mode), _tiles(image, grid, mode.tile_size_px), grid)


def _global_view(image: Image.Image, mode: Mode) -> Pixels:
    size = (mode.base_size_px, mode.base_size_px)
    if mode.stretch:
        return np.array(_resized(image, size))
    return np.array(ImageOps.pad(_not_too_thin(image, mode.base_size_px), size, color=PAD_COLOR))


def _not_too_thin(image: Image.Image, size_px: int) -> Image.Image:
    """The image; a line of one pixel where its short side would shrink to none and the page would vanish."""
    short, long = sorted(image.size)
    if round(short / long * size_px) > 0:
        return image
    return _resized(image, (size_px, 1) if image.width > image.height else (1, size_px))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`image.resize(size, BICUBIC)`, its height first where the usual order would take memory without need.

    Pillow changes the width first and holds all rows at the new width: gigabytes for 1 x 1,000,000 pixels.
    """
    between_px = size[0] * image.height
    if between_px > max(_BETWEEN_PX, _BETWEEN_RATIO * image.width * image.height):
        image = image.resize((image.width, size[1]), Image.Resampling.BICUBIC)
    return image.resize(size, Image.Resampling.BICUBIC)


def _tiles(image: Image.Image, grid: Grid, size_px: int) -> Pixels:
    columns, rows = grid
    if grid == (1, 1):
        return np.empty((0, size_px, size_px, 3), dtype=np.uint8)
    stretched = np.asarray(_resized(image, (columns * size_px, rows * size_px)))
    cut = stretched.reshape(rows, size_px, columns, size_px, 3).swapaxes(1, 2)
    return cut.copy().reshape(-1, size_px, size_px, 3)
