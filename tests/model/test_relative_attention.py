"""The fused kernel against windows cut, padded and attended in plain PyTorch."""

import torch

from ocr_engine.model.positions import biased_attention, relative_positions
from tests.kernels import run_interpreted

SHAPES = [(8, 8, 2, 2), (10, 4, 2, 1), (9, 14, 1, 1), (20, 14, 2, 1), (20, 20, 1, 2), (33, 33, 1, 1)]
"""Grid, window, heads, views: whole and partial windows, powers of two and not."""


def plain(qkv, bias, rows, columns, heads, side):
    """Pads with the layer's bias: what its output is where its input was padded with zeros."""
    count, grid, _, width = qkv.shape
    windows = -(-grid // side)
    padded = bias.expand(count, windows * side, windows * side, width).clone()
    padded[:, :grid, :grid] = qkv
    x = padded.view(count, windows, side, windows, side, width).transpose(2, 3)
    query, key, value = x.reshape(-1, side * side, 3, heads, width // heads // 3).permute(2, 0, 3, 1, 4)
    cells = query.unflatten(2, (side, side))
    bias_h = torch.einsum("bnhwc,hkc->bnhwk", cells, relative_positions(rows, side)).flatten(2, 3)
    bias_w = torch.einsum("bnhwc,wkc->bnhwk", cells, relative_positions(columns, side)).flatten(2, 3)
    x = biased_attention(query, key, value, bias_h, bias_w).transpose(1, 2)
    x = x.reshape(count, windows, windows, side, side, -1).transpose(2, 3)
    return x.reshape(count, windows * side, windows * side, -1)[:, :grid, :grid]


def test_kernel_equals_windows_cut_by_hand():
    run_interpreted(__name__)


def checks():
    for grid, side, heads, count in SHAPES:
        check_shape(grid, side, heads, count)


def check_shape(grid, side, heads, count):
    from ocr_engine.model.relative_attention import attend_grid

    torch.manual_seed(0)
    channels = 16
    qkv = torch.randn(count, grid, grid, 3 * heads * channels)
    bias = torch.randn(3 * heads * channels)
    rows, columns = torch.randn(2 * side - 1, channels), torch.randn(2 * side - 1, channels)
    found = attend_grid(qkv, bias, rows, columns, heads, side)
    expected = plain(qkv, bias, rows, columns, heads, side)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
