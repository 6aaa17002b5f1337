"""The DeepEncoder up to SAM in plain PyTorch, what CLIP (`clip`) shares with it, and the projector.

Parameter names are the official ones. Activations stay in the weights' autocast type, also in norms,
because the released model runs in bfloat16.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from research.nano.model.shape import SamShape

Run = Callable[[nn.Module, Tensor], Tensor]
"""How a layer is called: `apply`, or that compiled."""


def apply(layer: nn.Module, x: Tensor) -> Tensor:
    """Return layer(x)."""
    found: Tensor = layer(x)
    return found


class Norm(nn.LayerNorm):
    """LayerNorm that keeps its input's type under autocast."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        with torch.autocast(x.device.type, enabled=False):
            w, b = self.weight.to(x.dtype), self.bias.to(x.dtype)
            return F.layer_norm(x, self.normalized_shape, w, b, self.eps)


class Norm2d(nn.Module):
    """LayerNorm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the channels."""
        with torch.autocast(x.device.type, enabled=False):
            w, b = self.weight.to(x.dtype), self.bias.to(x.dtype)
            y = F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],), w, b, 1e-6)
            return y.permute(0, 3, 1, 2)


def resized(grid: Tensor, side: int) -> Tensor:
    """Resample (1, C, n, n) learned positions to side, as the official code does."""
    size = (side, side)
    return F.interpolate(grid.float(), size=size, mode="bicubic", antialias=True, align_corners=False)


@cache
def _relative(side: int, device: torch.device) -> Tensor:
    at = torch.arange(side)
    return (at[:, None] - at[None, :] + side - 1).to(device)


def relative_table(side: int, table: Tensor) -> Tensor:
    """Return (side, side, C) relative positions from (2n - 1, C) learned ones."""
    length = 2 * side - 1
    if table.shape[0] != length:
        rows = table.float().T.unsqueeze(0)
        table = F.interpolate(rows, size=length, mode="linear")[0].T.to(table.dtype)
    return table[_relative(side, table.device)]


@cache
def _one_hot(height: int, width: int, pad: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    rows = torch.eye(height).repeat_interleave(width, 0)
    both = torch.cat([rows, torch.eye(width).repeat(height, 1)], 1)
    return F.pad(both, (0, pad)).to(device, dtype)


class SamAttention(nn.Module):
    """Attention with decomposed relative positions over (B, H, W, C).

    The positional term of a pair is q . Rh[row] + q . Rw[column], so it becomes part of one dot
    product when q is extended by its products with Rh and Rw and k by one-hot rows and columns.
    That is exact and lets flash attention run without a (HW, HW) bias.
    """

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // heads))

    def forward(self, x: Tensor) -> Tensor:
        """Attend within each of the B maps."""
        b, h, w, c = x.shape
        n, heads, size = h * w, self.heads, c // self.heads
        q, k, v = self.qkv(x).view(b, n, 3, heads, size).permute(2, 0, 3, 1, 4).unbind(0)
        grid = q.reshape(b, heads, h, w, size)
        table_h = relative_table(h, self.rel_pos_h).to(q.dtype)
        table_w = relative_table(w, self.rel_pos_w).to(q.dtype)
        by_row = torch.einsum("bnhwc,hkc->bnhwk", grid, table_h).reshape(b, heads, n, h)
        by_column = torch.einsum("bnhwc,wkc->bnhwk", grid, table_w).reshape(b, heads, n, w)
        pad = -(size + h + w) % 8
        # Zeros among the parts save the copy that padding afterwards would take.
        query = torch.cat([q * size**-0.5, by_row, by_column, q.new_zeros(b, heads, n, pad)], -1)
        hot = _one_hot(h, w, pad, x.device, q.dtype).expand(b, heads, n, -1)
        key = torch.cat([k, hot], -1)
        value = F.pad(v, (0, key.shape[-1] - size))
        mixed = F.scaled_dot_product_attention(query, key, value, scale=1.0)[..., :size]
        return self.proj(mixed.transpose(1, 2).reshape(b, h, w, c))


class SamMlp(nn.Module):
    """Two layers with GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, 4 * width)
        self.lin2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to the last dimension."""
        return self.lin2(F.gelu(self.lin1(x)))


class SamBlock(nn.Module):
    """A transformer block over windows (or over everything when window is 0)."""

    def __init__(self, width: int, heads: int, window: int, side: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = Norm(width, eps=1e-6)
        self.attn = SamAttention(width, heads, window or side)
        self.norm2 = Norm(width, eps=1e-6)
        self.mlp = SamMlp(width)

    def _windowed(self, x: Tensor) -> Tensor:
        b, h, w, c = x.shape
        s = self.window
        x = F.pad(x, (0, 0, 0, -w % s, 0, -h % s))
        down, across = x.shape[1] // s, x.shape[2] // s
        x = x.view(b, down, s, across, s, c).transpose(2, 3).reshape(-1, s, s, c)
        x = self.attn(x).view(b, down, across, s, s, c).transpose(2, 3)
        return x.reshape(b, down * s, across * s, c)[:, :h, :w]

    def forward(self, x: Tensor) -> Tensor:
        """Transform (B, H, W, C)."""
        y = self.norm1(x)
        x = x + (self._windowed(y) if self.window else self.attn(y))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """The patch convolution, computed as a linear layer because its stride is its kernel."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, S, S) to (B, S / patch, S / patch, width)."""
        b, c, h, w = x.shape
        p = self.patch
        x = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5)
        return F.linear(x.flatten(3), self.proj.weight.flatten(1), self.proj.bias)


class Sam(nn.Module):
    """SAM's image encoder with the two extra strided convolutions of DeepSeek-OCR."""

    def __init__(self, shape: SamShape) -> None:
        super().__init__()
        width, side, neck = shape.width, shape.image // shape.patch, shape.neck
        self.patch_embed = PatchEmbed(width, shape.patch)
        self.pos_embed = nn.Parameter(torch.randn(1, side, side, width) * 0.02)
        windows = (0 if i in shape.global_layers else shape.window for i in range(shape.layers))
        self.blocks = nn.ModuleList(SamBlock(width, shape.heads, w, side) for w in windows)
        self.neck = nn.Sequential(
            nn.Conv2d(width, neck, 1, bias=False),
            Norm2d(neck),
            nn.Conv2d(neck, neck, 3, padding=1, bias=False),
            Norm2d(neck),
        )
        self.net_2 = nn.Conv2d(neck, shape.down[0], 3, 2, 1, bias=False)
        self.net_3 = nn.Conv2d(shape.down[0], shape.down[1], 3, 2, 1, bias=False)

    def _positions(self, side: int) -> Tensor:
        if side == self.pos_embed.shape[1]:
            return self.pos_embed
        return resized(self.pos_embed.permute(0, 3, 1, 2), side).permute(0, 2, 3, 1)

    def patches(self, image: Tensor, run: Run = apply) -> Tensor:
        """Map (B, 3, S, S) to (B, S / 16, S / 16, width), before the neck."""
        x = self.patch_embed(image)
        x = x + self._positions(x.shape[1]).to(x.dtype)
        for block in self.blocks:
            x = run(block, x)
        return x

    def compressed(self, patches: Tensor) -> Tensor:
        """Map what `patches` returns to (B, C, S / 64, S / 64)."""
        x = self.neck(patches.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last))
        return self.net_3(self.net_2(x))


class Projector(nn.Module):
    """The linear map into the decoder's width."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.layers = nn.Linear(source, target)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to the last dimension."""
        return self.layers(x)
