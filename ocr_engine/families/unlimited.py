"""Unlimited-OCR: DeepSeek-OCR's encoder and decoder shapes, fine-tuned for answers of any length.

Its decoder looks at the whole prompt and at the last 128 tokens of the answer alone (R-SWA). Sources: its
official `README.md` and `infer.py`, and vLLM's `models/unlimited_ocr.py`.
"""

from functools import partial
from types import MappingProxyType

from ocr_engine.families.family import Family, Together
from ocr_engine.families.modes import Mode

_NAME = "unlimited-ocr"
_MAX_TILES = 32
_mode = partial(Mode, family=_NAME, max_tiles=_MAX_TILES)

FAMILY = Family(
    name=_NAME,
    architecture="UnlimitedOCRForCausalLM",
    vllm_module="ocr_engine.engine.vllm.unlimited_ocr",
    # Its official code names these two alone.
    modes=MappingProxyType(
        {
            "base": _mode("base", 1024, 1024),
            "gundam": _mode("gundam", 1024, 640, crop=True),
        }
    ),
    max_tiles=_MAX_TILES,
    # No line end after `<image>`: so in its official example, and never trained otherwise.
    prompts=MappingProxyType({"markdown": "<image>document parsing.", "pages": "<image>Multi page parsing."}),
    tower="clip",
    row_newline=True,
    eval_keeps_center=False,
    hub_id="baidu/Unlimited-OCR",
    hints=("unlimited",),
    max_model_len=32_768,
    ngram=(35, 128),
    window_tok=128,
    # Trained with 2 to 50 pages of 1024 px (arXiv 2606.23050, 4.1); the guard is that of `infer_multi`.
    together=Together(max_pages=50, mode="base", prompt="pages", ngram_window=1024),
)
