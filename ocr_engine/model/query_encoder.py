"""The encoder of DeepSeek-OCR-2: square uint8 views in, one feature a learned query out.

The SAM stage of DeepSeek-OCR, then a Qwen2 decoder run as an encoder: cells of the view see one another, the
queries after them see every cell and the queries before themselves. Parameter names and numbers are those of
the official `deepencoderv2/qwen2_d2e.py`. Knows nothing of vLLM, pages or tiles.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right

from ocr_engine.model.deep_encoder import DeepEncoder
from ocr_engine.model.encoder_config import QUERIES, QueryConfig
from ocr_engine.model.fused import add_rms_norm, normalize, rotate, silu_mul
from ocr_engine.model.onednn import Linear

Rotation = tuple[Tensor, Tensor]


class QueryEncoder(nn.Module):
    """Second stage: as many learned queries as the view has cells, answered after them."""

    def __init__(self, config: QueryConfig) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"model": _QueryLayers(config)})
        for name, count in QUERIES.items():
            self.add_module(name, nn.Embedding(count, config.width))

    def forward(self, features: Tensor) -> Tensor:
        """(n, C, q, q) -> (n, q * q, C).

        Raises:
            ValueError: the checkpoint has no queries for a view of q * q cells.
        """
        cells = features.flatten(2).transpose(1, 2)
        queries = self._table(cells.shape[1]).expand(cells.shape[0], -1, -1)
        return self.model["model"](torch.cat([cells, queries], 1), cells.shape[1])[:, cells.shape[1] :]

    def _table(self, cells: int) -> Tensor:
        for name, count in QUERIES.items():
            if count == cells:
                return self.get_parameter(f"{name}.weight")
        known = " or ".join(map(str, QUERIES.values()))
        raise ValueError(f"view of {cells} cells: DeepSeek-OCR-2 has queries for {known} alone")


class QueryDeepEncoder(DeepEncoder):
    """Both stages run together."""

    def __call__(self, views: Tensor) -> Tensor:
        """uint8 (n, S, S, 3) -> (n, queries, C)."""
        return self.vision_model(self.sam_model(normalize(views, self.sam_model.pos_embed.dtype)))


class _QueryLayers(nn.Module):
    def __init__(self, config: QueryConfig) -> None:
        super().__init__()
        self.channels, self.base = config.width // config.heads, config.rope_base
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = _RmsNorm(config)

    def forward(self, x: Tensor, cells: int) -> Tensor:
        rotation = _rotation(x, self.channels, self.base)
        added = None
        for layer in self.layers:
            x, added = layer(x, added, rotation, cells)
        return self.norm(x, added)[1]


class _Layer(nn.Module):
    def __init__(self, config: QueryConfig) -> None:
        super().__init__()
        self.self_attn = _Attention(config)
        self.mlp = _GatedMlp(config)
        self.input_layernorm = _RmsNorm(config)
        self.post_attention_layernorm = _RmsNorm(config)

    def forward(
        self, x: Tensor, added: Tensor | None, rotation: Rotation, cells: int
    ) -> tuple[Tensor, Tensor]:
        """The residual stream and what is still to be added to it, so that the next norm adds it."""
        x, normed = self.input_layernorm(x, added)
        x, normed = self.post_attention_layernorm(x, self.self_attn(normed, rotation, cells))
        return x, self.mlp(normed)


class _Attention(nn.Module):
    def __init__(self, config: QueryConfig) -> None:
        super().__init__()
        self.channels = config.width // config.heads
        self.q_proj = Linear(config.width, config.heads * self.channels)
        self.k_proj = Linear(config.width, config.kv_heads * self.channels)
        self.v_proj = Linear(config.width, config.kv_heads * self.channels)
        self.o_proj = Linear(config.heads * self.channels, config.width, bias=False)

    def forward(self, x: Tensor, rotation: Rotation, cells: int) -> Tensor:
        query, key, value = (
            project(x).unflatten(-1, (-1, self.channels))
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.o_proj(_attend(rotate(query, *rotation), rotate(key, *rotation), value, cells).flatten(2))


class _GatedMlp(nn.Module):
    def __init__(self, config: QueryConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(config.width, config.ffn, bias=False)
        self.up_proj = Linear(config.width, config.ffn, bias=False)
        self.down_proj = Linear(config.ffn, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(silu_mul(self.gate_proj(x), self.up_proj(x)))


class _RmsNorm(nn.Module):
    def __init__(self, config: QueryConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.weight = nn.Parameter(torch.ones(config.width))

    def forward(self, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
        return add_rms_norm(x, added, self.weight, self.eps)


def _attend(query: Tensor, key: Tensor, value: Tensor, cells: int) -> Tensor:
    """Attention under the official mask, in two parts, none of which needs a mask tensor on a GPU.

    Cells come first: they see all cells. The queries see all cells and, causally, the queries. All tensors
    are (n, tokens, heads, c).
    """
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    seen = F.scaled_dot_product_attention(
        query[:, :, :cells], key[:, :, :cells], value[:, :, :cells], enable_gqa=True
    )
    asked = query[:, :, cells:]
    mask = causal_lower_right(asked.shape[2], key.shape[2])
    answered = F.scaled_dot_product_attention(asked, key, value, attn_mask=mask, enable_gqa=True)
    return torch.cat([seen.transpose(1, 2), answered.transpose(1, 2)], 1)


def _rotation(x: Tensor, channels: int, base: float) -> Rotation:
    """Cosines and sines (tokens, channels) of the rotary positions 0, 1, ... of x (n, tokens, C)."""
    steps = torch.arange(0, channels, 2, device=x.device, dtype=torch.float32) / channels
    places = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
    angles = torch.outer(places, base**-steps).repeat(1, 2)
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype)
