"""DeepSeek-OCR-2: another tile size, another limit for small pages, no line ends, fewer modes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ocr_engine.errors import UsageError
from ocr_engine.families import FAMILIES, MODES, OCR2, resolve_mode
from ocr_engine.families.tiling import choose_grid, visual_tokens
from ocr_engine.families.views import make_views

GUNDAM = resolve_mode("gundam", family=OCR2)


@pytest.mark.parametrize(
    ("size", "grid", "tokens"),
    [
        ((768, 768), (1, 1), 257),
        ((300, 200), (1, 1), 257),
        ((769, 768), (2, 2), 833),
        ((1190, 1684), (2, 3), 1121),
        ((1684, 1190), (3, 2), 1121),
        ((1500, 1500), (2, 2), 833),
        ((1920, 1080), (2, 1), 545),
        ((1280, 1024), (2, 2), 833),
        ((1000, 800), (2, 2), 833),
    ],
)
def test_known_pages(size: tuple[int, int], grid: tuple[int, int], tokens: int) -> None:
    assert choose_grid(*size, GUNDAM) == grid
    assert visual_tokens(*size, GUNDAM) == tokens


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_every_page_has_257_tokens_and_144_a_tile(width: int, height: int) -> None:
    columns, rows = choose_grid(width, height, GUNDAM)
    tiles = columns * rows if columns * rows > 1 else 0
    assert visual_tokens(width, height, GUNDAM) == 257 + 144 * tiles
    assert tiles <= 6


@pytest.mark.parametrize(("name", "tokens"), [("small", 145), ("base", 257)])
def test_untiled_modes(name: str, tokens: int) -> None:
    assert visual_tokens(1190, 1684, resolve_mode(name, family=OCR2)) == tokens


def test_views_pad_and_stretch_as_the_official_code_does() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (1300, 900, 3), dtype=np.uint8)
    page = Image.fromarray(noise)
    padded = np.asarray(ImageOps.pad(page, (1024, 1024), color=(127, 127, 127)))
    stretched = page.resize((2 * 768, 3 * 768))
    gundam, small, base = (
        make_views(page, FAMILIES[OCR2].modes[name]) for name in ("gundam", "small", "base")
    )
    assert gundam.grid == (2, 3)
    np.testing.assert_array_equal(gundam.global_view, padded)
    np.testing.assert_array_equal(base.global_view, padded)
    np.testing.assert_array_equal(small.global_view, np.asarray(page.resize((768, 768))))
    for number, tile in enumerate(gundam.tiles):
        left, top = number % 2 * 768, number // 2 * 768
        np.testing.assert_array_equal(tile, np.asarray(stretched.crop((left, top, left + 768, top + 768))))


@pytest.mark.parametrize("name", sorted(MODES.keys() - FAMILIES[OCR2].modes.keys()))
def test_sizes_without_learned_queries_are_refused_by_name(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}.*deepseek-ocr-2 knows views of 768 and 1024 px alone"):
        resolve_mode(name, family=OCR2)


def test_more_tiles_than_the_family_was_trained_with_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 6 tiles"):
        resolve_mode("gundam", 9, OCR2)
    assert resolve_mode("gundam", 4, OCR2).max_tiles == 4


def test_unknown_names_list_the_modes_of_the_family() -> None:
    with pytest.raises(UsageError, match=r"unknown \(one of: small, base, gundam\)"):
        resolve_mode("huge", family=OCR2)
