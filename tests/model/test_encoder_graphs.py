"""Which batches are replayed from a graph; graphs themselves need a GPU (`tests/gpu`)."""

from types import SimpleNamespace

import pytest
import torch

from ocr_engine.model import encoder_graphs
from ocr_engine.model.encoder_graphs import EncoderGraphs


class Views:
    """A batch on a GPU, of which only the size counts."""

    is_cuda = True

    def __init__(self, count):
        self.shape = torch.Size((count, 64, 64, 3))


def encode(views):
    return "encoded", views


@pytest.fixture
def captured(monkeypatch):
    """The sizes that were captured, in order."""
    sizes = []

    def graph(found, views, pool):
        assert (found, pool) == (encode, "pool")
        sizes.append(views.shape[0])
        return lambda views: ("replayed", views)

    monkeypatch.setattr(encoder_graphs, "_Graph", graph)
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(graph_pool_handle=lambda: "pool"))
    return sizes


def ways(graphs, *counts):
    return [graphs.run(encode, Views(count))[0] for count in counts]


def test_a_size_that_comes_often_is_captured_once_and_replayed(captured):
    graphs = EncoderGraphs()
    assert ways(graphs, 16, 3, 16, 16, 16, 16) == ["encoded"] * 4 + ["replayed"] * 2
    assert ways(graphs, 3, 3, 16) == ["encoded", "encoded", "replayed"]
    assert captured == [16]
    one, other = Views(16), Views(16)
    assert graphs.run(encode, one)[1] is one
    assert graphs.run(encode, other)[1] is other


def test_no_more_sizes_than_are_kept(captured):
    graphs = EncoderGraphs()
    counts = list(range(1, 20)) * 6
    ways(graphs, *counts)
    assert captured == list(range(1, 17))
    assert ways(graphs, 16, 17) == ["replayed", "encoded"]


def test_on_a_cpu_nothing_is_captured(captured):
    graphs = EncoderGraphs()
    views = torch.zeros(2, 64, 64, 3)
    for _ in range(6):
        assert graphs.run(encode, views) == ("encoded", views)
    assert captured == []


def test_a_card_without_memory_for_a_graph_goes_on_without(captured, monkeypatch, caplog):
    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    graphs = EncoderGraphs()
    ways(graphs, 16, 16, 16, 16)
    monkeypatch.setattr(encoder_graphs, "_Graph", full)
    with caplog.at_level("WARNING"):
        assert ways(graphs, *[5] * 6, 16) == ["encoded"] * 6 + ["replayed"]
    assert len(caplog.records) == 1
    assert "no more CUDA graphs" in caplog.text
