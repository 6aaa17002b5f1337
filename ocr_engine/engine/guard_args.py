"""How a request tells the n-gram guard its size, window and whitelist: vLLM's `SamplingParams.extra_args`."""

from collections.abc import Collection, Mapping
from typing import Any

SIZE, WINDOW, WHITELIST = "ngram_size", "ngram_window", "ngram_whitelist"
MAX_WINDOW = 1 << 16
MAX_WHITELIST = 64


def guard_args(size: int, window: int, whitelist: Collection[int]) -> dict[str, Any]:
    """`extra_args` that switch the guard on for a request; size 0 gives none."""
    if size == 0:
        return {}
    return {SIZE: size, WINDOW: window, WHITELIST: sorted(whitelist)}


def check_guard_args(extra_args: Mapping[str, Any] | None) -> None:
    """Check what a request brings, before it enters the batch.

    Raises:
        ValueError: a size or window that is no positive integer, or too long a whitelist.
    """
    args = extra_args or {}
    for name in (SIZE, WINDOW):
        value = args.get(name, 1)
        if not isinstance(value, int) or not 1 <= value <= MAX_WINDOW:
            raise ValueError(f"{name}: expected an integer from 1 to {MAX_WINDOW}, got {value!r}")
    if len(args.get(WHITELIST, ())) > MAX_WHITELIST:
        raise ValueError(f"{WHITELIST}: at most {MAX_WHITELIST} token ids, got {len(args[WHITELIST])}")
