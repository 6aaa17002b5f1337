"""Shows the model a part of a page by itself, larger: how large, at which resolution, and the views of it.

A part is drawn on a white canvas that the mode shows undistorted: a square of the global view's side, or a
grid of tiles. So a part of any shape is seen as large as the mode can, but never larger than asked for.
"""

import math
from dataclasses import dataclass, replace

from PIL import Image

from ocr_engine.families import BOX_SCALE, Mode
from ocr_engine.families.tiling import CANDIDATES, choose_grid
from ocr_engine.outputs.drawing import crop_box
from ocr_engine.pages.look import Look, apply_look
from ocr_engine.reading.prepare import prepare
from ocr_engine.records import Box, PageGeometry, PageImage, PageViews

MARGIN = 6
"""Model units around a box: its last letters and rules are often cut."""
MAX_DPI = 600
_POINTS_PER_INCH = 72
Canvas = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CloseLook:
    """A part of a page to be shown by itself."""

    box: Box
    """In model units of the upright page, its margin included."""
    canvas: Canvas
    """Width and height of what the model is shown, in pixels."""
    px_per_pt: float
    """Pixels of the canvas for a point of the page."""
    dpi: int
    """At which the page is drawn for it."""
    turn_deg: int = 0


def close_look(
    box: Box, page: PageGeometry, mode: Mode, type_pt: float, wanted_px: float, turn_deg: int = 0
) -> CloseLook:
    """The look at a box whose type has `type_pt` points: with the fewest tiles that show it `wanted_px` high.

    Where none does, with those that show it largest. The page is turned clockwise by `turn_deg` to be read.
    """
    box = _with_margin(box)
    size_pt = (box.x2 - box.x1) / BOX_SCALE * page.width_pt, (box.y2 - box.y1) / BOX_SCALE * page.height_pt
    width, height = reversed(size_pt) if turn_deg % 180 else size_pt
    most = wanted_px / type_pt
    scales = [(min(canvas[0] / width, canvas[1] / height), canvas) for canvas in canvases(mode)]
    largest = max(scales, key=lambda one: one[0])
    scale, canvas = next((one for one in scales if one[0] >= most), largest)
    scale = min(scale, most)
    drawn_dpi = math.ceil(page.dpi)
    dpi = max(drawn_dpi, min(math.ceil(scale * _POINTS_PER_INCH), MAX_DPI))
    return CloseLook(box, canvas, scale, dpi, turn_deg)


def canvases(mode: Mode) -> list[Canvas]:
    """What the mode shows undistorted, the fewest tiles first."""
    if not mode.crop:
        return [(mode.base_size_px, mode.base_size_px)]
    grids = sorted(CANDIDATES[mode.min_tiles, mode.max_tiles], key=math.prod)
    sides = {grid: (grid[0] * mode.tile_size_px, grid[1] * mode.tile_size_px) for grid in grids}
    # With up to 32 tiles a square of 3 x 3 tiles is cut into 4 x 4.
    return [size for grid, size in sides.items() if choose_grid(*size, mode) == grid]


def closer_views(page: PageImage, look: CloseLook, mode: Mode, *, png: bool = False) -> PageViews:
    """The views of a part of a page that was drawn at the look's resolution; runs in a render worker."""
    part = apply_look(crop_box(page.image, look.box), Look(look.turn_deg))
    scale = look.px_per_pt * page.geometry.width_pt / page.image.width
    size = [min(max(1, round(side * scale)), most) for side, most in zip(part.size, look.canvas, strict=True)]
    canvas = Image.new("RGB", look.canvas, "white")
    canvas.paste(part.resize((size[0], size[1]), Image.Resampling.BICUBIC))
    return prepare(replace(page, image=canvas), mode, png=png).views


def _with_margin(box: Box) -> Box:
    """The box with its margin, on the page; at least one unit in each direction."""
    x1, y1 = (min(max(side - MARGIN, 0), BOX_SCALE - 1) for side in (box.x1, box.y1))
    x2, y2 = (min(side + MARGIN, BOX_SCALE) for side in (box.x2, box.y2))
    return Box(x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))
