"""Batch and memory sizes of the vLLM engine, from the config, the checkpoint and this machine."""

import os
from dataclasses import dataclass

import psutil

from ocr_engine.config import EngineConfig
from ocr_engine.engine.card import CardSizes, card_bytes, choose_card_sizes, encoder_px
from ocr_engine.engine.checkpoint import NANO, Checkpoint
from ocr_engine.engine.draft_args import DRAFT_TOK
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.families import FAMILIES

_GIB = 1 << 30
ENCODER_PX_KEY = "ocr_engine_pixels_encoded_at_once"
"""Where the model in vLLM's process finds, in `additional_config`, how many pixels it may encode at once."""
GROUP_KEY = "ocr_engine_pages_admitted_together"
"""Where the scheduler in vLLM's process finds how many pages make a group."""
_CPU_MAX_NUM_SEQS, _CPU_BATCHED_TOKENS = 8, 4096
_NANO_CPU_MAX_NUM_SEQS = 16
"""Nano's steps are mostly calls of small operations: 16 pages take a fifth less CPU each than 8."""
_MAX_GROUP = 16
_CPU_KV_SHARE = 0.4
"""Share of the free memory the KV cache takes at most by default; weights and activations need the rest."""
_BYTES = {"float32": 4}
_LARGE_BYTES = 1 << 30
_WEIGHTS_SHRINK = {"": 1.0, "fp8": 1.6, "int8": 1.5, "mxfp4": 2.3}
"""Measured on an H200: only the decoder's layers are quantised, so that four bits do not make a quarter."""


@dataclass(frozen=True, slots=True)
class EngineSizes:
    """What vLLM is started with."""

    dtype: str
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    kv_cache_bytes: int | None
    """None on a GPU: vLLM takes what `gpu_memory_utilization` leaves."""
    threads: int
    encoder_px: int = 0
    """Pixels encoded at once; 0 for the model's own default."""
    drafts: int = 0
    """Drafts that a step verifies for a page at most; 0 where none are."""

    @property
    def group(self) -> int:
        """Pages a GPU takes up together: a full batch for the encoder, few enough that slots do not idle."""
        return max(1, min(_MAX_GROUP, self.max_num_seqs // 16))

    @property
    def capacity(self) -> int:
        """Requests in flight that keep the engine busy: its batch and an eighth more, waiting."""
        return self.max_num_seqs + max(2, self.max_num_seqs // 8)


def choose_sizes(config: EngineConfig, checkpoint: Checkpoint, *, gpu: bool) -> EngineSizes:
    """Config values as given; 0 means a default for this machine.

    Raises:
        UsageError: `engine.max_model_len` is more than the checkpoint has positions.
        EngineError: not enough memory for the KV cache of one page.
    """
    if config.max_model_len > checkpoint.max_model_len:
        raise UsageError(
            f"engine.max_model_len: {config.max_model_len} is more than the {checkpoint.max_model_len}"
            f" positions of {checkpoint.name}"
        )
    dtype = _default_dtype(checkpoint, gpu=gpu) if config.dtype == "auto" else config.dtype
    max_model_len = config.max_model_len or checkpoint.max_model_len
    sizes = _card_sizes(config, checkpoint) if gpu else _cpu_sizes(checkpoint)
    max_num_seqs = config.max_num_seqs or sizes.max_num_seqs
    drafts = DRAFT_TOK if gpu and verifies_drafts(config.drafts, checkpoint.family) else 0
    page_bytes = max_model_len * checkpoint.kv_values_per_token * _BYTES.get(dtype, 2)
    return EngineSizes(
        dtype=dtype,
        max_model_len=max_model_len,
        max_num_seqs=max_num_seqs,
        # A step with drafts must still hold a group of pages that enter.
        max_num_batched_tokens=config.max_num_batched_tokens
        or sizes.max_num_batched_tokens + max_num_seqs * drafts,
        kv_cache_bytes=_kv_cache_bytes(config, page_bytes, max_num_seqs, gpu=gpu),
        threads=cpu_threads(),
        encoder_px=sizes.encoder_px,
        drafts=drafts,
    )


def verifies_drafts(drafts: str, family: str) -> bool:
    """Whether a GPU is to, by `engine.drafts` and the model's family.

    By itself not behind a window over the answer: on a GPU nobody has tried.
    """
    return drafts == "always" or (drafts == "auto" and not FAMILIES[family].window_tok)


def _cpu_sizes(checkpoint: Checkpoint) -> CardSizes:
    seqs = _NANO_CPU_MAX_NUM_SEQS if checkpoint.name == NANO else _CPU_MAX_NUM_SEQS
    return CardSizes(seqs, _CPU_BATCHED_TOKENS)


def _card_sizes(config: EngineConfig, checkpoint: Checkpoint) -> CardSizes:
    total_bytes = card_bytes()
    if config.max_num_seqs and config.max_num_batched_tokens:
        return CardSizes(config.max_num_seqs, config.max_num_batched_tokens, encoder_px(total_bytes))
    weight_bytes = int(checkpoint.weight_bytes / _WEIGHTS_SHRINK[config.quantization])
    kv_bytes = checkpoint.kv_values_per_token * (2 if config.kv_cache_dtype == "auto" else 1)
    return choose_card_sizes(total_bytes, config.gpu_memory_utilization, weight_bytes, kv_bytes)


def _default_dtype(checkpoint: Checkpoint, *, gpu: bool) -> str:
    """The checkpoint's own, but float32 for nano on a CPU: there bfloat16 answers vary with the batch."""
    return "float32" if checkpoint.name == NANO and not gpu else checkpoint.dtype


def slow_start_warning(checkpoint: Checkpoint, *, gpu: bool) -> str:
    """What a large checkpoint takes on a CPU, in one line; "" where there is nothing to warn of."""
    if gpu or checkpoint.weight_bytes < _LARGE_BYTES:
        return ""
    return (
        f"{checkpoint.name} has {checkpoint.weight_bytes / _GIB:.1f} GiB of weights, and no CUDA GPU is here:"
        " DeepSeek-OCR in bfloat16 on two cores took 9.6 GiB of memory and, for an A4 page of 880 tokens,"
        " 38 s at base and 47 s at gundam; take a GPU for more than a few pages"
    )


def cpu_threads() -> int:
    """Threads of the engine on a CPU: the physical cores this process may use, less one.

    The one is for rendering and the event loop: an engine thread that waits for a core makes all others wait
    (two cores, two threads, a third process busy: a quarter of the speed of one thread).
    """
    return max(1, cpu_cores() - 1)


def cpu_cores() -> int:
    """Physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


def _kv_cache_bytes(config: EngineConfig, page_bytes: int, max_num_seqs: int, *, gpu: bool) -> int | None:
    if config.kv_cache_gb:
        return int(config.kv_cache_gb * _GIB)
    if gpu:
        return None
    free = psutil.virtual_memory().available
    # One page more than the batch: vLLM rounds to blocks and keeps one for itself.
    size = min((max_num_seqs + 1) * page_bytes, int(free * _CPU_KV_SHARE))
    if size < page_bytes:
        raise EngineError(
            f"memory: {free / _GIB:.1f} GiB are free, and one page needs"
            f" {page_bytes / _GIB:.1f} GiB for its KV cache;"
            " end other programs, or lower engine.max_model_len"
        )
    return size
