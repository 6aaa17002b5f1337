"""DeepSeek-OCR-2: from the uint8 views of a step's pages to the features that stand for them in the prompt.

Order as in the official `deepseek_ocr2.py`: tiles, global view, separator; no newline features. Plain torch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ocr_engine.model.deep_encoder import SamEncoder
from ocr_engine.model.encoder_config import QueryDeepEncoderConfig
from ocr_engine.model.encoder_graphs import EncoderGraphs
from ocr_engine.model.query_encoder import QueryDeepEncoder, QueryEncoder
from ocr_engine.model.view_batches import encode_by_size
from ocr_engine.model.vision_tower import Projector


class QueryVisionTower(nn.Module):
    """All parameters of a checkpoint that are not the decoder's."""

    batch_px = 0
    """Pixels encoded at once; 0 for the device's default."""
    graphs: EncoderGraphs | None = None
    """Replays passes on a GPU; None: every kernel is launched by itself."""

    def __init__(self, config: QueryDeepEncoderConfig, decoder_width: int) -> None:
        super().__init__()
        self.sam_model = SamEncoder(config.sam)
        self.qwen2_model = QueryEncoder(config.query)
        self.projector = Projector(config.width, decoder_width)
        self.view_seperator = nn.Parameter(torch.zeros(decoder_width))  # sic: name in the checkpoint

    def forward(
        self, global_views: Sequence[Tensor], tiles: Sequence[Tensor], grids: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """Features of every page of a step, one (257 or 145 + 144 n, D) tensor a page.

        Args:
            global_views: uint8, (S, S, C) a page, S 768 or 1024; or one stacked tensor. C is 3, or 1 where
                all channels are equal. On the device, or in the host's memory.
            tiles: uint8, (n, 768, 768, C) a page, likewise.
            grids: not read: tiles stand one after another, row by row.
        """
        encoder = QueryDeepEncoder(self.sam_model, self.qwen2_model)
        features = encode_by_size(
            [view.unsqueeze(0) for view in global_views] + list(tiles),
            lambda views: self.projector(encoder(views)),
            self.view_seperator.device,
            self.batch_px,
            self.graphs,
        )
        count = len(features) // 2
        return tuple(
            self._lay_out(parts, whole)
            for whole, parts in zip(features[:count], features[count:], strict=True)
        )

    def _lay_out(self, *views: Tensor | None) -> Tensor:
        rows = [features.flatten(0, 1) for features in views if features is not None]
        return torch.cat([*rows, self.view_seperator[None]])
