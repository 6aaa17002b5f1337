"""Views of many pages, of different sizes and numbers, encoded by size, in batches that bound memory.

Views wait in the host's memory and go to the device a batch at a time, so that the device encodes one batch
while the host copies the next: a group of 16 Gundam pages in colour is 168 MB, which a slow host copies in
80 ms, four times as long as the decode step takes that the device has to do meanwhile.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ocr_engine.model.encoder_graphs import Encode, EncoderGraphs

_BATCH_PX = {"cpu": 5 << 19, "cuda": 16 << 20}
"""Pixels encoded at once by default, to bound memory: 16 base views on a GPU, 2 on a CPU."""
_CHANNELS = 3


def encode_by_size(
    views: Sequence[Tensor],
    encode: Encode,
    device: torch.device,
    batch_px: int = 0,
    graphs: EncoderGraphs | None = None,
) -> list[Tensor | None]:
    """Encode groups of views, those of one size together.

    Args:
        views: uint8 (k, S, S, C) each, k >= 0; C is 3, or 1 where all channels are equal. Sizes and channels
            may differ between groups.
        encode: (n, S, S, 3) on the device -> (n, ...).
        device: where to encode.
        batch_px: pixels encoded at once; 0 for the device's default.
        graphs: replay batches of sizes that come often; None: launch all kernels of every batch.

    Returns:
        (k, ...) for each group, in the same order; None for an empty group.
    """
    run = encode if graphs is None else partial(graphs.run, encode)
    batch_px = batch_px or _BATCH_PX.get(device.type, 1 << 21)
    sizes: dict[int, list[int]] = {}
    for index, view in enumerate(views):
        if len(view):
            sizes.setdefault(view.shape[1], []).append(index)
    features: list[Tensor | None] = [None] * len(views)
    for side, indexes in sizes.items():
        flat = [view for index in indexes for view in views[index]]
        count = max(1, batch_px // side**2)
        batches = (flat[first : first + count] for first in range(0, len(flat), count))
        encoded = torch.cat([run(_on_device(batch, device)) for batch in batches])
        parts = encoded.split([len(views[index]) for index in indexes])
        for index, part in zip(indexes, parts, strict=True):
            features[index] = part
    return features


def _on_device(views: Sequence[Tensor], device: torch.device) -> Tensor:
    """(S, S, C) each -> (n, S, S, 3). From the host's memory to a GPU this does not wait for the GPU."""
    if device.type == "cuda" and not views[0].is_cuda:
        views = _sent(views, device)
    return torch.stack([view.expand(-1, -1, _CHANNELS) for view in views])


def _sent(views: Sequence[Tensor], device: torch.device) -> Sequence[Tensor]:
    """The same views, through one block of the host's memory, pinned where the host allows it."""
    sizes = [view.numel() for view in views]
    block = _pinned(sum(sizes))
    torch.cat([view.reshape(-1) for view in views], out=block)
    # torch does not give the block away before it was copied.
    parts = block.to(device, non_blocking=True).split(sizes)
    return [part.view(view.shape) for part, view in zip(parts, views, strict=True)]


def _pinned(size: int) -> Tensor:
    try:
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)
    except RuntimeError:  # as in Windows' Linux, which pins little or nothing
        return torch.empty(size, dtype=torch.uint8)
