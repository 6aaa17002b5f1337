"""Views against a slow re-statement of the official transformations: pad, stretch, crop one by one."""

import subprocess
import sys
from functools import lru_cache
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import ocr_engine.families.resizing as resizing_module
from ocr_engine.families import MODES, Mode, resolve_mode
from ocr_engine.families.tiling import choose_grid, visual_tokens
from ocr_engine.families.views import make_views

SIZES = [
    (1190, 1684), (1684, 1190), (640, 640), (641, 300), (300, 200), (1280, 1024), (1000, 800), (2000, 2000),
    (1920, 1080), (97, 1301), (1, 1), (10, 2000), (2000, 10), (513, 511), (1024, 1024), (1280, 1920),
]  # fmt: skip


@lru_cache(maxsize=1)
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


@settings(max_examples=30)
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


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (2, 5000), (1, 100_000)])
def test_a_page_too_thin_for_one_pixel_keeps_its_ink(size: tuple[int, int]) -> None:
    views = make_views(Image.new("RGB", size), "base")
    assert (views.global_view == 0).all(axis=2).sum() == 1024, "a line of one pixel, as long as the view"


class Counted:
    """Stands in for an image of any size: notes what each resize would hold, and makes only small ones."""

    mode = "RGB"

    def __init__(self, size: tuple[int, int], costs: list[tuple[int, int]]) -> None:
        self.size, self.costs = size, costs
        self.width, self.height = size

    def resize(self, size: tuple[int, int], *_: object, **__: object) -> "Counted | Image.Image":
        """Pillow changes the width first: all rows at the new width are held between the two steps."""
        assert min(size) > 0
        between = size[0] * self.height if size[0] != self.width and size[1] != self.height else 0
        self.costs.append((between, size[0] * size[1]))
        return Image.new("RGB", size) if size[0] * size[1] <= LARGEST_PX else Counted(size, self.costs)

    def split(self) -> list[Image.Image]:
        """Of images that are looked at, which are not large."""
        assert self.width * self.height <= 16_000_000
        return [Image.new("L", self.size)] * 3


SIDES = st.one_of(st.integers(1, 1_000_000), st.integers(1, 2_000), st.sampled_from([1, 2, 1_000_000]))
LARGEST_PX = 9 * 1280**2


@settings(max_examples=60)
@given(SIDES, SIDES, st.sampled_from(sorted(MODES)))
def test_no_resize_costs_more_than_a_few_times_the_image(width: int, height: int, name: str) -> None:
    costs: list[tuple[int, int]] = []
    views = make_views(cast(Image.Image, Counted((width, height), costs)), name)
    assert views.global_view.shape[:2] == (MODES[name].base_size_px,) * 2
    for between, made in costs:
        assert between <= max(16_000_000, 4 * width * height)
        assert made <= max(LARGEST_PX, width * height)


@pytest.mark.parametrize("size", [(3, 3_000), (157, 2_600)])
def test_the_other_order_of_a_resize_gives_nearly_the_same(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(*size)
    usual = np.asarray(image.resize((640, 1920), Image.Resampling.BICUBIC), dtype=int)
    np.testing.assert_array_equal(np.asarray(resizing_module.resized(image, (640, 1920))), usual)
    monkeypatch.setattr(resizing_module, "_BETWEEN_PX", 0)
    monkeypatch.setattr(resizing_module, "_BETWEEN_RATIO", 0)
    other = np.asarray(resizing_module.resized(image, (640, 1920)), dtype=int)
    assert np.abs(other - usual).max() <= 4


def test_an_image_of_1_by_1_000_000_pixels_takes_little_memory() -> None:
    """In every mode, as a server gets it, in a process that may take 400 MB."""
    code = (
        "import resource; from PIL import Image\n"
        "from ocr_engine.engine.vllm.page_images import views_of_image\n"
        "from ocr_engine.families import MODES, OCR\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20))\n"
        "for size in (1, 1_000_000), (1_000_000, 1), (7, 400_000):\n"
        "    for mode in MODES:\n"
        "        views = views_of_image(Image.new('RGB', size), {'mode': mode}, OCR)\n"
        "        assert (views.global_view == 0).any()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]


def test_other_modes_are_converted() -> None:
    grey = Image.new("L", (700, 900), 200)
    np.testing.assert_array_equal(
        make_views(grey, "gundam").global_view, make_views(grey.convert("RGB"), "gundam").global_view
    )


def grey_picture(width: int, height: int, kind: str) -> Image.Image:
    """Lines on paper, or noise; RGB with equal channels, or L."""
    grey = np.full((height, width), 240, np.uint8)
    if kind == "noise":
        grey = np.random.default_rng(width).integers(0, 256, (height, width), dtype=np.uint8)
    grey[height // 3 : height // 2, width // 4 : width // 2] = 12
    image = Image.fromarray(grey)
    return image if kind == "L" else image.convert("RGB")


@pytest.mark.parametrize("kind", ["lines", "noise", "L"])
@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("size", [(1190, 1684), (641, 300), (97, 1301), (160, 2000), (1280, 1920)])
def test_a_page_without_colour_has_one_channel(size: tuple[int, int], name: str, kind: str) -> None:
    image = grey_picture(*size, kind)
    views = make_views(image, name)
    global_view, tiles = official_views(image.convert("RGB"), MODES[name])
    assert views.global_view.shape[2] == views.tiles.shape[3] == 1
    np.testing.assert_array_equal(np.repeat(views.global_view, 3, 2), np.asarray(global_view))
    assert len(views.tiles) == len(tiles)
    for ours, theirs in zip(views.tiles, tiles, strict=True):
        np.testing.assert_array_equal(np.repeat(ours, 3, 2), np.asarray(theirs))


@pytest.mark.parametrize("place", [(0, 0), (1683, 1189), (700, 800)])
def test_a_single_pixel_of_colour_is_kept(place: tuple[int, int]) -> None:
    pixels = np.asarray(grey_picture(1190, 1684, "lines")).copy()
    pixels[place] = (200, 10, 10)
    image = Image.fromarray(pixels)
    views = make_views(image, "gundam")
    global_view, tiles = official_views(image, MODES["gundam"])
    np.testing.assert_array_equal(views.global_view, np.asarray(global_view))
    np.testing.assert_array_equal(views.tiles, np.stack([np.asarray(tile) for tile in tiles]))
