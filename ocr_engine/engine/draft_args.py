"""A request's predicted answer on its way to vLLM's worker, in `SamplingParams.extra_args`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

DRAFT_KEY = "ocr_engine_draft"
"""The predicted answer's token ids, int32 in bytes."""
BOOK_KEY = "ocr_engine_phrases"
"""Where the worker finds, in `additional_config`, the book of phrases."""
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


def has_drafts(extra_args: Mapping[str, Any] | None) -> bool:
    """Whether a request brings a prediction."""
    return bool(extra_args and extra_args.get(DRAFT_KEY))


def predicted_ids(extra_args: Mapping[str, Any] | None, vocabulary: int) -> "npt.NDArray[np.int32]":
    """The prediction of a request, int32 (n,); ids that are none of the vocabulary become -1.

    Raises:
        ValueError: it is no bytes of whole int32 numbers.
    """
    found = (extra_args or {}).get(DRAFT_KEY, b"")
    if not isinstance(found, bytes) or len(found) % 4:
        raise ValueError(f"{DRAFT_KEY}: expected the bytes of int32 numbers")
    ids = np.frombuffer(found[: 4 * LONGEST_TOK], "<i4").astype(np.int32)
    return np.where((ids >= 0) & (ids < vocabulary), ids, np.int32(-1))


assert sys.byteorder == "little", "pages' tokens are sent as they lie in memory"
