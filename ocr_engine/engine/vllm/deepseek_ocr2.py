"""DeepSeek-OCR-2 for vLLM: the first model with another vision tower and other page sizes."""

from ocr_engine.engine.vllm.deepseek_ocr import DeepseekOCRForCausalLM
from ocr_engine.engine.vllm.internals import MULTIMODAL_REGISTRY
from ocr_engine.engine.vllm.processor import PageDummyInputs, PageProcessor, QueryPageInfo
from ocr_engine.model.encoder_config import QueryDeepEncoderConfig
from ocr_engine.model.query_tower import QueryVisionTower


@MULTIMODAL_REGISTRY.register_processor(PageProcessor, info=QueryPageInfo, dummy_inputs=PageDummyInputs)
class DeepseekOCR2ForCausalLM(DeepseekOCRForCausalLM):
    """The whole model as vLLM sees it."""

    encoder_config = QueryDeepEncoderConfig
    tower = QueryVisionTower
    tower_stages = ("sam_model", "qwen2_model")
