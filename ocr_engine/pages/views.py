"""What the model sees of a page: RGB image and mode in, global view and tiles out, uint8, not normalised.

Bit-identical to the official `process/image_process.py` (`dynamic_preprocess`, `tokenize_with_images`).
Knows no files and no tensors.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ocr_engine.pages.tiling import Grid, choose_grid
from ocr_engine.records import PageViews
from ocr_engine.spec import PAD_COLOR, Mode, resolve_mode

Pixels = npt.NDArray[np.uint8]


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
        return np.array(image.resize(size, Image.Resampling.BICUBIC))
    return np.array(ImageOps.pad(_not_too_thin(image, mode.base_size_px), size, color=PAD_COLOR))


def _not_too_thin(image: Image.Image, size_px: int) -> Image.Image:
    """The image, widened where its short side would shrink to no pixel at all and the page would vanish."""
    short, long = sorted(image.size)
    if round(short / long * size_px) > 0:
        return image
    at_least = -(-long // size_px)
    return image.resize((max(image.width, at_least), max(image.height, at_least)), Image.Resampling.BICUBIC)


def _tiles(image: Image.Image, grid: Grid, size_px: int) -> Pixels:
    columns, rows = grid
    if grid == (1, 1):
        return np.empty((0, size_px, size_px, 3), dtype=np.uint8)
    stretched = np.asarray(image.resize((columns * size_px, rows * size_px), Image.Resampling.BICUBIC))
    cut = stretched.reshape(rows, size_px, columns, size_px, 3).swapaxes(1, 2)
    return cut.copy().reshape(-1, size_px, size_px, 3)
