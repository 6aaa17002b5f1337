import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.engine.vllm.view_tensors import (
    FIELDS,
    blank_pages,
    check_views,
    count_tokens,
    joined,
    largest_page,
    one_by_one,
    tensors_of,
)
from ocr_engine.errors import RequestError
from ocr_engine.families import MODES, UNLIMITED
from ocr_engine.records import PageViews


def fields(base_px, tile_px=0, grid=(1, 1), count=None):
    count = grid[0] * grid[1] if count is None and tile_px else count or 0
    return {
        "global_views": torch.zeros(1, base_px, base_px, 3, dtype=torch.uint8),
        "tiles": torch.zeros(1, count, tile_px, tile_px, 3, dtype=torch.uint8),
        "grids": torch.tensor([grid]),
    }


def tokens(data):
    check_views(data)
    return count_tokens(*(data[name][0] for name in FIELDS))


@pytest.mark.parametrize(("base_px", "expected"), [(512, 73), (640, 111), (1024, 273), (1280, 421)])
def test_untiled_pages_have_the_official_counts(base_px, expected):
    assert tokens(fields(base_px)) == expected


@pytest.mark.parametrize(
    ("grid", "expected"),
    [((2, 3), 903), ((3, 2), 893), ((2, 2), 693), ((2, 1), 483), ((1, 6), 933), ((6, 1), 883)],
)
def test_gundam_pages_have_the_official_counts(grid, expected):
    assert tokens(fields(1024, 640, grid)) == expected


def test_the_largest_page_is_the_largest():
    views, most = largest_page()
    check_views(views)
    grids = [(i, j) for i in range(1, 10) for j in range(1, 10) if 2 <= i * j <= 9]
    crops = [mode for mode in MODES.values() if mode.crop]
    counts = [tokens(fields(m.base_size_px, m.tile_size_px, grid)) for m in crops for grid in grids]
    assert max(counts) == most


def test_a_page_without_colour_has_one_channel_and_as_many_tokens():
    grey = {name: value[..., :1] for name, value in fields(1024, 640, (2, 3)).items() if name != "grids"}
    assert tokens(fields(1024, 640, (2, 3)) | grey) == 903


REFUSED = {
    "two channels": fields(1024) | {"global_views": torch.zeros(1, 1024, 1024, 2, dtype=torch.uint8)},
    "four channels": fields(1024) | {"tiles": torch.zeros(1, 0, 640, 640, 4, dtype=torch.uint8)},
    "a size no mode has": fields(768),
    "a tile size no mode has": fields(1024, 768, (2, 1)),
    "tiles of another mode": fields(1280, 640, (2, 1)),
    "tiles beside a small view": fields(640, 640, (2, 1)),
    "more cells than tiles": fields(1024, 640, (2, 3), count=5),
    "one tile": fields(1024, 640, (1, 1), count=1),
    "ten tiles": fields(1024, 640, (2, 5)),
    "a grid without tiles": fields(1024, 0, (2, 3), count=0),
    "an empty grid": fields(1024, 640, (0, 3)),
    "a negative grid": fields(1024, 640, (-2, -3), count=6),
    "float pixels": fields(1024) | {"global_views": torch.zeros(1, 1024, 1024, 3)},
    "float tiles": fields(1024) | {"tiles": torch.zeros(1, 0, 0, 0, 3)},
    "no square": fields(1024) | {"global_views": torch.zeros(1, 1024, 1280, 3, dtype=torch.uint8)},
    "channels first": fields(1024) | {"global_views": torch.zeros(1, 3, 1024, 1024, dtype=torch.uint8)},
    "two pages": fields(1024) | {"global_views": torch.zeros(2, 1024, 1024, 3, dtype=torch.uint8)},
    "a list": fields(1024) | {"global_views": [[0]]},
    "float grid": fields(1024) | {"grids": torch.ones(1, 2)},
    "long grid": fields(1024) | {"grids": torch.ones(1, 3, dtype=torch.int64)},
    "a field more": fields(1024) | {"extra": torch.ones(1)},
    "a field less": {name: value for name, value in fields(1024).items() if name != "tiles"},
}


@pytest.mark.parametrize("problem", REFUSED)
def test_anything_else_is_refused_by_name(problem):
    with pytest.raises(RequestError, match=r"global view|tiles|grid|image"):
        check_views(REFUSED[problem])


@settings(max_examples=40)
@given(st.integers(0, 1500), st.integers(0, 1100), st.integers(-1, 4), st.integers(-1, 4))
def test_no_size_passes_that_no_mode_makes(base_px, tile_px, columns, rows):
    count = max(0, columns * rows) if tile_px else 0
    try:
        found = tokens(fields(base_px, tile_px, (columns, rows), count))
    except RequestError:
        return
    pairs = {(m.base_size_px, m.tile_size_px if count else 0) for m in MODES.values() if m.crop or not count}
    assert (base_px, tile_px if count else 0) in pairs and found > 0


def untiled(side_px=1024, channels=3):
    view = np.full((side_px, side_px, channels), 7, np.uint8)
    return PageViews(view, np.zeros((0, side_px, side_px, channels), np.uint8), (1, 1))


def test_pages_with_and_without_colour_are_read_together():
    data = tensors_of(untiled(channels=1), untiled(), untiled(channels=1))
    assert data["global_views"].shape == (3, 1024, 1024, 3) and (data["global_views"] == 7).all()
    assert data["tiles"].shape == (3, 0, 1024, 1024, 3)
    check_views(data, UNLIMITED)
    assert tensors_of(untiled(channels=1), untiled(channels=1))["global_views"].shape == (2, 1024, 1024, 1)


def test_pages_stay_apart_on_their_way_through_vllm_and_none_is_copied():
    data = tensors_of(untiled())
    apart = one_by_one(data)
    assert [len(pages) for pages in apart.values()] == [1, 1, 1]
    (page,) = joined(apart["global_views"])
    assert page.shape == (1024, 1024, 3) and page.data_ptr() == data["global_views"].data_ptr()


def test_several_pages_of_one_request_are_a_batch_for_the_family_that_reads_them():
    data = tensors_of(untiled(), untiled(), untiled())
    assert data["global_views"].shape == (3, 1024, 1024, 3) and data["grids"].tolist() == [[1, 1]] * 3
    check_views(data, UNLIMITED)
    check_views(blank_pages(50, UNLIMITED), UNLIMITED)
    for wrong, family in ((data, "deepseek-ocr"), (blank_pages(51, UNLIMITED), UNLIMITED)):
        with pytest.raises(RequestError, match="expected shape"):
            check_views(wrong, family)
    tiled = {
        name: value.repeat(2, *[1] * (value.ndim - 1)) for name, value in fields(1024, 640, (2, 3)).items()
    }
    with pytest.raises(RequestError, match="several pages of one request have none"):
        check_views(tiled, UNLIMITED)
    with pytest.raises(RequestError, match=r"int64 \(3, 2\)"):
        check_views(data | {"grids": data["grids"][:2]}, UNLIMITED)
    with pytest.raises(RequestError, match="different sizes"):
        tensors_of(untiled(), untiled(640))
