"""DeepSeek-OCR. Sources: the official `config.py` and `process/image_process.py`."""

from types import MappingProxyType

from ocr_engine.families.family import Family
from ocr_engine.families.modes import Mode
from ocr_engine.families.prompts import PROMPTS

FAMILY = Family(
    name="deepseek-ocr",
    architecture="DeepseekOCRForCausalLM",
    vllm_module="ocr_engine.engine.vllm.deepseek_ocr",
    modes=MappingProxyType(
        {
            "tiny": Mode("tiny", 512, 512, stretch=True),
            "small": Mode("small", 640, 640, stretch=True),
            "base": Mode("base", 1024, 1024),
            "large": Mode("large", 1280, 1280),
            "gundam": Mode("gundam", 1024, 640, crop=True),
            "gundam-m": Mode("gundam-m", 1280, 1024, crop=True),
        }
    ),
    # The paper's gundam-m belongs to a model trained further, which is not the one that was published.
    auto=("tiny", "small", "base", "large", "gundam"),
    # The Hugging Face code allows 9 tiles, the vLLM scripts 6.
    max_tiles=9,
    prompts=PROMPTS,
    tower="clip",
    row_newline=True,
    eval_keeps_center=False,
    hub_id="deepseek-ai/DeepSeek-OCR",
)
