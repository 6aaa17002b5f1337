"""Launches that are captured give what they gave."""

import pytest
import torch

from ocr_engine.engine.vllm.replayed import Replayed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


def test_replays_read_what_was_written_since():
    source, weights = torch.zeros(64, device="cuda"), torch.randn(64, 64, device="cuda")
    run = Replayed()

    def launch():
        return (source @ weights).sort().values

    for value in range(5):
        source.fill_(value)
        expected = launch()
        assert torch.equal(run(launch), expected)
    assert run._graph is not None
