from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.errors import UsageError
from ocr_engine.families import MODES, resolve_mode
from ocr_engine.families.tiling import CANDIDATES, choose_grid, visual_tokens

sides = st.integers(1, 5000)


def official_order(min_tiles: int, max_tiles: int) -> list[tuple[int, int]]:
    """The official construction: a set, sorted by area alone."""
    counts = range(min_tiles, max_tiles + 1)
    grids = {
        (i, j)
        for n in counts
        for i in range(1, n + 1)
        for j in range(1, n + 1)
        if min_tiles <= i * j <= max_tiles
    }
    return sorted(grids, key=lambda grid: grid[0] * grid[1])


def official_grid(width: int, height: int, tile_px: int, max_tiles: int) -> tuple[int, int]:
    if width <= 640 and height <= 640:
        return (1, 1)
    nearest, best = float("inf"), (1, 1)
    for i, j in official_order(2, max_tiles):
        distance = abs(width / height - i / j)
        if distance < nearest:
            nearest, best = distance, (i, j)
        elif distance == nearest and width * height > 0.5 * tile_px * tile_px * i * j:
            best = (i, j)
    return best


@pytest.mark.parametrize("max_tiles", [*range(2, 10), 32])
def test_candidate_order_is_the_official_one(max_tiles: int) -> None:
    assert list(CANDIDATES[2, max_tiles]) == official_order(2, max_tiles)


@given(sides, sides, st.sampled_from(["gundam", "gundam-m"]), st.integers(2, 9))
def test_grid_is_the_official_one(width: int, height: int, name: str, max_tiles: int) -> None:
    mode = resolve_mode(name, max_tiles)
    assert choose_grid(width, height, mode) == official_grid(width, height, mode.tile_size_px, max_tiles)


@st.composite
def ties(draw: st.DrawFn) -> tuple[int, int, int]:
    """Pages exactly between two grids, where candidate order and rounding decide."""
    max_tiles = draw(st.integers(2, 9))
    ratios = sorted({Fraction(i, j) for i, j in CANDIDATES[2, max_tiles]})
    place = draw(st.integers(0, len(ratios) - 2))
    middle = (ratios[place] + ratios[place + 1]) / 2
    scale = draw(st.integers(1, 600))
    return middle.numerator * scale, middle.denominator * scale, max_tiles


@given(ties(), st.sampled_from(["gundam", "gundam-m"]))
def test_ties_are_settled_as_the_official_code_does(tie: tuple[int, int, int], name: str) -> None:
    width, height, max_tiles = tie
    mode = resolve_mode(name, max_tiles)
    assert choose_grid(width, height, mode) == official_grid(width, height, mode.tile_size_px, max_tiles)


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((640, 640), (1, 1)),
        ((641, 640), (2, 2)),
        ((1190, 1684), (2, 3)),
        ((1684, 1190), (3, 2)),
        ((1280, 1024), (3, 2)),
        ((1000, 800), (2, 2)),
        ((132, 720), (1, 6)),
        ((1920, 1080), (2, 1)),
        ((10, 20000), (1, 6)),
        ((20000, 10), (6, 1)),
    ],
)
def test_known_grids(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert choose_grid(*size, "gundam") == grid


@pytest.mark.parametrize(
    ("mode", "size", "tokens"),
    [
        ("tiny", (1190, 1684), 73),
        ("small", (1190, 1684), 111),
        ("base", (1190, 1684), 273),
        ("large", (1190, 1684), 421),
        ("gundam", (640, 480), 273),
        ("gundam", (1190, 1684), 903),
        ("gundam", (1684, 1190), 893),
        ("gundam", (1500, 1500), 693),
        ("gundam", (1920, 1080), 483),
        ("gundam", (100, 1000), 933),
        ("gundam-m", (640, 640), 421),
        ("gundam-m", (1190, 1684), 421 + (16 * 2 + 1) * 16 * 3),
    ],
)
def test_known_token_counts(mode: str, size: tuple[int, int], tokens: int) -> None:
    assert visual_tokens(*size, mode) == tokens


@given(sides, sides, st.sampled_from([name for name, mode in MODES.items() if not mode.crop]))
def test_untiled_modes_never_tile(width: int, height: int, name: str) -> None:
    assert choose_grid(width, height, name) == (1, 1)


def test_more_tiles_than_ever_trained_are_refused() -> None:
    with pytest.raises(UsageError, match="10: deepseek-ocr was trained with at most 9 tiles"):
        resolve_mode("gundam", 10)
    with pytest.raises(UsageError, match="2 to 33 tiles"):
        choose_grid(2000, 1000, replace(MODES["gundam"], max_tiles=33))
