import random

import numpy as np
import pytest
from PIL import Image

from ocr_engine.families.views import make_views
from research.nano.model.views import Turn, view


@pytest.mark.parametrize("mode", ["tiny", "small", "base", "large", "gundam"])
@pytest.mark.parametrize("size", [(1684, 1190), (1100, 1400)])
def test_a_page_in_grey_is_seen_as_the_product_sees_it_in_colour(mode: str, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, size, np.uint8)
    seen, wanted = view(pixels, mode), make_views(Image.fromarray(pixels), mode)
    assert np.array_equal(seen.overview, wanted.global_view[..., 0])
    assert (seen.tiles is None) == (wanted.grid == (1, 1))
    if seen.tiles is not None:
        assert seen.grid == wanted.grid and np.array_equal(seen.tiles, wanted.tiles[..., 0])


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
