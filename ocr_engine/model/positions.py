"""Attention with decomposed relative positions, and positions at sizes other than the trained one.

Interpolations follow the official `deepencoder/sam_vary_sdpa.py` and `clip_sdpa.py` exactly.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ocr_engine.model import onednn

_CPU_QUERIES = 256
"""Queries of biased attention at once on a CPU: four rows of a page at base, a whole window."""
_MANY_KEYS, _ONEDNN_QUERIES = 512, 128
"""From so many keys on, separate products on oneDNN beat PyTorch's attention; a window is left to that."""


def resize_positions(positions: Tensor, side: int) -> Tensor:
    """Absolute positions (1, s, s, C) at `side`: bicubic, antialiased, in float32 (`get_abs_pos`)."""
    if positions.shape[1] == side:
        return positions
    grid = positions.permute(0, 3, 1, 2).to(torch.float32)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
    return grid.to(positions.dtype).permute(0, 2, 3, 1)


def resize_relative(table: Tensor, side: int) -> Tensor:
    """Relative positions (2s - 1, C) at another side, interpolated linearly in float32 (`get_rel_pos`)."""
    length = 2 * side - 1
    if table.shape[0] == length:
        return table
    rows = table.to(torch.float32).t()[None]
    return F.interpolate(rows, size=length, mode="linear")[0].to(table.dtype).t()


def relative_positions(table: Tensor, side: int) -> Tensor:
    """Rows of a (2s - 1, C) table for every query and key along one axis: (side, side, C)."""
    place = torch.arange(side, device=table.device)
    return resize_relative(table, side)[place[:, None] - place[None, :] + side - 1]


def biased_attention(query: Tensor, key: Tensor, value: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """Attention with a bias that is the sum of one row and one column term.

    Args:
        query, key, value: (n, heads, H * W, c).
        bias_h: (n, heads, H * W, H), bias of every query with each row of keys.
        bias_w: (n, heads, H * W, W), the same with each column.
    """
    if torch.is_grad_enabled():
        return _folded(query, key, value, bias_h, bias_w)
    if query.is_cuda:
        return _biased(query, key, value, bias_h, bias_w)
    if onednn.applies(query) and key.shape[2] >= _MANY_KEYS:
        return onednn.biased_attention(query, key, value, bias_h, bias_w, _ONEDNN_QUERIES)
    # A CPU makes and reads the bias faster, and in a sixteenth of the memory, while it fits the cache.
    parts = zip(*(t.split(_CPU_QUERIES, 2) for t in (query, bias_h, bias_w)), strict=True)
    return torch.cat([_biased(q, key, value, h, w) for q, h, w in parts], 2)


def _folded(query: Tensor, key: Tensor, value: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """The same with gradients, without a (H * W, H * W) bias, so that flash attention runs.

    A query gets its biases as further channels, a key ones where its row and its column are.
    """
    size, (rows, columns) = query.shape[-1], (bias_h.shape[-1], bias_w.shape[-1])
    pad = -(size + rows + columns) % 8
    zeros = query.new_zeros(*query.shape[:-1], pad)
    query = torch.cat([query * size**-0.5, bias_h, bias_w, zeros], -1)
    places = _places(rows, columns, pad, key.device, key.dtype)
    key = torch.cat([key, places.expand(*key.shape[:-1], -1)], -1)
    value = F.pad(value, (0, key.shape[-1] - size))
    return F.scaled_dot_product_attention(query, key, value, scale=1.0)[..., :size]


@cache
def _places(rows: int, columns: int, pad: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(rows * columns, rows + columns + pad): a one for the row and one for the column of each cell."""
    row = torch.eye(rows).repeat_interleave(columns, 0)
    both = torch.cat([row, torch.eye(columns).repeat(rows, 1)], 1)
    return F.pad(both, (0, pad)).to(device, dtype)


def _biased(query: Tensor, key: Tensor, value: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    bias = (bias_h.unsqueeze(-1) + bias_w.unsqueeze(-2)).flatten(-2)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
