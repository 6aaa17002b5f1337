"""What vLLM is started with, from the config, the checkpoint and this machine. vLLM is not imported."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ocr_engine.config import EngineConfig
from ocr_engine.engine.draft_args import BOOK_KEY, SMALL_STEPS_KEY
from ocr_engine.engine.sizes import ENCODER_PX_KEY, GROUP_KEY, EngineSizes
from ocr_engine.engine.vllm.serve_plugin import GUARDS
from ocr_engine.engine.vllm.shortcuts import DRAFTS, SCORES, SHORTCUTS, SHORTCUTS_KEY
from ocr_engine.errors import UsageError

_QUANTIZATIONS = {
    "fp8": "fp8_per_channel",
    "int8": "int8_per_channel_weight_only",
    "mxfp4": "mxfp4",
}
"""vLLM's name for each: made from bfloat16 weights as they are loaded, without calibration.

They take in vLLM's own layers, which are the decoder's; the vision tower has none and stays as it is.
"""


_WORKERS = {
    (False, False): "page_worker.PageWorker",
    (True, False): "draft_worker.DraftWorker",
    (False, True): "score_worker.ScoreWorker",
    (True, True): "draft_score_worker.DraftScoreWorker",
}
"""The worker's extension with drafts or not, and with token probabilities or not."""


def speculation(drafts: int) -> dict[str, Any]:
    """vLLM's `speculative_config` for so many drafts a step, which `drafter` proposes."""
    # The lookups are those of vLLM's own drafter, whose place ours takes.
    return {
        "method": "ngram_gpu",
        "num_speculative_tokens": drafts,
        "prompt_lookup_min": 2,
        "prompt_lookup_max": 4,
    }


def graph_sizes(requests: int, drafts: int) -> list[int]:
    """Tokens of the decode steps that are kept as CUDA graphs, for so many requests and drafts of each.

    vLLM stops at 512 on this generation of cards. Launching a larger step kernel by kernel takes its process
    longer than a slow host has: 60 ms of CPU a page where the card needs 40 (`docs/performance.md`).
    """
    full = requests * (1 + drafts)
    most = max(full, min(2 * full, 512))
    ranges = [(8, 256, 8), (256, 512, 16), (512, 1024, 64), (1024, 2048, 128), (2048, most, 256)]
    sizes = {1, 2, 4, full, most, *(size for start, end, step in ranges for size in range(start, end, step))}
    return sorted(size for size in sizes if size <= most)


def check_platform(config: EngineConfig, *, gpu: bool) -> None:
    """Refuse what this machine cannot do, before anything is downloaded or started.

    Raises:
        UsageError: a key that needs a CUDA GPU is set, and there is none.
    """
    if gpu:
        return
    values: dict[str, str] = {
        "quantization": config.quantization,
        "attention_backend": config.attention_backend,
    }
    if config.kv_cache_dtype != "auto":
        values["kv_cache_dtype"] = config.kv_cache_dtype
    for name, value in values.items():
        if value:
            raise UsageError(f"engine.{name}: {value}: needs a CUDA GPU, and none is visible; leave it out")


def engine_args(
    config: EngineConfig,
    folder: Path,
    sizes: EngineSizes,
    *,
    gpu: bool,
    pages: int = 1,
    shortcuts: Collection[str] = tuple(SHORTCUTS),
    phrases: Sequence[int] = (),
    scores: bool = False,
) -> dict[str, Any]:
    """Keyword arguments of vLLM's `AsyncEngineArgs`.

    `pages` are those that a request may hold, `shortcuts` those that our code in vLLM's processes may take,
    `phrases` the book for drafts; `scores` is whether requests will ask for token probabilities.
    """
    args: dict[str, Any] = {
        "model": str(folder),
        "dtype": sizes.dtype,
        "max_model_len": sizes.max_model_len,
        "max_num_seqs": sizes.max_num_seqs,
        "max_num_batched_tokens": sizes.max_num_batched_tokens,
        "kv_cache_memory_bytes": sizes.kv_cache_bytes,
        "enforce_eager": config.enforce_eager or not gpu,
        "limit_mm_per_prompt": {"image": pages},
        "enable_mm_embeds": True,
        # The V2 runner on a GPU, the V1 runner on a CPU.
        "logits_processors": [GUARDS[gpu]],
        "generation_config": "vllm",
        "seed": 0,
        "disable_log_stats": True,
        # Pages do not repeat, so both caches would only cost time.
        "enable_prefix_caching": False,
        "mm_processor_cache_gb": 0,
    }
    if not gpu:
        return args | {"distributed_executor_backend": "uni"}
    drafts = sizes.drafts if DRAFTS in shortcuts else 0
    args |= {
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "kv_cache_dtype": config.kv_cache_dtype,
        "compilation_config": {"cudagraph_capture_sizes": graph_sizes(sizes.max_num_seqs, drafts)},
        "additional_config": {
            GROUP_KEY: sizes.group,
            ENCODER_PX_KEY: sizes.encoder_px,
            SHORTCUTS_KEY: list(shortcuts),
        },
    }
    if drafts:
        args["speculative_config"] = speculation(drafts)
        args["per_request_spec_decode_metrics"] = "summary"
        args["logits_processors"].append("ocr_engine.engine.vllm.drafter:DraftStore")
        # By itself not: answers with them were not compared on a GPU.
        args["additional_config"] |= {BOOK_KEY: list(phrases), SMALL_STEPS_KEY: config.drafts == "always"}
    extension = _WORKERS["speculative_config" in args, scores and SCORES in shortcuts]
    args["worker_extension_cls"] = f"ocr_engine.engine.vllm.{extension}"
    if shortcuts:
        args["scheduler_cls"] = "ocr_engine.engine.vllm.scheduler.GroupScheduler"
    if config.quantization:
        args["quantization"] = _QUANTIZATIONS[config.quantization]
    if config.attention_backend:
        args["attention_backend"] = config.attention_backend
    return args
