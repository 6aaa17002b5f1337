"""vLLM with this project's models in the calling process, for scripts that compare or measure pages."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ocr_engine.engine.vllm.register import register
from ocr_engine.engine.vllm.view_tensors import tensors_of
from ocr_engine.records import PageViews


def start(folder: Path, environment: dict[str, str] | None = None, **options: Any) -> Any:
    """A `vllm.LLM` of a checkpoint folder whose engine and workers are this process.

    `environment` is set before vLLM is loaded; `options` go to `LLM`.
    """
    os.environ |= {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
        **(environment or {}),
    }
    from vllm import LLM

    register()
    usual = {
        "enforce_eager": True,
        "limit_mm_per_prompt": {"image": 1},
        "enable_mm_embeds": True,
        "enable_prefix_caching": False,
        "mm_processor_cache_gb": 0,
        "generation_config": "vllm",
    }
    return LLM(str(folder), **usual | options)


def request(prompt_ids: Sequence[int], *pages: PageViews) -> dict[str, Any]:
    """A page, or several of one request, for `LLM.generate`."""
    return {"prompt_token_ids": list(prompt_ids), "multi_modal_data": {"image": tensors_of(*pages)}}
