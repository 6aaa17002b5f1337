"""What vLLM shows the device stays in one place."""

from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("vllm", reason="needs vllm")

from vllm.v1.worker.gpu import buffer_utils

from ocr_engine.engine.vllm.fixed_places import fix
from ocr_engine.engine.vllm.internals import UvaBackedTensor


class HostBuffer:
    """vLLM's, of memory that no device can see."""

    def __init__(self, size, dtype):
        self.cpu = torch.zeros(size, dtype=dtype)
        self.np = self.cpu.numpy()

    def uva(self, n=None):
        return self.cpu[:n]


@pytest.mark.parametrize("size", [5, (2, 3)])
def test_numbers_are_sent_to_the_place_where_they_were(size, monkeypatch):
    monkeypatch.setattr(buffer_utils, "UvaBuffer", HostBuffer)
    tensor = UvaBackedTensor(size, dtype=torch.int32)
    tensor.np[:] = 7
    tensor.copy_to_uva()
    owner = SimpleNamespace(tensor=tensor, other="text")
    fix(owner, SimpleNamespace())
    place = tensor.gpu.data_ptr()
    assert tensor.gpu.tolist() == tensor.np.tolist()
    for value in (1, 2, 3):
        tensor.np[0] = value
        before = tensor.gpu.clone()
        tensor.copy_to_uva()
        assert tensor.gpu.data_ptr() == place
        assert tensor.gpu.tolist() == tensor.np.tolist() != before.tolist()
    pool = tensor.pool
    fix(owner)
    assert tensor.pool is pool
