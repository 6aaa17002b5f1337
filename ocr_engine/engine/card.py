"""Batch sizes from a GPU's memory: how many pages its KV cache holds, how many tokens a step may take."""

import os
from dataclasses import dataclass

from ocr_engine.errors import EngineError

_GIB = 1 << 30
_UNKNOWN_BYTES = 80 * _GIB
_PAGE_TOKENS = 1_800
"""Tokens a page holds on average, prompt and half of a long answer: vLLM holds pages back beyond that."""
_MAX_PAGES, _STEP_OF_PAGES = 768, 8
_STEPS = (
    (32 * _GIB, 16_384, 8 * _GIB, 16 << 20),
    (14 * _GIB, 8_192, 4 * _GIB, 8 << 20),
    (0, 4_096, 2 * _GIB, 2 << 20),
)
"""From so much memory: tokens a step, memory set aside for its activations and the CUDA graphs, and pixels
encoded at once, of which 2**20 take some 90 MiB.
"""


@dataclass(frozen=True, slots=True)
class CardSizes:
    """Pages decoded together, tokens of a scheduler step, pixels encoded at once (0: the model's default)."""

    max_num_seqs: int
    max_num_batched_tokens: int
    encoder_px: int = 0


def encoder_px(total_bytes: int) -> int:
    """Pixels that a card of so much memory encodes at once."""
    return _step(total_bytes)[-1]


def _step(total_bytes: int) -> tuple[int, int, int, int]:
    return next(step for step in _STEPS if total_bytes >= step[0])


def card_bytes() -> int:
    """Memory of the first visible GPU, asked of its driver; 80 GiB where the driver does not say."""
    try:
        import pynvml

        pynvml.nvmlInit()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
        handle = (
            pynvml.nvmlDeviceGetHandleByIndex(int(visible))
            if visible.isdigit()
            else pynvml.nvmlDeviceGetHandleByUUID(visible)
        )
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except Exception:  # noqa: BLE001 - no library, no driver, a card it does not know: the default serves
        return _UNKNOWN_BYTES


def choose_card_sizes(
    total_bytes: int, share: float, weight_bytes: int, kv_bytes_per_token: int
) -> CardSizes:
    """Sizes that fit a card: 768 pages on 141 GB, 512 on 80, some 180 on 40, 90 on 24 (bfloat16).

    Args:
        total_bytes: memory of the card.
        share: how much of it vLLM may take.
        weight_bytes: weights as they are loaded.
        kv_bytes_per_token: KV cache of one token, all layers.

    Raises:
        EngineError: the card does not hold the weights and a few pages.
    """
    _, tokens, aside, pixels = _step(total_bytes)
    free = total_bytes * share - weight_bytes - aside
    pages = int(free / (_PAGE_TOKENS * kv_bytes_per_token))
    if pages < _STEP_OF_PAGES:
        raise EngineError(
            f"GPU memory: {total_bytes / _GIB:.0f} GiB are too little for"
            f" {weight_bytes / _GIB:.1f} GiB of weights"
            " and the pages; set engine.quantization: fp8 or mxfp4, or engine.kv_cache_dtype: fp8,"
            " or take a larger GPU"
        )
    return CardSizes(min(_MAX_PAGES, pages // _STEP_OF_PAGES * _STEP_OF_PAGES), tokens, pixels)
