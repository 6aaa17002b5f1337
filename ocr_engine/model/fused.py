"""Small steps of the encoders that run as one Triton kernel each on a GPU, and in plain PyTorch elsewhere.

The kernels have no backward pass: where gradients are on, the plain steps run.

A GPU spends a quarter of the encoder's time moving activations between such steps; each kernel here reads and
writes them once. Rounding is that of the plain steps: a sum is rounded to its dtype before its norm.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

QUICK = 1.702
"""CLIP's sigmoid approximation of GELU."""


def has_kernels(x: Tensor) -> bool:
    """Whether our kernels compute with this tensor: on a GPU, without gradients."""
    return x.is_cuda and not torch.is_grad_enabled()


def add_layer_norm(
    x: Tensor, y: Tensor | None, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """x + y (x where y is None) and its layer norm over the last dimension, both of x's shape and dtype."""
    if has_kernels(x):
        from ocr_engine.model.fused_kernels import add_norm

        return add_norm(x, y, weight, bias, eps)
    total = x if y is None else x + y
    # Training under autocast: a norm keeps its input's dtype, as where the released model runs.
    with torch.autocast(x.device.type, enabled=False):
        return total, F.layer_norm(total, weight.shape, weight.to(x.dtype), bias.to(x.dtype), eps)


def add_rms_norm(x: Tensor, y: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """x + y (x where y is None) and its RMS norm, rounded to x's dtype before the weight, as in Qwen2."""
    if has_kernels(x):
        from ocr_engine.model.fused_kernels import add_norm

        return add_norm(x, y, weight, None, eps)
    total = x if y is None else x + y
    wide = total.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return total, weight * wide.to(x.dtype)


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x)."""
    if has_kernels(x):
        from ocr_engine.model.fused_kernels import gate

        return gate(x, None, QUICK)
    return x * torch.sigmoid(QUICK * x)


def gelu(x: Tensor) -> Tensor:
    """Exact GELU; x itself may be overwritten."""
    if not has_kernels(x):
        return F.gelu(x)
    from ocr_engine.model.fused_kernels import gelu_

    return gelu_(x)


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions as in Qwen2: x (n, tokens, heads, c), cosines and sines (tokens, c)."""
    if has_kernels(x):
        from ocr_engine.model.fused_kernels import rotate as rotated

        return rotated(x, cosines, sines)
    first, second = x.chunk(2, -1)
    return x * cosines[:, None] + torch.cat([-second, first], -1) * sines[:, None]


def silu_mul(x: Tensor, y: Tensor) -> Tensor:
    """silu(x) * y."""
    if has_kernels(x):
        from ocr_engine.model.fused_kernels import gate

        return gate(x, y, 1.0)
    return F.silu(x) * y


def normalize(views: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 0..255 -> -1..1, rounding as the official ToTensor and Normalize do in float32, then `dtype`."""
    if views.is_cuda:
        from ocr_engine.model.fused_kernels import look_up

        return look_up(views, _scaled(torch.arange(256, device=views.device), dtype))
    return _scaled(views, dtype)


def _scaled(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values.to(torch.float32).div_(255).sub_(0.5).div_(0.5).to(dtype)
