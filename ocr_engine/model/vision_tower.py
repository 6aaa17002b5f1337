"""From the uint8 views of a step's pages to the features that stand for them in the prompt.

Encoder, projector and the two learned features of the layout; order as in the official `deepseek_ocr.py`:
tiles, global view, separator, with a newline feature at the end of each row. Plain torch, no vLLM.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ocr_engine.model.deep_encoder import ClipEncoder, DeepEncoder, SamEncoder
from ocr_engine.model.encoder_config import DeepEncoderConfig
from ocr_engine.model.encoder_graphs import EncoderGraphs
from ocr_engine.model.onednn import Linear
from ocr_engine.model.view_batches import encode_by_size


class Projector(nn.Module):
    """One linear layer from encoder features to the decoder's width; named as in the checkpoint."""

    def __init__(self, encoder_width: int, decoder_width: int) -> None:
        super().__init__()
        self.layers = Linear(encoder_width, decoder_width)

    def forward(self, features: Tensor) -> Tensor:
        """(..., C) -> (..., D)."""
        return self.layers(features)


class VisionTower(nn.Module):
    """All parameters of a checkpoint that are not the decoder's."""

    batch_px = 0
    """Pixels encoded at once; 0 for the device's default."""
    graphs: EncoderGraphs | None = None
    """Replays passes on a GPU; None: every kernel is launched by itself."""

    def __init__(self, config: DeepEncoderConfig, decoder_width: int) -> None:
        super().__init__()
        self.sam_model = SamEncoder(config.sam)
        self.vision_model = ClipEncoder(config.clip)
        self.projector = Projector(config.width, decoder_width)
        self.image_newline = nn.Parameter(torch.zeros(decoder_width))
        self.view_seperator = nn.Parameter(torch.zeros(decoder_width))  # sic: name in the checkpoint

    def forward(
        self, global_views: Sequence[Tensor], tiles: Sequence[Tensor], grids: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """Features of every page of a step, one (tokens, D) tensor a page.

        Args:
            global_views: uint8, (S, S, C) a page; or one stacked tensor where all pages agree. C is 3, or 1
                where all channels are equal. On the device, or in the host's memory.
            tiles: uint8, (n, T, T, C) a page, likewise.
            grids: int64 (2,) a page, on the CPU: columns and rows.
        """
        views = [view.unsqueeze(0) for view in global_views] + list(tiles)
        features = self.encode_views(views)
        count = len(features) // 2
        return tuple(
            self._lay_out(whole[0], parts, grid.tolist())
            for whole, parts, grid in zip(features[:count], features[count:], grids, strict=True)
        )

    def encode_views(self, views: Sequence[Tensor]) -> list[Tensor]:
        """Project groups of views, those of one size together.

        Args:
            views: uint8 (k, S, S, C) each, k >= 0, C 1 or 3; sizes may differ between groups.

        Returns:
            (k, q, q, D) for each group, in the same order; q = 0 for an empty group.
        """
        encoder = DeepEncoder(self.sam_model, self.vision_model)
        device = self.image_newline.device
        features = encode_by_size(
            views, lambda batch: self.projector(encoder(batch)), device, self.batch_px, self.graphs
        )
        empty = self.image_newline.new_empty(0, 0, 0, self.image_newline.shape[0])
        return [empty if part is None else part for part in features]

    def _lay_out(self, whole: Tensor, parts: Tensor, grid: Sequence[int]) -> Tensor:
        """(q, q, D) and (n, t, t, D) with a grid of (columns, rows) -> (tokens, D)."""
        rows = [self._with_newlines(whole), self.view_seperator[None]]
        if len(parts):
            columns, lines = grid
            side = parts.shape[1]
            mosaic = parts.unflatten(0, (lines, columns)).transpose(1, 2)
            rows.insert(0, self._with_newlines(mosaic.reshape(lines * side, columns * side, -1)))
        return torch.cat(rows)

    def _with_newlines(self, features: Tensor) -> Tensor:
        newline = self.image_newline.expand(features.shape[0], 1, -1)
        return torch.cat([features, newline], 1).flatten(0, 1)
