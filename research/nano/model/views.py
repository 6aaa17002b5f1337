"""From a page to what the encoder sees in each mode, by the official preprocessing rules.

Also the map from page px to the px of the supervised view, and mild scanner damage.
"""

import io
import math
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from ocr_engine.families import resolve_mode
from ocr_engine.families.tiling import choose_grid
from research.nano.pages.canvas import Grey

TILE = resolve_mode("gundam").tile_size_px
STRETCHED = {"canvas": 320} | {name: resolve_mode(name).base_size_px for name in ("tiny", "small")}
"""Modes by their views' px; `canvas` is of training alone."""
PADDED = {name: resolve_mode(name).base_size_px for name in ("base", "large", "gundam")}


@dataclass(frozen=True)
class View:
    """The images of one page and how page px map into the supervised one (tiles if there are any)."""

    overview: Grey
    """(S, S)"""
    tiles: Grey | None
    """(columns * rows, 640, 640), row by row"""
    grid: tuple[int, int]
    """columns, rows of tiles; (0, 0) without tiles"""
    cells: tuple[int, int]
    """columns, rows of visual tokens in the supervised view"""
    scale: tuple[float, float]
    shift: tuple[float, float]


@dataclass(frozen=True)
class Turn:
    """A rotation about the page's middle, in radians, as image and points undergo it."""

    angle: float
    width: int
    height: int

    def points(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rotate (n, 2) points."""
        cx, cy = self.width / 2, self.height / 2
        sin, cos = math.sin(self.angle), math.cos(self.angle)
        x, y = xy[:, 0] - cx, xy[:, 1] - cy
        return np.stack([cos * x + sin * y + cx, -sin * x + cos * y + cy], 1).astype(np.float32)


def view(pixels: Grey, mode: str, widened: float = 1.0) -> View:
    """Prepare a page for a mode: stretched, padded, or tiled with a padded overview.

    `widened` makes it as if the page's letters were wider or narrower, which other typefaces' are.
    """
    image = Image.fromarray(pixels)
    width, height = image.size
    if widened != 1.0:
        image = image.resize((round(width * widened), height), Image.Resampling.BICUBIC)
    if mode in STRETCHED:
        size = STRETCHED[mode]
        seen = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
        cells = (size // 64, size // 64)
        return View(seen, None, (0, 0), cells, (size / width, size / height), (0, 0))
    size = PADDED[mode]
    method = Image.Resampling.BICUBIC
    overview = np.asarray(ImageOps.pad(image, (size, size), method=method, color=127))
    if mode == "gundam":
        return _tiled(image, overview, pixels)
    ratio = min(size / image.width, size / height)
    wide, high = round(image.width * ratio), round(height * ratio)
    shift = (round((size - wide) * 0.5), round((size - high) * 0.5))
    cells = (size // 64, size // 64)
    return View(overview, None, (0, 0), cells, (wide / width, high / height), shift)


def _tiled(image: Image.Image, overview: Grey, pixels: Grey) -> View:
    columns, rows = choose_grid(*image.size, "gundam")
    target = (columns * TILE, rows * TILE)
    large = np.asarray(image.resize(target, Image.Resampling.BICUBIC))
    tiles = large.reshape(rows, TILE, columns, TILE).transpose(0, 2, 1, 3).reshape(-1, TILE, TILE)
    scale = (target[0] / pixels.shape[1], target[1] / pixels.shape[0])
    return View(overview, tiles, (columns, rows), (10 * columns, 10 * rows), scale, (0, 0))


def damage(rng: random.Random, pixels: Grey) -> tuple[Grey, Turn]:
    """Turn, blur or compress a page a little, as a scanner or a mailed copy would."""
    height, width = pixels.shape
    turn = Turn(0.0, width, height)
    kind = rng.random()
    if kind > 0.2:
        return pixels, turn
    image = Image.fromarray(pixels)
    if kind < 0.07:
        degrees = rng.uniform(-0.8, 0.8)
        turn = Turn(math.radians(degrees), width, height)
        image = image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=255)
    elif kind < 0.12:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    else:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=rng.randint(35, 90))
        image = Image.open(packed)
    return np.asarray(image), turn
