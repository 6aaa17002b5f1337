"""DeepSeek-OCR-2. Sources: its official `config.py` and `process/image_process.py`."""

from functools import partial
from types import MappingProxyType

from ocr_engine.families.family import Family
from ocr_engine.families.modes import Mode
from ocr_engine.families.prompts import PROMPTS

_NAME = "deepseek-ocr-2"
_mode = partial(Mode, untiled_max_px=768, row_newline=False, family=_NAME)

FAMILY = Family(
    name=_NAME,
    architecture="DeepseekOCR2ForCausalLM",
    vllm_module="ocr_engine.engine.vllm.deepseek_ocr2",
    # It has learned queries for views of 768 and 1024 px alone.
    modes=MappingProxyType(
        {
            "small": _mode("small", 768, 768, stretch=True),
            "base": _mode("base", 1024, 1024),
            "gundam": _mode("gundam", 1024, 768, crop=True),
        }
    ),
    max_tiles=6,
    prompts=PROMPTS,
    tower="query",
    row_newline=False,
    eval_keeps_center=True,
    hub_id="deepseek-ai/DeepSeek-OCR-2",
    hints=("ocr-2", "ocr2"),
)
