"""DeepEncoder: square uint8 views in, one feature vector a visual token out (paper section 3.2).

A SAM-style ViT with windowed and global attention, a 16x convolutional compressor, and a CLIP-style
transformer on top. Parameter names are the official ones. Knows nothing of vLLM, pages or tiles.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ocr_engine.model.encoder_config import MLP_RATIO, ClipConfig, SamConfig
from ocr_engine.model.fused import add_layer_norm, has_kernels, normalize, quick_gelu
from ocr_engine.model.onednn import Linear, linear
from ocr_engine.model.positions import (
    biased_attention,
    relative_positions,
    resize_positions,
    resize_relative,
)

Run = Callable[[nn.Module, Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""How a layer is called: `run_layer`, or that compiled."""
UNUSED_WEIGHTS = ("embeddings.patch_embedding.weight", "embeddings.position_ids")
"""Names in official checkpoints, below `vision_model.`, that no forward pass reads."""

_SAM_EPS, _CLIP_EPS = 1e-6, 1e-5


def run_layer(layer: nn.Module, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
    """layer(x, added): the residual stream, and what is still to be added to it."""
    return layer(x, added)


class DeepEncoder:
    """Both stages run together. Not a module itself, so that their parameters keep the official names."""

    def __init__(self, sam_model: "SamEncoder", vision_model: nn.Module) -> None:
        self.sam_model = sam_model
        self.vision_model = vision_model

    def __call__(self, views: Tensor) -> Tensor:
        """Features of square views.

        Args:
            views: uint8 (n, S, S, 3), S a multiple of 64.

        Returns:
            (n, S / 64, S / 64, C): CLIP features, then SAM features, in the parameters' dtype.
        """
        sam = self.sam_model(normalize(views, self.sam_model.pos_embed.dtype))
        clip = self.vision_model(sam)
        return torch.cat([clip, sam.permute(0, 2, 3, 1)], dim=-1)


class SamEncoder(nn.Module):
    """First stage: patches of 16 px, windowed attention with a few global layers, then 4x fewer a side."""

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        side = config.image_px // config.patch_px
        self.patch_embed = _PatchEmbed(config)
        self.pos_embed = nn.Parameter(torch.zeros(1, side, side, config.width))
        self.blocks = nn.ModuleList(
            _SamBlock(config, window=0 if layer in config.global_layers else config.window)
            for layer in range(config.layers)
        )
        neck, (first, second) = config.neck, config.downsample
        self.neck = nn.Sequential(
            nn.Conv2d(config.width, neck, 1, bias=False),
            _LayerNorm2d(neck),
            nn.Conv2d(neck, neck, 3, padding=1, bias=False),
            _LayerNorm2d(neck),
        )
        self.net_2 = nn.Conv2d(neck, first, 3, stride=2, padding=1, bias=False)
        self.net_3 = nn.Conv2d(first, second, 3, stride=2, padding=1, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (n, S, S, 3) -> (n, C, S / 64, S / 64)."""
        return self.compress(self.patches(pixels))

    def patches(self, pixels: Tensor, run: Run = run_layer) -> Tensor:
        """Normalised pixels (n, S, S, 3) -> (n, S / 16, S / 16, C), before they are made fewer."""
        x = self.patch_embed(pixels)
        x = x + resize_positions(self.pos_embed, x.shape[1]).to(x.dtype)
        return _through(self.blocks, x, run)

    def compress(self, patches: Tensor) -> Tensor:
        """(n, S / 16, S / 16, C) -> (n, C, S / 64, S / 64)."""
        return self.net_3(self.net_2(self.neck(patches.permute(0, 3, 1, 2))))


class ClipEncoder(nn.Module):
    """Second stage: plain transformer over the compressed features and a class token, dropped at the end."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.embeddings = _ClipEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.width, eps=_CLIP_EPS)  # sic: name in the checkpoint
        self.transformer = _ClipLayers(config)

    def forward(self, features: Tensor, run: Run = run_layer) -> Tensor:
        """(n, C, q, q) -> (n, q, q, C)."""
        count, width, side, _ = features.shape
        x = self.pre_layrnorm(self.embeddings(features)).to(features.dtype)
        x = _through(self.transformer.layers, x, run)
        return x[:, 1:].view(count, side, side, width)


class _PatchEmbed(nn.Module):
    """A convolution whose stride is its kernel, run as one matrix product on channels-last pixels."""

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, config.patch_px, config.patch_px)

    def forward(self, pixels: Tensor) -> Tensor:
        count, height, width, channels = pixels.shape
        side = self.proj.kernel_size[0]
        x = pixels.view(count, height // side, side, width // side, side, channels)
        x = x.permute(0, 1, 3, 5, 2, 4).flatten(3)
        return linear(x, self.proj.weight.flatten(1), self.proj.bias)


class _LayerNorm2d(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, _SAM_EPS)
        return x.permute(0, 3, 1, 2)


class _SamBlock(nn.Module):
    def __init__(self, config: SamConfig, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(config.width, eps=_SAM_EPS)
        self.attn = _SamAttention(config, window or config.image_px // config.patch_px)
        self.norm2 = nn.LayerNorm(config.width, eps=_SAM_EPS)
        self.mlp = _Mlp("lin1", "lin2", config.width, MLP_RATIO * config.width)

    def forward(self, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
        """The residual stream and what is still to be added to it, so that the next norm adds it."""
        x, normed = _add_norm(x, added, self.norm1)
        x, normed = _add_norm(x, self._attend(normed), self.norm2)
        return x, self.mlp(normed)

    def _attend(self, x: Tensor) -> Tensor:
        if has_kernels(x):
            return self.attn.fused(x, self.window or x.shape[1])
        return self._windowed(x) if self.window else self.attn(x)

    def _windowed(self, x: Tensor) -> Tensor:
        # Zero padding to whole windows takes part in attention, as in the official code.
        count, height, width, channels = x.shape
        side = self.window
        x = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        rows, columns = x.shape[1] // side, x.shape[2] // side
        x = x.view(count, rows, side, columns, side, channels).transpose(2, 3)
        x = self.attn(x.reshape(-1, side, side, channels))
        x = x.view(count, rows, columns, side, side, channels).transpose(2, 3)
        return x.reshape(count, rows * side, columns * side, channels)[:, :height, :width]


class _SamAttention(nn.Module):
    def __init__(self, config: SamConfig, side: int) -> None:
        super().__init__()
        self.heads = config.heads
        channels = config.width // config.heads
        self.qkv = Linear(config.width, 3 * config.width)
        self.proj = Linear(config.width, config.width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, channels))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        count, height, width, channels = x.shape
        tokens = height * width
        qkv = self.qkv(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        grid = query.unflatten(2, (height, width))
        bias_h = torch.einsum("bnhwc,hkc->bnhwk", grid, relative_positions(self.rel_pos_h, height))
        bias_w = torch.einsum("bnhwc,wkc->bnhwk", grid, relative_positions(self.rel_pos_w, width))
        x = biased_attention(query, key, value, bias_h.flatten(2, 3), bias_w.flatten(2, 3))
        return self.proj(x.transpose(1, 2).reshape(count, height, width, channels))

    def fused(self, x: Tensor, side: int) -> Tensor:
        """The same in windows of `side` cells without cutting them, on a GPU."""
        from ocr_engine.model.relative_attention import attend_grid

        rows, columns = resize_relative(self.rel_pos_h, side), resize_relative(self.rel_pos_w, side)
        return self.proj(attend_grid(self.qkv(x), self.qkv.bias, rows, columns, self.heads, side))


def _through(layers: nn.ModuleList, x: Tensor, run: Run) -> Tensor:
    added = None
    for layer in layers:
        x, added = run(layer, x, added)
    return x if added is None else x + added


def _add_norm(x: Tensor, added: Tensor | None, norm: nn.LayerNorm) -> tuple[Tensor, Tensor]:
    return add_layer_norm(x, added, norm.weight, norm.bias, norm.eps)


class _Mlp(nn.Module):
    """Two layers with GELU between; the checkpoint names them differently in the two stages."""

    def __init__(self, first: str, second: str, width: int, hidden: int, *, quick: bool = False) -> None:
        super().__init__()
        self.names, self.quick = (first, second), quick
        self.add_module(first, Linear(width, hidden))
        self.add_module(second, Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        first, second = (self.get_submodule(name) for name in self.names)
        return second(quick_gelu(first(x)) if self.quick else first(x, gelu=True))


class _ClipEmbeddings(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        positions = (config.image_px // config.patch_px) ** 2 + 1
        self.class_embedding = nn.Parameter(torch.zeros(config.width))
        self.position_embedding = nn.Embedding(positions, config.width)

    def forward(self, features: Tensor) -> Tensor:
        count, width, side, _ = features.shape
        table = self.position_embedding.weight
        trained = round((table.shape[0] - 1) ** 0.5)
        grid = resize_positions(table[1:].view(1, trained, trained, width), side)
        positions = torch.cat([table[:1], grid.reshape(-1, width)])
        start = self.class_embedding.expand(count, 1, width)
        return torch.cat([start, features.flatten(2).transpose(1, 2)], 1) + positions


class _ClipLayers(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_ClipLayer(config) for _ in range(config.layers))


class _ClipLayer(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.self_attn = _ClipAttention(config)
        self.mlp = _Mlp("fc1", "fc2", config.width, config.ffn, quick=True)
        self.layer_norm1 = nn.LayerNorm(config.width, eps=_CLIP_EPS)
        self.layer_norm2 = nn.LayerNorm(config.width, eps=_CLIP_EPS)

    def forward(self, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
        x, normed = _add_norm(x, added, self.layer_norm1)
        x, normed = _add_norm(x, self.self_attn(normed), self.layer_norm2)
        return x, self.mlp(normed)


class _ClipAttention(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv_proj = Linear(config.width, 3 * config.width)
        self.out_proj = Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        count, tokens, width = x.shape
        qkv = self.qkv_proj(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(*qkv.unbind(0))
        return self.out_proj(x.transpose(1, 2).reshape(count, tokens, width))
