"""Batches of samples as compact tensors, and how they become images on the training device."""

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from tokenizers import Tokenizer

from ocr_engine.families.tiling import choose_grid
from research.nano.pages.pages import A4, LETTER
from research.nano.training.mixture import BOOK_SIZES, OTHER_SIZES, Mixture
from research.nano.training.samples import BATCH, Sample, draw_asked, draw_sample

STROKES = 0.2
"""How much pages differ in the weight of strokes: the spread of the logarithm of their gamma."""


@dataclass(frozen=True)
class Batch:
    """B pages of one mode and N samples, N / B of each page one after another, padded to T text tokens.

    Small integer types travel cheaply.
    """

    mode: str
    grid: tuple[int, int]
    overview: torch.Tensor
    """(B, S, S) uint8 grey"""
    tiles: torch.Tensor | None
    """(B * columns * rows, 640, 640) uint8 grey"""
    ids: torch.Tensor
    """(N, T) int16: BOS, prompt, answer"""
    targets: torch.Tensor
    """(N, T) int16: the next answer token, -100 where none is asked"""
    cells: torch.Tensor
    """(N, T) int16: the visual token that a token is read from, -1 for none"""
    sought: torch.Tensor | None
    """(N, T) int16: the visual token where a token of the prompt is printed, -1 for none; None where no
    prompt names what is on the page"""
    raster: torch.Tensor
    """(B, A, 2) int32: slot and character class, -1 for padding"""

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device, asynchronously."""
        return self._with_each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> "Batch":
        """Return the batch in memory from which a GPU copies while it computes."""
        return self._with_each(torch.Tensor.pin_memory)

    def _with_each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Batch":
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        changed = {name: change(value) for name, value in values if isinstance(value, torch.Tensor)}
        return replace(self, **changed)


def collate(pages: list[list[Sample]], mode: str) -> Batch:
    """Pad equally many samples of every page, of one mode and one tile grid; T is a multiple of 32."""
    samples, seen = [sample for page in pages for sample in page], [page[0] for page in pages]
    longest = max(sample.length_tok for sample in samples) - 1
    size = (len(samples), (longest + 31) // 32 * 32)
    ids, targets = np.zeros(size, np.int16), np.full(size, -100, np.int16)
    cells, sought = np.full(size, -1, np.int16), np.full(size, -1, np.int16)
    for i, sample in enumerate(samples):
        whole, start = sample.prompt + sample.answer, len(sample.prompt)
        ids[i, : len(whole) - 1] = whole[:-1]
        targets[i, start - 1 : len(whole) - 1] = sample.answer
        cells[i, start : start + len(sample.cells)] = sample.cells
        sought[i, :start] = sample.sought
    raster = np.full((len(seen), max(len(s.raster) for s in seen), 2), -1, np.int32)
    for i, sample in enumerate(seen):
        raster[i, : len(sample.raster)] = sample.raster
    tiles = [s.view.tiles for s in seen if s.view.tiles is not None]
    return Batch(
        mode=mode,
        grid=seen[0].view.grid,
        overview=torch.from_numpy(np.stack([s.view.overview for s in seen])),
        tiles=torch.from_numpy(np.concatenate(tiles)) if tiles else None,
        ids=torch.from_numpy(ids),
        targets=torch.from_numpy(targets),
        cells=torch.from_numpy(cells),
        sought=torch.from_numpy(sought) if (sought >= 0).any() else None,
        raster=torch.from_numpy(raster),
    )


def tiled_pages(grid: tuple[int, int], share: float = 1.0) -> int:
    """Return the pages of a batch at gundam, about as many images whatever the (columns, rows) of tiles."""
    count = max(1, round(BATCH["gundam"] * share))
    return max(1, min(count * 2, count * 7 // (grid[0] * grid[1] + 1)))


def draw_pair(
    rng: random.Random, tokenizer: Tokenizer, mode: str, progress: float, mixture: Mixture, share: float = 1.0
) -> tuple[Batch, Batch]:
    """Draw two batches, the shorter answers in one, so that little is padding.

    share scales the number of pages down for machines with little memory.
    """
    size, count = None, max(1, round(BATCH[mode] * share))
    if mode == "gundam":
        kind = rng.random()
        size = rng.choice(OTHER_SIZES if kind < 0.12 else BOOK_SIZES if kind < 0.2 else (A4, LETTER))
        count = tiled_pages(choose_grid(*size, "gundam"), share)
    given = (rng, tokenizer, mode, progress, mixture, size)
    briefly = rng.random() < mixture.asked_share
    found = [draw_asked(*given) if briefly else [draw_sample(*given)] for _ in range(2 * count)]
    found.sort(key=lambda samples: max(sample.length_tok for sample in samples))
    return collate(found[:count], mode), collate(found[count:], mode)


def _mixture(shape: tuple[int, ...], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw ink and paper colours, (B, 3, 1, 1) in 0..1: black on white for six pages in ten."""
    plain = torch.rand(shape[0], 1, 1, 1, device=device) < 0.6
    ink = torch.rand(shape[0], 3, 1, 1, device=device) * 0.45
    paper = 1 - torch.rand(shape[0], 3, 1, 1, device=device) * 0.16
    swap = torch.rand(shape[0], 1, 1, 1, device=device) < 0.03
    ink, paper = torch.where(swap, paper, ink), torch.where(swap, ink, paper)
    return torch.where(plain, 0.0, ink), torch.where(plain, 1.0, paper)


def to_pixels(grey: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Turn (B, S, S) uint8 grey into (B, 3, S, S) in -1..1, as evaluation feeds it."""
    return (grey.to(dtype) / 127.5 - 1).unsqueeze(1).expand(-1, 3, -1, -1)


def augment(grey: torch.Tensor, pages: int, dtype: torch.dtype) -> torch.Tensor:
    """Turn (N, S, S) uint8 grey of `pages` pages into coloured, slightly noisy (N, 3, S, S) in -1..1.

    Pages differ in how heavy thin strokes look, as renderers do. The grey of padding (127) is changed too,
    which costs nothing: no text is there.
    """
    ink, paper = _mixture((pages,), grey.device)
    repeat = grey.shape[0] // pages
    ink, paper = (c.repeat_interleave(repeat, 0).to(dtype) for c in (ink, paper))
    weight = (torch.randn(pages, 1, 1, device=grey.device) * STROKES).exp()
    light = (grey.float() / 255) ** weight.repeat_interleave(repeat, 0)
    image = ink + (paper - ink) * light.to(dtype).unsqueeze(1)
    level = (torch.rand(grey.shape[0], 1, 1, 1, device=grey.device) - 0.7).clamp(min=0) * 0.12
    noise = torch.randn(grey.shape, device=grey.device, dtype=dtype).unsqueeze(1)
    return (image + noise * level.to(dtype)).clamp(0, 1) * 2 - 1
