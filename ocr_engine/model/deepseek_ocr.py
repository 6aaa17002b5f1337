"""DeepSeek-OCR for vLLM: DeepEncoder and projector of our own in front of vLLM's DeepSeek-V2 decoder.

Takes the checked uint8 views of a step's pages, gives each page's features in the official order
(`deepseek_ocr.py`: tiles, global view, separator; a newline feature ends each row), and loads official
checkpoints by name.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import MultiModalEmbeddings, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.sequence import IntermediateTensors

from ocr_engine.model.deep_encoder import UNUSED_WEIGHTS, ClipEncoder, DeepEncoder, SamEncoder
from ocr_engine.model.encoder_config import DeepEncoderConfig
from ocr_engine.model.processor import PageDummyInputs, PageInfo, PageProcessor
from ocr_engine.spec import TOKENS


class Projector(nn.Module):
    """One linear layer from encoder features to the decoder's width; named as in the checkpoint."""

    def __init__(self, encoder_width: int, decoder_width: int) -> None:
        super().__init__()
        self.layers = nn.Linear(encoder_width, decoder_width)

    def forward(self, features: Tensor) -> Tensor:
        """(..., C) -> (..., D)."""
        return self.layers(features)


@MULTIMODAL_REGISTRY.register_processor(PageProcessor, info=PageInfo, dummy_inputs=PageDummyInputs)
class DeepseekOCRForCausalLM(nn.Module, SupportsMultiModal, SupportsPP):
    """The whole model as vLLM sees it."""

    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.embed_tokens.": "language_model.model.embed_tokens.",
            "model.layers.": "language_model.model.layers.",
            "model.norm.": "language_model.model.norm.",
            "lm_head.": "language_model.lm_head.",
            "model.": "",
        }
    )

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        """Raises ValueError where config.json describes another encoder or projector than the official."""
        super().__init__()
        config = vllm_config.model_config.hf_config
        encoder = DeepEncoderConfig.from_vision_config(config.vision_config.width)
        projector = config.projector_config
        if projector.projector_type != "linear" or projector.input_dim != encoder.width:
            raise ValueError(
                f"config.json: projector_config is {projector.projector_type} from {projector.input_dim},"
                f" expected linear from {encoder.width}"
            )
        if config.tile_tag != "2D" or config.global_view_pos != "head":
            raise ValueError("config.json: tile_tag and global_view_pos must be 2D and head")
        with self._mark_tower_model(vllm_config, "image"):
            self.sam_model = SamEncoder(encoder.sam)
            self.vision_model = ClipEncoder(encoder.clip)
            self.projector = Projector(encoder.width, projector.n_embed)
            self.image_newline = nn.Parameter(torch.zeros(projector.n_embed))
            self.view_seperator = nn.Parameter(torch.zeros(projector.n_embed))  # sic: name in the checkpoint
        with self._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=config.text_config,
                prefix=maybe_prefix(prefix, "language_model"),
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """The image token; vLLM asks for it in chat templates."""
        return TOKENS.image

    def get_mm_mapping(self) -> MultiModelKeys:
        """Which parts are decoder, connector and tower, for vLLM's quantization."""
        return MultiModelKeys.from_string_field(
            language_model="language_model", connector="projector", tower_model=["sam_model", "vision_model"]
        )

    def embed_multimodal(
        self,
        *,
        global_views: Tensor | Sequence[Tensor],
        tiles: Tensor | Sequence[Tensor],
        grids: Tensor | Sequence[Tensor],
        **_: object,
    ) -> MultiModalEmbeddings:
        """Features of every page of a step, one (tokens, D) tensor a page.

        Args:
            global_views: uint8, (S, S, 3) a page; stacked where all pages agree.
            tiles: uint8, (n, T, T, 3) a page.
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
        """Project groups of views, all views of one size in one batch.

        Args:
            views: uint8 (k, S, S, 3) each, k >= 0, sizes may differ between groups.

        Returns:
            (k, q, q, D) for each group, in the same order; q = 0 for an empty group.
        """
        encoder = DeepEncoder(self.sam_model, self.vision_model)
        groups: dict[int, list[int]] = {}
        for index, view in enumerate(views):
            if len(view):
                groups.setdefault(view.shape[1], []).append(index)
        empty = self.image_newline.new_empty(0, 0, 0, self.image_newline.shape[0])
        features = [empty] * len(views)
        for indexes in groups.values():
            batch = self.projector(encoder(torch.cat([views[index] for index in indexes])))
            parts = batch.split([len(views[index]) for index in indexes])
            for index, part in zip(indexes, parts, strict=True):
                features[index] = part
        return features

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

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: Tensor | None = None,
        **_: object,
    ) -> Tensor | IntermediateTensors:
        """One decoder pass over the tokens vLLM scheduled."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model(input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """(tokens, hidden) -> (tokens, vocabulary)."""
        return self.language_model.compute_logits(hidden_states)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Every tensor of an official checkpoint, by name.

        Raises:
            ValueError: a tensor of the checkpoint belongs nowhere, or has another shape.
        """
        unused = {f"model.vision_model.{name}" for name in UNUSED_WEIGHTS}
        used = ((name, tensor) for name, tensor in weights if name not in unused)
        return AutoWeightsLoader(self).load_weights(used, mapper=self.hf_to_vllm_mapper)
