"""Launches one by one, or from a graph; graphs themselves need a GPU (`tests/gpu`)."""

import contextlib
import logging

import pytest
import torch

from ocr_engine.engine.vllm import replayed
from ocr_engine.engine.vllm.replayed import Replayed


class Graph:
    """A CUDA graph, of which what is done with it is noted; captures fail where they are to."""

    done: list[str]
    fails = False

    def capture_begin(self, pool, capture_error_mode):
        assert (pool, capture_error_mode) == ("pool", "thread_local")
        self.done.append("begin")

    def capture_end(self):
        self.done.append("end")
        if self.fails:
            raise torch.OutOfMemoryError("no memory")

    def replay(self):
        self.done.append("replay")


@pytest.fixture
def graph(monkeypatch):
    """Graphs on a machine that has a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "Stream", lambda: "stream")
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    for name, value in (("pool", None), ("stream", None), ("works", True)):
        monkeypatch.setattr(replayed._Shared, name, value)
    monkeypatch.setattr(Graph, "done", [], raising=False)
    return Graph


def test_the_second_call_is_captured_and_then_nothing_is_launched(graph):
    run, results = Replayed(), iter("abcd")
    assert [run(lambda: next(results)) for _ in range(4)] == ["a", "b", "b", "b"]
    assert graph.done == ["begin", "end", "replay", "replay", "replay"]


def test_a_capture_that_fails_is_the_last(graph, monkeypatch, caplog):
    monkeypatch.setattr(graph, "fails", True)
    run, other = Replayed(), Replayed()
    with caplog.at_level(logging.WARNING):
        assert [run(lambda: 1), run(lambda: 2), run(lambda: 3)] == [1, 2, 3]
    assert [other(lambda: 1), other(lambda: 2)] == [1, 2]
    assert graph.done == ["begin", "end"]
    assert "no memory" in caplog.text
    assert len(caplog.records) == 1


def test_a_launch_that_fails_ends_its_capture(graph):
    run = Replayed()
    run(lambda: 1)

    def refused():
        if len(graph.done) == 1:
            raise RuntimeError("not permitted when stream is capturing")
        return 2

    assert run(refused) == 2
    assert graph.done == ["begin", "end"]


def test_without_a_gpu_every_call_launches():
    run, results = Replayed(), iter("abc")
    assert [run(lambda: next(results)) for _ in range(3)] == ["a", "b", "c"]
