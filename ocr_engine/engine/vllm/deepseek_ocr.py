"""DeepSeek-OCR for vLLM: a vision tower of our own in front of vLLM's DeepSeek-V2 decoder.

Takes the checked uint8 views of a step's pages and loads official checkpoints by name.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor, nn

from ocr_engine.engine.lora import LORA_KEY
from ocr_engine.engine.sizes import ENCODER_PX_KEY
from ocr_engine.engine.vllm.adapter import merged
from ocr_engine.engine.vllm.internals import (
    MULTIMODAL_REGISTRY,
    AutoWeightsLoader,
    IntermediateTensors,
    MultiModalEmbeddings,
    MultiModelKeys,
    SupportsMultiModal,
    SupportsPP,
    VllmConfig,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from ocr_engine.engine.vllm.processor import PageDummyInputs, PageInfo, PageProcessor
from ocr_engine.engine.vllm.view_tensors import joined
from ocr_engine.families import TOKENS
from ocr_engine.model.deep_encoder import UNUSED_WEIGHTS
from ocr_engine.model.encoder_config import DeepEncoderConfig, QueryDeepEncoderConfig
from ocr_engine.model.encoder_graphs import EncoderGraphs
from ocr_engine.model.vision_tower import VisionTower


@MULTIMODAL_REGISTRY.register_processor(PageProcessor, info=PageInfo, dummy_inputs=PageDummyInputs)
class DeepseekOCRForCausalLM(nn.Module, SupportsMultiModal, SupportsPP):
    """The whole model as vLLM sees it."""

    encoder_config: type[DeepEncoderConfig] | type[QueryDeepEncoderConfig] = DeepEncoderConfig
    tower: type[nn.Module] = VisionTower
    tower_stages = ("sam_model", "vision_model")

    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.embed_tokens.": "language_model.model.embed_tokens.",
            "model.layers.": "language_model.model.layers.",
            "model.norm.": "language_model.model.norm.",
            "lm_head.": "language_model.lm_head.",
            "model.": "vision_tower.",
        }
    )

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        """Raises ValueError where config.json describes another encoder or projector than the official."""
        super().__init__()
        config = vllm_config.model_config.hf_config
        encoder = self.encoder_config.from_vision_config(config.vision_config.width)
        projector = config.projector_config
        if projector.projector_type != "linear" or projector.input_dim != encoder.width:
            raise ValueError(
                f"config.json: projector_config is {projector.projector_type} from {projector.input_dim},"
                f" expected linear from {encoder.width}"
            )
        if config.tile_tag != "2D" or config.global_view_pos != "head":
            raise ValueError("config.json: tile_tag and global_view_pos must be 2D and head")
        with self._mark_tower_model(vllm_config, "image"):
            self.vision_tower = self.tower(encoder, projector.n_embed)
        adapter = vllm_config.additional_config.get(LORA_KEY, "")
        self._adapter = (Path(vllm_config.model_config.model), Path(adapter)) if adapter else None
        self.vision_tower.batch_px = vllm_config.additional_config.get(ENCODER_PX_KEY, 0)
        if not vllm_config.model_config.enforce_eager:
            self.vision_tower.graphs = EncoderGraphs()
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
            language_model="language_model",
            connector="vision_tower.projector",
            tower_model=[f"vision_tower.{stage}" for stage in self.tower_stages],
        )

    def embed_multimodal(
        self,
        *,
        global_views: Sequence[Sequence[Tensor]],
        tiles: Sequence[Sequence[Tensor]],
        grids: Sequence[Sequence[Tensor]],
        **_: object,
    ) -> MultiModalEmbeddings:
        """Features of every page of a step; see `VisionTower.forward`. Takes `one_by_one`'s lists."""
        return self.vision_tower(*map(joined, (global_views, tiles, grids)))

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
        """Every tensor of an official checkpoint, by name, with `engine.lora` added.

        Raises:
            ValueError: a tensor of the checkpoint belongs nowhere, or has another shape.
        """
        if self._adapter is not None:
            weights = merged(weights, *self._adapter)
        unused = {f"model.vision_model.{name}" for name in UNUSED_WEIGHTS}
        used = ((name, tensor) for name, tensor in weights if name not in unused)
        return AutoWeightsLoader(self).load_weights(used, mapper=self.hf_to_vllm_mapper)
