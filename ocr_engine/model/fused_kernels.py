"""The Triton kernels behind `fused.py`: each reads its input once and writes its output once."""

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 4096


@triton.jit
def _add_norm(
    x,
    y,
    weight,
    bias,
    total,
    out,
    eps,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    HAS_Y: tl.constexpr,
    HAS_BIAS: tl.constexpr,
):
    place = tl.program_id(0).to(tl.int64) * WIDTH
    lane = tl.arange(0, BLOCK)
    inside = lane < WIDTH
    value = tl.load(x + place + lane, mask=inside, other=0.0)
    if HAS_Y:
        # Added in float32 and rounded, as PyTorch adds.
        other = tl.load(y + place + lane, mask=inside, other=0.0)
        value = (value.to(tl.float32) + other.to(tl.float32)).to(value.dtype)
        tl.store(total + place + lane, value, mask=inside)
    wide = value.to(tl.float32)
    scale = tl.load(weight + lane, mask=inside, other=0.0)
    if HAS_BIAS:
        wide = tl.where(inside, wide - tl.sum(wide, 0) / WIDTH, 0.0)
        wide = wide * tl.rsqrt(tl.sum(wide * wide, 0) / WIDTH + eps)
        shift = tl.load(bias + lane, mask=inside, other=0.0)
        result = wide * scale.to(tl.float32) + shift.to(tl.float32)
    else:
        wide = wide * tl.rsqrt(tl.sum(wide * wide, 0) / WIDTH + eps)
        result = wide.to(value.dtype).to(tl.float32) * scale.to(tl.float32)
    tl.store(out + place + lane, result.to(value.dtype), mask=inside)


def add_norm(
    x: Tensor, y: Tensor | None, weight: Tensor, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor]:
    """x + y, and its layer norm, or without a bias its RMS norm; x and y (..., C), contiguous."""
    x = x.contiguous()
    width = x.shape[-1]
    total = x if y is None else torch.empty_like(x)
    out = torch.empty_like(x)
    _add_norm[(x.numel() // width,)](
        x,
        x if y is None else y.contiguous(),
        weight,
        weight if bias is None else bias,
        total,
        out,
        eps,
        WIDTH=width,
        BLOCK=triton.next_power_of_2(width),
        HAS_Y=y is not None,
        HAS_BIAS=bias is not None,
        num_warps=4,
    )
    return total, out


@triton.jit
def _gate(x, y, out, count, factor, BLOCK: tl.constexpr, HAS_Y: tl.constexpr):
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + lane, mask=lane < count, other=0.0)
    wide = value.to(tl.float32)
    wide = wide * tl.sigmoid(wide * factor)
    if HAS_Y:
        wide = wide * tl.load(y + lane, mask=lane < count, other=0.0).to(tl.float32)
    tl.store(out + lane, wide.to(value.dtype), mask=lane < count)


def gate(x: Tensor, y: Tensor | None, factor: float) -> Tensor:
    """x * sigmoid(factor x), times y where there is one."""
    x = x.contiguous()
    out = torch.empty_like(x)
    other = x if y is None else y.contiguous()
    launch = (triton.cdiv(x.numel(), _BLOCK),)
    _gate[launch](x, other, out, x.numel(), factor, BLOCK=_BLOCK, HAS_Y=y is not None, num_warps=8)
    return out


@triton.jit
def _gelu(x, count, BLOCK: tl.constexpr):
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + lane, mask=lane < count, other=0.0)
    wide = value.to(tl.float32)
    # erf within 1.5e-7 (Abramowitz and Stegun, 7.1.26): a third of the instructions of the library's.
    far = tl.abs(wide) * 0.7071067811865476
    t = 1.0 / (1.0 + 0.3275911 * far)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail = 0.5 * series * tl.exp(-far * far)
    tl.store(x + lane, (wide * tl.where(wide < 0, tail, 1.0 - tail)).to(value.dtype), mask=lane < count)


def gelu_(x: Tensor) -> Tensor:
    """x, contiguous, overwritten with its GELU."""
    _gelu[(triton.cdiv(x.numel(), _BLOCK),)](x, x.numel(), BLOCK=_BLOCK, num_warps=8)
    return x


@triton.jit
def _rotate(
    x, cosines, sines, out, tokens, count, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, BLOCK: tl.constexpr
):
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < count
    channel = lane % CHANNELS
    first = channel < CHANNELS // 2
    angle = lane // WIDTH % tokens * CHANNELS + channel
    value = tl.load(x + lane, mask=inside, other=0.0)
    other = tl.load(x + tl.where(first, lane + CHANNELS // 2, lane - CHANNELS // 2), mask=inside, other=0.0)
    other = tl.where(first, -other.to(tl.float32), other.to(tl.float32))
    cosine = tl.load(cosines + angle, mask=inside, other=0.0).to(tl.float32)
    sine = tl.load(sines + angle, mask=inside, other=0.0).to(tl.float32)
    # Each product is rounded before the sum, as PyTorch rounds.
    turned = (value.to(tl.float32) * cosine).to(value.dtype).to(tl.float32)
    turned += (other * sine).to(value.dtype).to(tl.float32)
    tl.store(out + lane, turned.to(value.dtype), mask=inside)


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions: x (n, tokens, heads, c), contiguous; cosines and sines (tokens, c) of x's dtype."""
    out = torch.empty_like(x)
    _rotate[(triton.cdiv(x.numel(), _BLOCK),)](
        *(x, cosines, sines, out, x.shape[1], x.numel()),
        WIDTH=x.shape[2] * x.shape[3],
        CHANNELS=x.shape[3],
        BLOCK=_BLOCK,
        num_warps=8,
    )
    return out


@triton.jit
def _look_up(values, table, out, count, BLOCK: tl.constexpr):
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    index = tl.load(values + lane, mask=lane < count, other=0).to(tl.int32)
    tl.store(out + lane, tl.load(table + index), mask=lane < count)


def look_up(values: Tensor, table: Tensor) -> Tensor:
    """table[values], for uint8 values of any shape and a table of 256."""
    values = values.contiguous()
    out = torch.empty(values.shape, dtype=table.dtype, device=values.device)
    _look_up[(triton.cdiv(values.numel(), _BLOCK),)](
        values, table, out, values.numel(), BLOCK=_BLOCK, num_warps=8
    )
    return out
