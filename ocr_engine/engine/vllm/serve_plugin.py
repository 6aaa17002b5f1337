"""What `vllm serve` learns from this project beside the model class: pages as images, modes, guard, views.

The plug-in `ocr_engine_serving` calls `register` in every vLLM process; other models are not touched.
"""

from collections.abc import Mapping
from typing import Any

from ocr_engine.engine.guard_args import set_vocabulary
from ocr_engine.families import FAMILIES

GUARDS = {
    True: "ocr_engine.engine.vllm.guard_v2:DeviceNgramGuard",
    False: "ocr_engine.engine.vllm.guard_v1:NgramGuard",
}
"""The guard for vLLM's V2 model runner and for the V1 runner; each refuses the other's."""
VIEWS_KEY = "ocr_engine_views"
"""In vLLM's `additional_config`: false keeps a server from taking ready views, PNG alone."""


def register() -> None:
    """Teach vLLM to take page images for our architectures, and to guard and configure them by default."""
    from ocr_engine.engine.vllm.internals import MODELS_CONFIG_MAP

    for family in FAMILIES.values():
        before = MODELS_CONFIG_MAP.get(family.architecture)
        if before is None:
            MODELS_CONFIG_MAP[family.architecture] = ServedDefaults
        elif not issubclass(before, ServedDefaults):
            # vLLM's own defaults of the architecture come first: Unlimited-OCR's attention is chosen there.
            both = {"before": before, "has_window": bool(family.window_tok)}
            MODELS_CONFIG_MAP[family.architecture] = type("Both", (ServedDefaults,), both)


def _takes_views(additional_config: object) -> bool:
    return not isinstance(additional_config, Mapping) or additional_config.get(VIEWS_KEY, True) is not False


def _take_triton(vllm_config: Any) -> None:
    """vLLM would take FA4 where the card could run it, also where the package that it needs is missing.

    Triton's mask was compared with the one written out, and is as fast as attention to everything
    (docs/parity.md); FA4's was not. `--attention-backend FLASH_ATTN` takes FA4.
    """
    from ocr_engine.engine.vllm.internals import AttentionBackendEnum

    vllm_config.attention_config.backend = AttentionBackendEnum.TRITON_ATTN


class ServedDefaults:
    """vLLM's hook for an architecture's config: what `vllm serve` then needs no flag for."""

    before: Any = None
    """vLLM's own hook for it."""
    has_window = False
    """Whether its decoder has a window over the answer (R-SWA)."""

    @classmethod
    def verify_and_update_config(cls, vllm_config: Any) -> None:
        """Take ready views, and guard requests that ask for it (`vllm_xargs`).

        `additional_config: {"ocr_engine_views": false}` leaves views to vLLM's own `enable_mm_embeds`.
        """
        if cls.has_window and vllm_config.attention_config.backend is None:
            _take_triton(vllm_config)
        if cls.before is not None:
            cls.before.verify_and_update_config(vllm_config)
        model = vllm_config.model_config
        set_vocabulary(model.get_vocab_size())
        if model.multimodal_config is not None and _takes_views(vllm_config.additional_config):
            model.multimodal_config.enable_mm_embeds = True
        processors = list(model.logits_processors or ())
        if vllm_config.speculative_config is None and not processors:
            model.logits_processors = [GUARDS[bool(vllm_config.use_v2_model_runner)]]

    @classmethod
    def verify_and_update_model_config(cls, model_config: Any) -> None:
        """Nothing of ours to change before the whole config is known."""
        if cls.before is not None:
            cls.before.verify_and_update_model_config(model_config)
