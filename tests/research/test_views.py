import random

import numpy as np
import pytest
from PIL import Image, ImageOps

from research.nano.model.views import Turn, tile_grid, view


def test_tile_grid_follows_the_official_choice() -> None:
    assert tile_grid(1190, 1684) == (2, 3)
    assert tile_grid(1684, 1190) == (3, 2)
    assert tile_grid(1280, 1024) == (3, 2)
    assert tile_grid(1000, 800) == (2, 2)
    assert tile_grid(1920, 1080) == (2, 1)


def test_base_view_is_pillows_pad() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (400, 300), np.uint8)
    rgb = Image.fromarray(pixels).convert("RGB")
    wanted = np.asarray(ImageOps.pad(rgb, (1024, 1024), color=(127, 127, 127)))
    assert np.array_equal(view(pixels, "base").overview, wanted[..., 0])


def test_gundam_tiles_are_cut_row_by_row() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1684, 1190), np.uint8)
    seen = view(pixels, "gundam")
    large = np.asarray(Image.fromarray(pixels).resize((1280, 1920)))
    assert seen.tiles is not None and seen.tiles.shape == (6, 640, 640)
    assert np.array_equal(seen.tiles[3], large[640:1280, 640:1280])


def test_a_turned_point_stays_on_its_dot() -> None:
    pixels = np.full((300, 200), 255, np.uint8)
    pixels[48:53, 28:33] = 0
    turned = Image.fromarray(pixels).rotate(10, Image.Resampling.BILINEAR, fillcolor=255)
    y, x = np.argwhere(np.asarray(turned) < 60).mean(0)
    found = Turn(np.radians(10), 200, 300).points(np.array([[30.5, 50.5]], np.float32))[0]
    assert abs(found[0] - x) < 1.5 and abs(found[1] - y) < 1.5


@pytest.mark.parametrize("widened", [1.0, 1.1, 0.9])
def test_points_land_where_the_view_shows_them(widened: float) -> None:
    rng = random.Random(0)
    for mode in ("base", "small", "gundam"):
        pixels = np.full((1684, 1190), 255, np.uint8)
        x, y = rng.randint(100, 1000), rng.randint(100, 1500)
        pixels[y - 4 : y + 5, x - 4 : x + 5] = 0
        seen = view(pixels, mode, widened)
        shown = seen.overview
        if seen.tiles is not None:
            shown = seen.tiles.reshape(3, 2, 640, 640).transpose(0, 2, 1, 3).reshape(1920, 1280)
        yy, xx = np.argwhere(shown < 60).mean(0)
        assert abs(x * seen.scale[0] + seen.shift[0] - xx) < 1.5
        assert abs(y * seen.scale[1] + seen.shift[1] - yy) < 1.5
