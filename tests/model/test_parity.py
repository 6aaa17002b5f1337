"""Views and features against the official code's on the same weights, stored by `parity/stages.py`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fixtures import recipe
from fixtures.recipe import CASES, Case
from ocr_engine.families.tiling import visual_tokens
from ocr_engine.families.views import make_views

GOLDEN = Path(__file__).parents[1] / "data" / "deep_encoder_golden.npz"
TOKEN_STRIDE, PIXEL_STRIDE_PX = 5, 37


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def tower():
    return recipe.tower()


def of_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=of_name)
def test_pixels_are_the_official_ones(case, golden):
    views = make_views(recipe.picture(*case.size), case.mode)
    assert views.grid == case.grid
    every = (slice(None, None, PIXEL_STRIDE_PX),) * 2
    np.testing.assert_array_equal(views.global_view[every], golden[f"{case.name}: global view"])
    np.testing.assert_array_equal(views.tiles[(slice(None), *every)], golden[f"{case.name}: tiles"])


@pytest.mark.parametrize("case", CASES, ids=of_name)
def test_features_are_the_official_ones(case, golden, tower):
    views = make_views(recipe.picture(*case.size), case.mode)
    with torch.inference_mode():
        (features,) = tower(
            [torch.from_numpy(views.global_view)], [torch.from_numpy(views.tiles)], [torch.tensor(views.grid)]
        )
    assert len(features) == visual_tokens(*case.size, case.mode)
    expected = golden[f"{case.name}: features"]
    found = features[:-1:TOKEN_STRIDE].numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    np.testing.assert_array_equal(features[-1], golden[f"{case.name}: last"])
