"""Attention with decomposed relative positions, and positions at sizes other than the trained one.

Interpolations follow the official `deepencoder/sam_vary_sdpa.py` and `clip_sdpa.py` exactly.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def resize_positions(positions: Tensor, side: int) -> Tensor:
    """Absolute positions (1, s, s, C) at `side`: bicubic, antialiased, in float32 (`get_abs_pos`)."""
    if positions.shape[1] == side:
        return positions
    grid = positions.permute(0, 3, 1, 2).to(torch.float32)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
    return grid.to(positions.dtype).permute(0, 2, 3, 1)


def relative_positions(table: Tensor, side: int) -> Tensor:
    """Rows of a (2s - 1, C) table for every query and key along one axis: (side, side, C).

    Another side interpolates the table linearly in float32 (`get_rel_pos`).
    """
    length = 2 * side - 1
    if table.shape[0] != length:
        rows = table.to(torch.float32).t()[None]
        table = F.interpolate(rows, size=length, mode="linear")[0].to(table.dtype).t()
    place = torch.arange(side, device=table.device)
    return table[place[:, None] - place[None, :] + side - 1]


def biased_attention(query: Tensor, key: Tensor, value: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """Attention with a bias that is the sum of one row and one column term.

    Args:
        query, key, value: (n, heads, H * W, c).
        bias_h: (n, heads, H * W, H), bias of every query with each row of keys.
        bias_w: (n, heads, H * W, W), the same with each column.
    """
    height, width = bias_h.shape[-1], bias_w.shape[-1]
    if query.is_cuda:
        return _folded_attention(query, key, value, bias_h, bias_w)
    bias = (bias_h.unsqueeze(-1) + bias_w.unsqueeze(-2)).flatten(-2)
    assert bias.shape[-1] == height * width
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def _folded_attention(query: Tensor, key: Tensor, value: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """The same, with the bias as extra channels: q.k + b_h[row] + b_w[col] = [q, b_h, b_w].[k, 1_row, 1_col].

    Exact, and free of the (H W) x (H W) bias that would keep flash kernels away.
    """
    channels, height, width = query.shape[-1], bias_h.shape[-1], bias_w.shape[-1]
    pad = -(channels + height + width) % 8
    rows = torch.eye(height, dtype=key.dtype, device=key.device).repeat_interleave(width, 0)
    columns = torch.eye(width, dtype=key.dtype, device=key.device).repeat(height, 1)
    places = torch.cat([rows, columns], -1).expand(*key.shape[:2], -1, -1)
    query = F.pad(torch.cat([query * channels**-0.5, bias_h, bias_w], -1), (0, pad))
    key = F.pad(torch.cat([key, places], -1), (0, pad))
    value = F.pad(value, (0, query.shape[-1] - channels))
    return F.scaled_dot_product_attention(query, key, value, scale=1.0)[..., :channels]
