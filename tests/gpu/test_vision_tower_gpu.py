"""The vision tower on a GPU, where attention takes another path, against the same tower on the CPU."""

import copy

import pytest
import torch

from ocr_engine.engine.vllm.view_tensors import FIELDS
from ocr_engine.model.encoder_graphs import EncoderGraphs
from tests.model.conftest import page, tower

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
__all__ = ["page", "tower"]
SHAPES = [(512,), (640,), (1024,), (1280,), (1024, 640, (2, 3)), (1280, 1024, (2, 1))]


def features(model, pages):
    columns = [[one[name][0] for one in pages] for name in FIELDS]
    with torch.inference_mode():
        return [item.float().cpu() for item in model(*columns)]


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-4), (torch.bfloat16, 5e-2)])
def test_every_mode_in_one_batch_equals_the_cpu(tower, page, dtype, bound, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    pages = [page(*shape, seed=seed) for seed, shape in enumerate(SHAPES)]
    # A page without colour among the others.
    pages += [{name: value[..., :1] if value.ndim > 3 else value for name, value in pages[4].items()}]
    expected = features(tower, pages)
    found = features(copy.deepcopy(tower).to("cuda", dtype), pages)
    for one, other in zip(found, expected, strict=True):
        assert ((one - other).norm() / other.norm()).item() < bound


def test_passes_replayed_from_graphs_give_the_same_features(tower, page):
    model = copy.deepcopy(tower).to("cuda", torch.bfloat16)
    pages = [[page(1024, 640, (2, 3), seed=seed), page(1024, seed=seed + 50)] for seed in range(7)]
    expected = [features(model, one) for one in pages]
    model.graphs = EncoderGraphs()
    found = [features(model, one) for one in pages]
    assert model.graphs._graphs
    for one, other in zip(found, expected, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
