"""The decoder in plain PyTorch: DeepSeek-V2 layers without latent attention, experts computed densely.

Experts are stored fused (experts.gate, .up, .down) for speed and split into the official names on
export. Guided attention, used only in training, asks heads to look where a token is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from research.nano.model.shape import DecoderShape


@dataclass
class Cache:
    """Keys and values of one layer, (B, heads, L, 64) each, filled up to `used`."""

    keys: Tensor
    values: Tensor
    used: int = 0


@dataclass(frozen=True)
class Guide:
    """What a head should attend to: targets (B, Tt) are positions, -100 none, from `start` on."""

    start: int
    targets: Tensor
    head: int = 0
    share: float | Tensor = 1.0
    """How much it counts beside others."""


class RmsNorm(nn.Module):
    """Root-mean-square norm that keeps its input's type."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        with torch.autocast(x.device.type, enabled=False):
            return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions to (B, heads, T, size) in halves."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def rotary_table(shape: DecoderShape, length: int) -> tuple[Tensor, Tensor]:
    """Return cos and sin, (length, size / 2) float32."""
    size = shape.hidden // shape.heads
    rate = shape.theta ** (-torch.arange(0, size, 2).float() / size)
    angle = torch.arange(length).float()[:, None] * rate[None]
    return angle.cos(), angle.sin()


def guide_loss(q: Tensor, k: Tensor, guide: Guide) -> Tensor:
    """Return the cross-entropy of a head's attention, q and k (B, heads, T, size), to its targets."""
    q, k = q[:, guide.head], k[:, guide.head]
    asked, length = q[:, guide.start :], k.shape[1]
    logits = torch.matmul(asked, k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    seen = torch.ones(asked.shape[1], length, dtype=torch.bool, device=q.device).tril(guide.start)
    logits = logits.masked_fill(~seen, -1e4)
    loss = F.cross_entropy(logits.flatten(0, 1), guide.targets.flatten(), ignore_index=-100)
    return guide.share * loss


class Attention(nn.Module):
    """Causal attention with rotary positions."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.heads, width = shape.heads, shape.hidden
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None, guides: Sequence[Guide]
    ) -> tuple[Tensor, list[Tensor]]:
        """Attend over (B, T, C); also return the loss of every guide."""
        q = rotate(self._heads(self.q_proj(x)), cos, sin)
        k = rotate(self._heads(self.k_proj(x)), cos, sin)
        v = self._heads(self.v_proj(x))
        losses = [guide_loss(q, k, guide) for guide in guides]
        if cache is not None:
            end = cache.used + x.shape[1]
            cache.keys[:, :, cache.used : end], cache.values[:, :, cache.used : end] = k, v
            k, v, cache.used = cache.keys[:, :, :end], cache.values[:, :, :end], end
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=x.shape[1] > 1)
        return self.o_proj(mixed.transpose(1, 2).reshape(x.shape)), losses


class Mlp(nn.Module):
    """The gated feed-forward layer."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to the last dimension."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Experts(nn.Module):
    """The weights of all experts side by side."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        width, all_inner = shape.hidden, shape.experts * shape.expert_inner
        self.gate = nn.Parameter(torch.randn(all_inner, width) * width**-0.5)
        self.up = nn.Parameter(torch.randn(all_inner, width) * width**-0.5)
        self.down = nn.Parameter(torch.randn(width, all_inner) * shape.expert_inner**-0.5)


class MixtureOfExperts(nn.Module):
    """Top-k softmax routing without renormalisation, and a shared expert.

    All experts are computed and masked: at this size that is faster than gathering tokens.
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.chosen, self.count = shape.chosen, shape.experts
        self.gate = nn.Linear(shape.hidden, shape.experts, bias=False)
        self.experts = Experts(shape)
        self.shared_experts = Mlp(shape.hidden, shape.expert_inner * shape.shared)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Transform (B, T, C); also return the balance loss, 1 when experts are used evenly."""
        with torch.autocast(x.device.type, enabled=False):
            odds = F.linear(x.float(), self.gate.weight.float()).softmax(-1)
        best, index = odds.topk(self.chosen, -1)
        weight = torch.zeros_like(odds).scatter(-1, index, best)
        used = (weight > 0).float().flatten(0, -2).mean(0)
        balance = self.count / self.chosen * (used * odds.flatten(0, -2).mean(0)).sum()
        experts = self.experts
        inner = F.silu(F.linear(x, experts.gate)) * F.linear(x, experts.up)
        inner = inner.unflatten(-1, (self.count, -1)) * weight.to(inner.dtype).unsqueeze(-1)
        return F.linear(inner.flatten(-2), experts.down) + self.shared_experts(x), balance


class Layer(nn.Module):
    """One decoder layer; layer 0 is dense."""

    def __init__(self, shape: DecoderShape, index: int) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = MixtureOfExperts(shape) if index else Mlp(shape.hidden, shape.inner)
        self.input_layernorm = RmsNorm(shape.hidden, shape.epsilon)
        self.post_attention_layernorm = RmsNorm(shape.hidden, shape.epsilon)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None, guides: Sequence[Guide] = ()
    ) -> tuple[Tensor, list[Tensor], Tensor | None]:
        """Transform (B, T, C); also return the guides' losses, and the balance loss where it applies."""
        mixed, guided = self.self_attn(self.input_layernorm(x), cos, sin, cache, guides)
        x = x + mixed
        y = self.mlp(self.post_attention_layernorm(x))
        if isinstance(y, tuple):
            return x + y[0], guided, y[1]
        return x + y, guided, None
