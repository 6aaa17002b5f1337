"""Views against a slow re-statement of the official transformations: pad, stretch, crop one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocr_engine.pages.tiling import choose_grid, visual_tokens
from ocr_engine.pages.views import make_views
from ocr_engine.spec import MODES, Mode, resolve_mode

SIZES = [
    (1190, 1684), (1684, 1190), (640, 640), (641, 300), (300, 200), (1280, 1024), (1000, 800), (2000, 2000),
    (1920, 1080), (97, 1301), (1, 1), (10, 2000), (2000, 10), (513, 511), (1024, 1024), (1280, 1920),
]  # fmt: skip


def picture(width: int, height: int) -> Image.Image:
    noise = np.random.default_rng(width * 7919 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ramp = np.linspace(0, 255, width * height).reshape(height, width, 1)
    return Image.fromarray((noise // 2 + ramp // 2).astype(np.uint8))


def padded(image: Image.Image, side: int) -> Image.Image:
    """Contained in a grey square, centred; sizes and offsets rounded as ImageOps.pad rounds them."""
    width, height = side, side
    if image.width > image.height:
        height = round(image.height / image.width * side)
    elif image.width < image.height:
        width = round(image.width / image.height * side)
    canvas = Image.new("RGB", (side, side), (127, 127, 127))
    canvas.paste(
        image.resize((width, height), Image.Resampling.BICUBIC),
        (round((side - width) * 0.5), round((side - height) * 0.5)),
    )
    return canvas


def official_views(image: Image.Image, mode: Mode) -> tuple[Image.Image, list[Image.Image]]:
    tiles = []
    columns, rows = choose_grid(*image.size, mode)
    if columns * rows > 1:
        side = mode.tile_size_px
        whole = image.resize((side * columns, side * rows), Image.Resampling.BICUBIC)
        for i in range(columns * rows):
            left, top = i % columns * side, i // columns * side
            tiles.append(whole.crop((left, top, left + side, top + side)))
    if not mode.crop and mode.tile_size_px <= 640:
        image = image.resize((mode.tile_size_px, mode.tile_size_px), Image.Resampling.BICUBIC)
    return padded(image, mode.base_size_px), tiles


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("size", SIZES)
def test_views_are_bit_identical_to_the_official_ones(size: tuple[int, int], name: str) -> None:
    image, mode = picture(*size), MODES[name]
    views = make_views(image, name)
    global_view, tiles = official_views(image, mode)
    assert views.global_view.dtype == views.tiles.dtype == np.uint8
    np.testing.assert_array_equal(views.global_view, np.asarray(global_view))
    assert views.tiles.shape == (len(tiles), mode.tile_size_px, mode.tile_size_px, 3)
    for ours, theirs in zip(views.tiles, tiles, strict=True):
        np.testing.assert_array_equal(ours, np.asarray(theirs))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 1500), st.integers(1, 1500), st.sampled_from(sorted(MODES)), st.integers(2, 9))
def test_placeholders_equal_the_features_of_the_views(w: int, h: int, name: str, max_tiles: int) -> None:
    """Counted feature by feature: a line end after each row of patches, a separator after the global view."""
    mode = resolve_mode(name, max_tiles)
    views = make_views(Image.new("RGB", (w, h)), mode)
    columns, rows = views.grid
    base = views.global_view.shape[0] // 64
    features = base * base + base + 1
    if len(views.tiles):
        assert len(views.tiles) == columns * rows
        side = views.tiles.shape[1] // 64
        features += len(views.tiles) * side * side + rows * side
    assert visual_tokens(w, h, mode) == features


def test_arrays_own_their_pixels_and_travel_compactly() -> None:
    views = make_views(picture(1190, 1684), "gundam")
    assert views.grid == (2, 3)
    assert views.tiles.flags.c_contiguous and views.global_view.flags.c_contiguous
    assert views.nbytes == 3 * (1024**2 + 6 * 640**2)


@pytest.mark.parametrize("size", [(500, 1500), (1500, 500), (1190, 1684), (300, 200)])
def test_arrays_are_writable_for_every_grid(size: tuple[int, int]) -> None:
    views = make_views(picture(*size), "gundam")
    assert views.global_view.flags.writeable and views.tiles.flags.writeable


def test_a_page_too_thin_for_one_pixel_keeps_its_ink() -> None:
    views = make_views(Image.new("RGB", (1, 5000)), "base")
    assert (views.global_view == 0).any(), "the black line vanished"


def test_other_modes_are_converted() -> None:
    grey = Image.new("L", (700, 900), 200)
    np.testing.assert_array_equal(
        make_views(grey, "gundam").global_view, make_views(grey.convert("RGB"), "gundam").global_view
    )
