"""How much is on a page, and which way its lines run: RGB in, three numbers out. A few milliseconds a page.

Ink is what stands out from the paper around it, darker or lighter: a dark scan has white ink, and a grey
sheet, a soft shadow or fine noise has none.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocr_engine.records import Ink

_WORK_PIXELS = 500_000
"""An A4 page at 72 dpi: letters are still whole, scanner noise is averaged away."""
_BLOCK_PX = 32
_FAINTEST = 12
"""Levels of 255 by which ink differs from paper, at least: light grey print has 20 and more."""
_NOISE_SIGMAS = 5.0
_STRIPS = 4
_DOWN_RATIO = 2.0
_LEAST_INK = 0.005
_SPECKS = 0.001
_LEAST_GAP_PX = 3


def measure_ink(image: Image.Image) -> Ink:
    """The share of the page that is ink, and whether its lines of text run down the page."""
    grey = image.convert("L")
    factor = max(1, round(math.sqrt(image.width * image.height / _WORK_PIXELS)))
    levels = np.asarray(grey.reduce(factor) if factor > 1 else grey, np.int16)
    ink = ink_of(levels)
    share = float(np.count_nonzero(ink) / ink.size)
    lines_down = share >= _LEAST_INK and _contrast(ink.T) > _DOWN_RATIO * _contrast(ink)
    return Ink(round(share, 6), lines_down, _gap(ink))


def ink_of(levels: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Which pixels of a grey picture are ink."""
    height, width = (-(-side // _BLOCK_PX) * _BLOCK_PX for side in levels.shape)
    padding = ((0, height - levels.shape[0]), (0, width - levels.shape[1]))
    blocks = np.pad(levels, padding, mode="edge").reshape(
        height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX
    )
    paper = np.median(blocks[:, ::2, :, ::2], axis=(1, 3)).astype(np.int16)
    away = np.abs(blocks - paper[:, None, :, None])
    sigma = 1.4826 * float(np.median(away[:, ::2, :, ::2]))
    ink = away > max(_FAINTEST, _NOISE_SIGMAS * sigma)
    found: npt.NDArray[np.bool_] = ink.reshape(height, width)[: levels.shape[0], : levels.shape[1]]
    return found


def _gap(ink: npt.NDArray[np.bool_]) -> float | None:
    """The band of rows without ink nearest to the middle, within 35 to 65 % of the height; wide ones only."""
    height = ink.shape[0]
    first, last = int(0.35 * height), int(0.65 * height)
    inked = np.flatnonzero(ink[first:last].mean(axis=1) > _SPECKS) + first
    edges = np.concatenate(([first - 1], inked, [last]))
    widths = np.diff(edges) - 1
    wide = np.flatnonzero(widths >= max(_LEAST_GAP_PX, 0.75 * widths.max()))
    if not wide.size:
        return None
    middles = (edges[wide] + 1 + widths[wide] / 2) / height
    return round(float(middles[np.abs(middles - 0.5).argmin()]), 4)


def _contrast(ink: npt.NDArray[np.bool_]) -> float:
    """How sharply rows of ink and rows of paper alternate, in strips so that columns need not be level."""
    # Counted, since the mean of flags makes doubles of them first.
    strips = [
        strip.sum(axis=1, dtype=np.uint32) / strip.shape[1]
        for strip in np.array_split(ink.view(np.uint8), _STRIPS, axis=1)
        if strip.size
    ]
    return float(sum(np.square(np.diff(profile)).mean() for profile in strips if len(profile) > 1))
