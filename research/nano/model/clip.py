"""The DeepEncoder's second half in plain PyTorch: CLIP over SAM's output, without its patch stem.

Parameter names are the official ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from research.nano.model.shape import ClipShape
from research.nano.model.vision import Norm, Run, apply, resized


class ClipEmbeddings(nn.Module):
    """A class token and 16 x 16 positions; patch_embedding exists only for its official name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.02)
        self.patch_embedding = nn.Conv2d(3, width, 14, 14, bias=False)
        self.patch_embedding.weight.requires_grad_(False)
        self.position_embedding = nn.Embedding(257, width)

    def forward(self, features: Tensor) -> Tensor:
        """Map SAM's (B, C, n, n) to (B, n * n + 1, C)."""
        b, side = features.shape[0], features.shape[-1]
        first = self.class_embedding.to(features.dtype).expand(b, 1, -1)
        x = torch.cat([first, features.flatten(2).transpose(1, 2)], 1)
        table = self.position_embedding.weight
        if side != 16:
            grid = resized(table[1:].T.reshape(1, -1, 16, 16), side)
            table = torch.cat([table[:1].float(), grid[0].flatten(1).T], 0)
        return x + table.to(x.dtype)


class ClipAttention(nn.Module):
    """Plain multi-head attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend over (B, T, C)."""
        b, t, c = x.shape
        q, k, v = self.qkv_proj(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(mixed.transpose(1, 2).reshape(b, t, c))


class ClipMlp(nn.Module):
    """Two layers with CLIP's fast GELU."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to the last dimension."""
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class ClipLayer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, shape: ClipShape) -> None:
        super().__init__()
        self.self_attn = ClipAttention(shape.width, shape.heads)
        self.mlp = ClipMlp(shape.width, shape.inner)
        self.layer_norm1 = Norm(shape.width, eps=1e-5)
        self.layer_norm2 = Norm(shape.width, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (B, T, C)."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class ClipLayers(nn.Module):
    """The stack, one level down as in the official names."""

    def __init__(self, shape: ClipShape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ClipLayer(shape) for _ in range(shape.layers))


class Clip(nn.Module):
    """CLIP's image encoder without its patch stem."""

    def __init__(self, shape: ClipShape) -> None:
        super().__init__()
        self.embeddings = ClipEmbeddings(shape.width)
        self.pre_layrnorm = Norm(shape.width, eps=1e-5)
        self.transformer = ClipLayers(shape)

    def forward(self, features: Tensor, run: Run = apply) -> Tensor:
        """Map SAM's (B, C, n, n) to (B, n * n + 1, C)."""
        x = self.pre_layrnorm(self.embeddings(features))
        for layer in self.transformer.layers:
            x = run(layer, x)
        return x
