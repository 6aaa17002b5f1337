"""A wider second encoder begins as what it was made from."""

from dataclasses import replace

import pytest
import torch

from research.nano.model.model import NanoOcr
from research.nano.model.shape import TINY
from research.nano.tools.widen import widened
from research.nano.training.export import load_official, official_state

DEEP = replace(TINY, clip=replace(TINY.clip, layers=2))
WIDE = replace(
    TINY, sam=replace(TINY.sam, downsample=(24, 64)), clip=replace(TINY.clip, width=64, layers=1, heads=2)
)
"""TINY's CLIP has heads of 32 channels; the wide one has one head more and one layer less than DEEP's."""


def _tokens(model: NanoOcr, state: dict[str, torch.Tensor]) -> torch.Tensor:
    load_official(model, state)
    with torch.no_grad():
        return model.eval().encode(torch.linspace(-1, 1, 3 * 128 * 128).view(1, 3, 128, 128)).tokens


@pytest.mark.parametrize("dropped", [0, 1])
def test_a_wider_encoder_computes_nearly_what_the_old_one_does(dropped: int) -> None:
    torch.manual_seed(2)
    state = official_state(NanoOcr(DEEP))
    kept = f"model.vision_model.transformer.layers.{1 - dropped}."
    old = {
        name.replace(kept, "model.vision_model.transformer.layers.0."): value
        for name, value in state.items()
        if not name.startswith(f"model.vision_model.transformer.layers.{dropped}.")
    }
    wanted = _tokens(NanoOcr(TINY), old)
    wide = widened(state, WIDE, dropped)
    found = _tokens(NanoOcr(WIDE), wide)
    assert (found - wanted).norm() < 0.15 * wanted.norm()
    other = _tokens(NanoOcr(WIDE), widened(state, WIDE, 1 - dropped))
    assert (other - wanted).norm() > 2 * (found - wanted).norm()


def test_every_new_channel_can_learn() -> None:
    torch.manual_seed(2)
    model = NanoOcr(WIDE)
    load_official(model, widened(official_state(NanoOcr(DEEP)), WIDE, 1))
    model.encode(torch.randn(1, 3, 128, 128)).tokens.square().sum().backward()  # type: ignore[no-untyped-call]
    grad = model.model.sam_model.net_3.weight.grad
    assert grad is not None and bool((grad.flatten(1).norm(dim=1) > 0).all())


def test_a_model_of_that_shape_stays_what_it_is() -> None:
    torch.manual_seed(2)
    state = official_state(NanoOcr(TINY))
    found = widened(state, TINY)
    assert found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in state)
