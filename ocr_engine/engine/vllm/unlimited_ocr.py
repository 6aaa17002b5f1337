"""Unlimited-OCR for vLLM: DeepSeek-OCR's class with a decoder that forgets the middle of its answer (R-SWA).

On a GPU vLLM's own attention layers and masks do that, as in its own class, once they know every row of a
step (`window_gpu`). On a CPU its backend has no such mask and would look at everything; ours stands in
(`window_cpu`).
"""

from typing import Any

from ocr_engine.engine.vllm.deepseek_ocr import DeepseekOCRForCausalLM
from ocr_engine.engine.vllm.internals import (
    MULTIMODAL_REGISTRY,
    AttentionBackendEnum,
    VllmConfig,
    register_backend,
)
from ocr_engine.engine.vllm.processor import PageDummyInputs, PageProcessor, UnlimitedPageInfo

_CPU_BACKEND = "ocr_engine.engine.vllm.window_cpu.WindowBackend"


def _stand_in(vllm_config: VllmConfig) -> None:
    """Have a CPU's attention know the window."""
    register_backend(AttentionBackendEnum.CPU_ATTN, _CPU_BACKEND)
    # Plain layers: vLLM's own would have blocks freed that our window still uses.
    vllm_config.model_config.hf_config.text_config.rswa_window = None


@MULTIMODAL_REGISTRY.register_processor(PageProcessor, info=UnlimitedPageInfo, dummy_inputs=PageDummyInputs)
class UnlimitedOCRForCausalLM(DeepseekOCRForCausalLM):
    """The whole model as vLLM sees it."""

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        """Raises what `DeepseekOCRForCausalLM` raises."""
        if vllm_config.device_config.device_type == "cpu":
            _stand_in(vllm_config)
        super().__init__(vllm_config=vllm_config, prefix=prefix)

    def get_model_state_cls(self) -> type[Any]:
        """What vLLM's V2 runner keeps of the model between steps; it asks for it."""
        from ocr_engine.engine.vllm.window_gpu import WindowState

        return WindowState
