"""The whole model: visual tokens laid out as DeepSeek-OCR does, training loss, greedy generation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ocr_engine.model.deep_encoder import ClipEncoder, Run, SamEncoder, run_layer
from ocr_engine.model.vision_tower import Projector
from research.nano.model.decoder import Cache, Guide, Layer, MixtureOfExperts, RmsNorm, rotary_table
from research.nano.model.shape import MAX_POSITIONS, Shape
from research.nano.pages.charset import CLASSES
from research.nano.training.batches import Batch, augment
from research.nano.training.samples import SLOTS

GUIDED = {1: "current", 2: "current", 3: "next", 4: "next"}
"""Decoder layers whose head 0 is asked to look at the current or the next token's place."""
SEARCHING = (1, 2)
"""Decoder layers whose SEARCHER is asked to look where a phrase of the prompt is printed."""
SEARCHER, SEARCH_SHARE = -1, 0.5
"""The head that searches, and how much one sought token a sample counts beside reading."""
SLOT_WIDTH = 32
PATCH_SLOTS = SLOTS // 16
"""A visual token stands for four by four patches."""
PATCH_SHARE = 0.5
"""How much naming by patches counts beside naming by tokens."""


class Encoded(NamedTuple):
    """What the encoder makes of images."""

    tokens: Tensor
    """(B, h, w, C) visual tokens."""
    patches: Tensor
    """(B, 4 h, 4 w, W) what SAM knew before sixteen patches were made one token; for training."""


@dataclass(frozen=True)
class Weights:
    """How much the training-only losses count; a cold raster head trains on detached features."""

    raster: float
    guide: float
    cold: bool = False


