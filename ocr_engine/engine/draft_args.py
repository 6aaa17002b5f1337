"""A request's predicted answer on its way to vLLM's worker, in `SamplingParams.extra_args`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ocr_engine.families import TOKENS

DRAFT_KEY = "ocr_engine_draft"
"""The predicted answer's token ids, int32 in bytes."""
BOOK_KEY = "ocr_engine_phrases"
"""Where the worker finds, in `additional_config`, the book of phrases."""
MEMORY_KEY = "ocr_engine_memory_rows"
"""Where it finds the size of the memory (`drafts.memory`), for benchmarks; without, it has its usual size."""
SMALL_STEPS_KEY = "ocr_engine_small_steps_with_drafts"
"""Where the runner finds whether steps with drafts may be small ones (`engine.vllm.small_steps`)."""
LONGEST_TOK = 4096
"""Tokens of a prediction that are kept: half of what an answer may have."""
DRAFT_TOK = 8
"""Drafts verified in a step at most."""


def draft_args(ids: bytes) -> dict[str, Any]:
    """What of `extra_args` carries a prediction; nothing where there is none."""
    return {DRAFT_KEY: ids} if ids else {}


def packed(ids: Sequence[int]) -> bytes:
    """Token ids as they travel."""
    return np.array(ids[:LONGEST_TOK], "<i4").tobytes()


def draft_ids(tokenizer: Any, text: str) -> bytes:
    """A text that an answer may be, and the end behind it, as they travel; nothing for no text."""
    if not text:
        return b""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    end = tokenizer.token_to_id(TOKENS.eos)
    return packed(ids if end is None else [*ids, end])


def has_drafts(extra_args: Mapping[str, Any] | None) -> bool:
    """Whether a request brings a prediction."""
    return bool(extra_args and extra_args.get(DRAFT_KEY))


def check_draft(extra_args: Mapping[str, Any] | None) -> None:
    """Raises ValueError for a prediction that is none, as a client might send."""
    if not _is_draft((extra_args or {}).get(DRAFT_KEY, b"")):
        raise ValueError(f"{DRAFT_KEY}: expected the bytes of int32 numbers")


def predicted_ids(extra_args: Mapping[str, Any] | None, vocabulary: int) -> "npt.NDArray[np.int32]":
    """The prediction of a request, int32 (n,); ids that are none of the vocabulary become -1.

    Never raises: an error in the engine's process would end the engine.
    """
    found = (extra_args or {}).get(DRAFT_KEY, b"")
    if not _is_draft(found):
        return np.zeros(0, np.int32)
    ids = np.frombuffer(found[: 4 * LONGEST_TOK], "<i4").astype(np.int32)
    return np.where((ids >= 0) & (ids < vocabulary), ids, np.int32(-1))


def _is_draft(value: object) -> bool:
    return isinstance(value, bytes) and not len(value) % 4
