"""Views of many pages, of different sizes and numbers, encoded with one batch a size."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def encode_by_size(views: Sequence[Tensor], encode: Callable[[Tensor], Tensor]) -> list[Tensor | None]:
    """Encode groups of views, all views of one size in one call.

    Args:
        views: uint8 (k, S, S, 3) each, k >= 0, sizes may differ between groups.
        encode: (n, S, S, 3) -> (n, ...).

    Returns:
        (k, ...) for each group, in the same order; None for an empty group.
    """
    sizes: dict[int, list[int]] = {}
    for index, view in enumerate(views):
        if len(view):
            sizes.setdefault(view.shape[1], []).append(index)
    features: list[Tensor | None] = [None] * len(views)
    for indexes in sizes.values():
        batch = encode(torch.cat([views[index] for index in indexes]))
        parts = batch.split([len(views[index]) for index in indexes])
        for index, part in zip(indexes, parts, strict=True):
            features[index] = part
    return features