class Inner(nn.Module):
    """Everything under `model.` in the official names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        d = shape.decoder
        self.sam_model = SamEncoder(shape.sam)
        self.vision_model = ClipEncoder(shape.clip)
        # Never run; checkpoints have it for its official name.
        patch = nn.Conv2d(3, shape.clip.width, shape.clip.patch_px, bias=False).requires_grad_(False)
        self.vision_model.embeddings.add_module("patch_embedding", patch)
        self.projector = Projector(shape.clip.width + shape.sam.downsample[1], d.hidden)
        self.image_newline = nn.Parameter(torch.randn(d.hidden) * d.hidden**-0.5)
        self.view_seperator = nn.Parameter(torch.randn(d.hidden) * d.hidden**-0.5)
        self.embed_tokens = nn.Embedding(d.vocabulary, d.hidden)
        self.layers = nn.ModuleList(Layer(d, i) for i in range(d.layers))
        self.norm = RmsNorm(d.hidden, d.epsilon)


class NanoOcr(nn.Module):
    """DeepSeek-OCR at any size, with the training-only heads of the raster loss."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        d = self.shape.decoder
        self.model = Inner(self.shape)
        self.lm_head = nn.Linear(d.hidden, d.vocabulary, bias=False)
        self.aux_slots = nn.Linear(d.hidden, SLOTS * SLOT_WIDTH)
        self.aux_patches = nn.Linear(self.shape.sam.width, PATCH_SLOTS * SLOT_WIDTH)
        self.aux_classes = nn.Linear(SLOT_WIDTH, CLASSES)
        cos, sin = rotary_table(d, MAX_POSITIONS)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.compiled: dict[tuple[int, ...], Callable[[Tensor], Encoded]] = {}
        self.apply(_initialise)
        nn.init.normal_(self.lm_head.weight, std=0.02)
        for name, weight in self.named_parameters():
            if name.endswith(_PLACES):
                nn.init.normal_(weight, std=0.02)
            if name.endswith(_OUTPUTS):
                weight.data.mul_(0.4)

    def encode(self, images: Tensor) -> Encoded:
        """Map (N, 3, S, S) in -1..1 to (N, S / 64, S / 64, C) visual tokens, and the patches before them."""
        encode = self.compiled.get(tuple(images.shape)) if self.training else None
        return self.encode_plainly(images) if encode is None else encode(images)

    def encode_plainly(self, images: Tensor, run: Run = run_layer) -> Encoded:
        """Encode as `encode` does, without anything compiled but `run`, which calls the layers."""
        m = self.model
        patches = m.sam_model.patches(images.permute(0, 2, 3, 1).contiguous(), run)
        features = m.sam_model.compress(patches)
        both = torch.cat([m.vision_model(features, run), features.permute(0, 2, 3, 1)], -1)
        return Encoded(m.projector(both), patches)

    def _rows(self, grid: Tensor) -> Tensor:
        """Append the newline to each row of (B, h, w, C) and flatten to (B, h * (w + 1), C)."""
        b, h, _, c = grid.shape
        newline = self.model.image_newline.to(grid.dtype).expand(b, h, 1, c)
        return torch.cat([grid, newline], 2).flatten(1, 2)

    def visual_tokens(
        self, overview: Tensor, tiles: Tensor | None, grid: tuple[int, int]
    ) -> tuple[Tensor, Encoded]:
        """Return (B, n, C): tiles, overview, separator; and the supervised view, tiles side by side."""
        seen = self.encode(overview)
        b = seen.tokens.shape[0]
        end = self.model.view_seperator.to(seen.tokens.dtype).expand(b, 1, -1)
        if tiles is None:
            return torch.cat([self._rows(seen.tokens), end], 1), seen
        small = Encoded(*(side_by_side(x, b, grid) for x in self.encode(tiles)))
        return torch.cat([self._rows(small.tokens), self._rows(seen.tokens), end], 1), small

    def _naming(self, head: nn.Module, features: Tensor, raster: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of naming the character in every asked slot of (B, h, w, C), and the share right.

        raster: (B, A, 2) of slot number, counted within cells of features in their order, and class.
        """
        slots = head(features.flatten(1, 2)).view(features.shape[0], -1, SLOT_WIDTH)
        index = raster[..., 0].clamp(min=0).unsqueeze(-1).expand(-1, -1, SLOT_WIDTH)
        logits = self.aux_classes(torch.gather(slots, 1, index)).float()
        wanted = torch.where(raster[..., 0] >= 0, raster[..., 1], -100)
        loss = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100)
        printed = wanted > 0
        right = ((logits.argmax(-1) == wanted) & printed).sum() / printed.sum().clamp(min=1)
        return loss, right

    def _raster_loss(self, seen: Encoded, raster: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss of naming characters by tokens and by patches, and the share each names right."""
        loss, named = self._naming(self.aux_slots, seen.tokens, raster)
        early, known = self._naming(
            self.aux_patches, seen.patches, patch_raster(raster, seen.tokens.shape[2])
        )
        return loss + PATCH_SHARE * early, named, known

    def forward(self, batch: Batch, weights: Weights) -> tuple[Tensor, Tensor]:
        """Return the training loss and (cross-entropy, raster, guide, accuracy, raster accuracies)."""
        pages = batch.overview.shape[0]
        dtype = torch.bfloat16 if batch.overview.is_cuda else torch.float32
        tiles = None if batch.tiles is None else augment(batch.tiles, pages, dtype)
        seen, grid = self.visual_tokens(augment(batch.overview, pages, dtype), tiles, batch.grid)
        count = seen.shape[1]
        seen = seen.repeat_interleave(batch.ids.shape[0] // pages, 0)
        text = self.model.embed_tokens(batch.ids.long()).to(seen.dtype)
        x = torch.cat([text[:, :1], seen, text[:, 1:]], 1)
        hidden, guided, balance = self._decode(x, self._guides(batch, count))
        targets = batch.targets.long()
        hidden = torch.cat([hidden[:, :1], hidden[:, count + 1 :]], 1)[targets >= 0]
        logits, wanted = self.lm_head(self.model.norm(hidden)).float(), targets[targets >= 0]
        loss = F.cross_entropy(logits, wanted)
        right = (logits.argmax(-1) == wanted).float().mean()
        source = Encoded(*(x.detach() for x in grid)) if weights.cold else grid
        raster, named, known = self._raster_loss(source, batch.raster.long())
        total = loss + weights.raster * raster + weights.guide * guided + 0.01 * balance
        return total, torch.stack([loss, raster, guided, right, named, known]).detach()

    def _guides(self, batch: Batch, count: int) -> dict[int, list[Guide]]:
        """Return what heads of each layer are asked to look at, after BOS and `count` visual tokens."""
        place = _positions(batch.cells)
        targets = {"current": place[:, 1:], "next": F.pad(place[:, 2:], (0, 1), value=-100)}
        found = {layer: [Guide(count + 1, targets[kind])] for layer, kind in GUIDED.items()}
        if batch.sought is not None:
            share = SEARCH_SHARE * (batch.sought >= 0).sum() / len(batch.sought)
            guide = Guide(count + 1, _positions(batch.sought)[:, 1:], SEARCHER, share)
            for layer in SEARCHING:
                found[layer].append(guide)
        return found

    def _decode(self, x: Tensor, guides: dict[int, list[Guide]]) -> tuple[Tensor, Tensor, Tensor]:
        """Run the layers over BOS, visual tokens and text; also return their guide and balance losses."""
        length = x.shape[1]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        losses, balances = [], []
        for index, layer in enumerate(self.model.layers):
            x, guided, balance = layer(x, cos, sin, None, guides.get(index, ()))
            losses += guided
            balances += [] if balance is None else [balance]
        return x, torch.stack(losses).sum() / len(GUIDED), torch.stack(balances).mean()

    @torch.no_grad()
    def generate(
        self, overview: Tensor, tiles: Tensor | None, grid: tuple[int, int], prompt: list[int],
        end: int, limit: int,
    ) -> list[list[int]]:  # fmt: skip
        """Decode greedily for a batch with one prompt (BOS first); images (N, 3, S, S) in -1..1."""
        seen, _ = self.visual_tokens(overview, tiles, grid)
        b, device, dtype = seen.shape[0], seen.device, seen.dtype
        text = self.model.embed_tokens(torch.tensor([prompt] * b, device=device)).to(dtype)
        x = torch.cat([text[:, :1], seen, text[:, 1:]], 1)
        d = self.shape.decoder
        room = (b, d.heads, x.shape[1] + limit, d.hidden // d.heads)
        caches = [
            Cache(
                torch.zeros(room, device=device, dtype=dtype), torch.zeros(room, device=device, dtype=dtype)
            )
            for _ in self.model.layers
        ]
        found, done = [], torch.zeros(b, dtype=torch.bool, device=device)
        for step in range(limit):
            chosen = torch.where(done, end, self._next(x, caches))
            found.append(chosen)
            done |= chosen == end
            if step % 16 == 15 and bool(done.all()):
                break
            x = self.model.embed_tokens(chosen)[:, None].to(dtype)
        return torch.stack(found, 1).tolist()

    def _next(self, x: Tensor, caches: list[Cache]) -> Tensor:
        start, length = caches[0].used, x.shape[1]
        cos = self.cos[start : start + length].to(x.dtype)
        sin = self.sin[start : start + length].to(x.dtype)
        for layer, cache in zip(self.model.layers, caches, strict=True):
            x, _, _ = layer(x, cos, sin, cache)
        return self.lm_head(self.model.norm(x[:, -1])).argmax(-1)


def _positions(cells: Tensor) -> Tensor:
    """Turn numbers of visual tokens, -1 for none, into positions behind BOS, -100 for none."""
    return torch.where(cells >= 0, cells.long() + 1, -100)


def side_by_side(tiles: Tensor, pages: int, grid: tuple[int, int]) -> Tensor:
    """Put (pages * rows * columns, n, n, C) of tiles together as (pages, rows * n, columns * n, C)."""
    (columns, rows), n = grid, tiles.shape[1]
    placed = tiles.view(pages, rows, columns, n, n, -1).transpose(2, 3)
    return placed.reshape(pages, rows * n, columns * n, -1)


def patch_raster(raster: Tensor, columns: int) -> Tensor:
    """Renumber (..., 2) raster targets from slots of tokens, `columns` a row, to those of patches."""
    cell, slot = raster[..., 0] // SLOTS, raster[..., 0] % SLOTS
    down, across = slot // 16, slot % 16
    row, column = cell // columns * 4 + down // 2, cell % columns * 4 + across // 4
    number = (row * columns * 4 + column) * PATCH_SLOTS + down % 2 * 4 + across % 4
    return torch.stack([torch.where(raster[..., 0] < 0, -1, number), raster[..., 1]], -1)


_PLACES = ("pos_embed", "class_embedding")
_OUTPUTS = (
    "o_proj.weight", "down_proj.weight", "experts.down", "attn.proj.weight", "lin2.weight",
    "fc2.weight", "out_proj.weight",
)  # fmt: skip


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.weight.shape[1] ** -0.5 * 0.8)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.05 if module.weight.shape[0] > 257 else 0.02)


def expert_layers(model: NanoOcr) -> list[int]:
    """Return the indices of the layers that route to experts."""
    return [i for i, x in enumerate(model.model.layers) if isinstance(x.mlp, MixtureOfExperts)]
