"""What a server cuts from an image equals what the local pipeline cuts; wrong options are named."""

import numpy as np
import pytest
from PIL import Image

from ocr_engine.engine.vllm.page_images import views_of_image, views_of_images
from ocr_engine.errors import RequestError
from ocr_engine.families import MODES, OCR, OCR2, UNLIMITED, resolve_mode
from ocr_engine.families.views import make_views


def page(width: int = 900, height: int = 1300) -> Image.Image:
    pixels = np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mode", MODES)
def test_views_are_those_of_the_pipeline(mode: str) -> None:
    views = views_of_image(page(), {"mode": mode, "max_tiles": 4}, OCR)
    expected = make_views(page(), resolve_mode(mode, 4))
    assert views.grid == expected.grid
    assert np.array_equal(views.global_view, expected.global_view)
    assert np.array_equal(views.tiles, expected.tiles)


def test_without_options_a_page_is_cut_as_the_scripts_do() -> None:
    expected = make_views(page(), resolve_mode("gundam", 6))
    assert np.array_equal(views_of_image(page(), {}, OCR).tiles, expected.tiles)


@pytest.mark.parametrize(
    ("options", "family", "words"),
    [
        ({"mode": "huge"}, OCR, "huge"),
        ({"mode": 5}, OCR, "expected a name"),
        ({"mode": "tiny"}, OCR2, "tiny"),
        ({"max_tiles": 10}, OCR, "2 to 9"),
        ({"max_tiles": 7}, OCR2, "2 to 6"),
        ({"max_tiles": "6"}, OCR, "2 to 9"),
        ({"max_tiles": 1}, OCR, "2 to 9"),
        ({"size": 1}, OCR, "size: unknown"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], family: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        views_of_image(page(), options, family)


def test_several_images_are_pages_that_are_read_together() -> None:
    base = make_views(page(), resolve_mode("base", family=UNLIMITED))
    for options in ({}, {"mode": "base"}):
        found = views_of_images([page(), page(1300, 900)], options, UNLIMITED)
        assert [len(views.tiles) for views in found] == [0, 0]
        assert np.array_equal(found[0].global_view, base.global_view)
    assert len(views_of_images([page()], {}, UNLIMITED)[0].tiles), "a single one is tiled as ever"
    with pytest.raises(RequestError, match="several pages are read in base"):
        views_of_images([page(), page()], {"mode": "gundam"}, UNLIMITED)
