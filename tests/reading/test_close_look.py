"""A part of a page shown alone: how large, on what canvas, at which resolution, and the pixels themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocr_engine.families import FAMILIES, resolve_mode
from ocr_engine.families.modes import Mode
from ocr_engine.families.tiling import choose_grid
from ocr_engine.reading.close_look import MARGIN, MAX_DPI, canvases, close_look, closer_views
from ocr_engine.records import A4, Box, PageGeometry, PageImage

MODES = [mode for family in FAMILIES.values() for mode in family.modes.values()]
units = st.integers(0, 999)
boxes = st.tuples(units, units, units, units).map(
    lambda at: Box(min(at[0], at[2]), min(at[1], at[3]), max(at[0], at[2]), max(at[1], at[3]))
)
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000)).map(
    lambda side: PageGeometry(2 * side[0], 2 * side[1], float(side[0]), float(side[1]), 144.0)
)


@given(boxes, sizes, st.sampled_from(MODES), st.floats(0.1, 500), st.sampled_from([0, 90, 180, 270]))
def test_a_look_fits_its_canvas_and_has_bounds(
    box: Box, page: PageGeometry, mode: Mode, type_pt: float, turn: int
) -> None:
    look = close_look(box, page, mode, type_pt, 24.0, turn)
    seen = look.box
    assert 0 <= seen.x1 < seen.x2 <= 999 and 0 <= seen.y1 < seen.y2 <= 999
    assert seen.x1 <= box.x1 and seen.y1 <= box.y1 and seen.x2 >= box.x2 and seen.y2 >= box.y2
    assert look.px_per_pt * type_pt <= 24.0 + 1e-6 and 144 <= look.dpi <= MAX_DPI
    width = (seen.x2 - seen.x1) / 999 * page.width_pt * look.px_per_pt
    height = (seen.y2 - seen.y1) / 999 * page.height_pt * look.px_per_pt
    width, height = (height, width) if turn % 180 else (width, height)
    assert width <= look.canvas[0] + 1e-6 and height <= look.canvas[1] + 1e-6
    assert look.canvas in canvases(mode)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: f"{mode.family}-{mode.name}")
def test_a_mode_shows_every_canvas_undistorted(mode: Mode) -> None:
    for width, height in canvases(mode):
        columns, rows = choose_grid(width, height, mode)
        tiled = columns * mode.tile_size_px, rows * mode.tile_size_px
        assert (width, height) == (tiled if mode.crop else (mode.base_size_px,) * 2)
        assert columns * rows <= mode.max_tiles


def test_the_fewest_tiles_that_do_are_taken_and_the_rest_of_the_canvas_is_left_white() -> None:
    gundam = resolve_mode("gundam")
    small, wide = Box(100, 100, 300, 200), Box(50, 100, 950, 500)
    assert close_look(small, A4, gundam, 8.0, 24.0).canvas in ((640, 1280), (1280, 640))
    assert close_look(wide, A4, gundam, 5.0, 24.0).canvas == (1920, 1280)
    assert close_look(small, A4, gundam, 8.0, 24.0).px_per_pt == 3.0
    assert close_look(Box(0, 0, 999, 999), A4, resolve_mode("base"), 8.0, 24.0).px_per_pt == 1024 / 842


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_part_and_nothing_else_is_shown_turned_as_the_page_was(turn: int) -> None:
    image = Image.new("RGB", (1000, 1000), (0, 0, 255))
    image.paste((255, 0, 0), (200 - 2 * MARGIN, 300 - 2 * MARGIN, 600 + 2 * MARGIN, 400 + 2 * MARGIN))
    page = PageImage(image, PageGeometry(1000, 1000, 500.0, 500.0, 144.0), "pillow")
    mode = resolve_mode("small")
    look = close_look(Box(200, 300, 600, 400), page.geometry, mode, 1.0, 100.0, turn)
    view = closer_views(page, look, mode).global_view
    red, white = ((view == colour).all(axis=2) for colour in ((255, 0, 0), (255, 255, 255)))
    assert not (view == (0, 0, 255)).all(axis=2).any() and (red | white).mean() > 0.98
    rows, columns = np.nonzero(red)
    shape = (rows.max() - rows.min(), columns.max() - columns.min())
    assert (shape[0] > shape[1]) == bool(turn % 180) and max(shape) >= 635 and rows.min() == 0


@settings(max_examples=30)
@given(boxes, st.tuples(st.integers(1, 60), st.integers(1, 60)), st.sampled_from(["tiny", "small", "base"]))
def test_any_part_of_any_page_can_be_shown(box: Box, side: tuple[int, int], name: str) -> None:
    page = PageImage(Image.new("RGB", side), PageGeometry(*side, *map(float, side), 72.0), "pillow")
    mode = resolve_mode(name)
    views = closer_views(page, close_look(box, page.geometry, mode, 3.0, 24.0), mode)
    assert views.sides_px == (mode.base_size_px, 0)
