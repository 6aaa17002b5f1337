"""Numbers of requests that vLLM shows the device, kept in one place of its memory.

vLLM's `UvaBackedTensor` writes them into two buffers of the host in turn, so what kernels read moves. A CUDA
graph reads where it read when it was captured.
"""

from typing import Any

import torch


class FixedPool:
    """In the place of such a tensor's buffers: what is sent is copied on to one tensor of the device."""

    def __init__(self, pool: Any, place: torch.Tensor) -> None:
        self._pool, self._place = pool, place

    def copy_to_uva(self, x: Any) -> torch.Tensor:
        """`x` on the device, at the place where it was before."""
        return self._place[: len(x)].copy_(self._pool.copy_to_uva(x), non_blocking=True)


def fix(*owners: Any) -> None:
    """Fix all such tensors that are attributes of these objects; those that are fixed stay as they are."""
    from ocr_engine.engine.vllm.internals import UvaBackedTensor

    for owner in owners:
        for tensor in vars(owner).values():
            if isinstance(tensor, UvaBackedTensor) and not isinstance(tensor.pool, FixedPool):
                tensor.pool = FixedPool(tensor.pool, tensor.gpu.clone())
                tensor.copy_to_uva()
