"""Float32 matrix products of the encoders on an x86 CPU, through oneDNN instead of MKL.

PyTorch gives float32 products to MKL, which on AMD processors runs at less than half of oneDNN's rate
(EPYC, one core: 95 and 220 GFLOP/s). The operator is the one that inductor takes; it sums as MKL does, up to
rounding. Where it does not apply, all here is plain PyTorch.
"""

import platform

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ocr_engine.model import fused

_X86 = platform.machine() in ("x86_64", "AMD64")


def applies(x: Tensor) -> bool:
    """Whether products of this tensor go to oneDNN: float32, on an x86 CPU, without gradients."""
    return (
        _X86
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.is_available()
    )


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, *, gelu: bool = False) -> Tensor:
    """`F.linear`, with exact GELU after it on demand.

    Args:
        x: (..., K), of a dtype and device that `weight` shares.
        weight: (N, K), or the transposed view of a contiguous (K, N).
    """
    if not applies(x):
        product = F.linear(x, weight, bias)
        return fused.gelu(product) if gelu else product
    # Rows that do not lie side by side would send oneDNN to its reference code, a thousand times slower.
    activation = ("gelu", "none") if gelu else ("none", "")
    product = torch.ops.mkldnn._linear_pointwise(
        x.contiguous(), weight, bias, activation[0], [], activation[1]
    )
    assert isinstance(product, Tensor)
    return product


class Linear(nn.Linear):
    """A linear layer, optionally with GELU after it, by `linear`."""

    def forward(self, x: Tensor, *, gelu: bool = False) -> Tensor:
        """(..., K) -> (..., N)."""
        return linear(x, self.weight, self.bias, gelu=gelu)


def biased_attention(
    query: Tensor, key: Tensor, value: Tensor, bias_h: Tensor, bias_w: Tensor, queries: int
) -> Tensor:
    """As `positions.biased_attention`, `queries` of one head at a time: their scores stay in cache."""
    (rows, columns), shape = (bias_h.shape[-1], bias_w.shape[-1]), query.shape
    scaled = query * query.shape[-1] ** -0.5
    heads = [t.flatten(0, 1).contiguous() for t in (scaled, key, value, bias_h, bias_w)]
    out = torch.empty_like(heads[0])
    for q, k, v, h, w, result in zip(*heads, out, strict=True):
        for part in range(0, len(q), queries):
            some = slice(part, part + queries)
            scores = linear(q[some], k, None)
            scores.view(-1, rows, columns).add_(h[some].unsqueeze(2)).add_(w[some].unsqueeze(1))
            result[some] = linear(torch.softmax(scores, -1), v.t(), None)
    return out.view(shape)
