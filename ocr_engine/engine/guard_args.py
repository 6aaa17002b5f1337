"""How a request tells the n-gram guard its size, window and whitelist: vLLM's `SamplingParams.extra_args`.

What a client sends is checked here, whole, before its request enters the engine. The guards in the engine's
processes read it with `settings_in_engine`, which never raises: an error there would end the engine.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ocr_engine.errors import RequestError
from ocr_engine.families import NGRAM_MAX_SIZE, NGRAM_MAX_WHITELIST, NGRAM_MAX_WINDOW
from ocr_engine.log import logger, printable

SIZE, WINDOW, WHITELIST = KEYS = "ngram_size", "ngram_window", "ngram_whitelist"
MAX_TOKEN_ID = (1 << 31) - 1
"""The guard's tables on a GPU are int32."""
_SHOWN_CHARS = 40


class GuardArgsError(RequestError, ValueError):
    """Settings of the guard that are none. A ValueError too: vLLM answers that with status 400."""


@dataclass(frozen=True, slots=True)
class GuardArgs:
    """The guard's settings for one request: no `size` ids twice within `window`, but for `whitelist`.

    Raises:
        GuardArgsError: not integers, out of range, or too long a whitelist.
    """

    size: int
    window: int
    whitelist: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_integer(SIZE, self.size, 1, NGRAM_MAX_SIZE)
        _check_integer(WINDOW, self.window, 1, NGRAM_MAX_WINDOW)
        if self.window < self.size:
            raise GuardArgsError(
                f"{WINDOW}: {self.window} is below {SIZE}, {self.size}: nothing would ever be banned"
            )
        if len(self.whitelist) > NGRAM_MAX_WHITELIST:
            raise GuardArgsError(
                f"{WHITELIST}: at most {NGRAM_MAX_WHITELIST} token ids, got {len(self.whitelist)}"
            )
        for token in self.whitelist:
            _check_integer(WHITELIST, token, 0, _Vocabulary.last_id)

    @property
    def extra_args(self) -> dict[str, Any]:
        """The keys that a request carries, in `extra_args` or in the `vllm_xargs` of vLLM's server."""
        return {SIZE: self.size, WINDOW: self.window, WHITELIST: list(self.whitelist)}


class _Vocabulary:
    """The model's last token id, once this process knows its model."""

    last_id = MAX_TOKEN_ID


def set_vocabulary(size: int) -> None:
    """Refuse whitelists with ids that this process' model does not have."""
    _Vocabulary.last_id = min(size - 1, MAX_TOKEN_ID)


def guard_args(size: int, window: int, whitelist: Collection[int]) -> dict[str, Any]:
    """`extra_args` that switch the guard on for a request; size 0 gives none.

    Raises:
        GuardArgsError: settings that no engine would take.
    """
    return GuardArgs(size, window, tuple(sorted(whitelist))).extra_args if size else {}


def read_guard_args(extra_args: object) -> GuardArgs | None:
    """The settings that a request brings, checked; None where it has none of the three keys.

    Raises:
        GuardArgsError: a key is missing, or has a wrong value.
    """
    if extra_args is None:
        return None
    if not isinstance(extra_args, Mapping):
        raise GuardArgsError(f"extra_args: expected a mapping, got {_shown(extra_args)}")
    missing = [key for key in KEYS if key not in extra_args]
    if len(missing) == len(KEYS):
        return None
    if missing:
        raise GuardArgsError(f"{missing[0]}: missing; the guard takes {', '.join(KEYS)} together, or none")
    whitelist = extra_args[WHITELIST]
    if not isinstance(whitelist, list | tuple):
        raise GuardArgsError(f"{WHITELIST}: expected a list of token ids, got {_shown(whitelist)}")
    return GuardArgs(extra_args[SIZE], extra_args[WINDOW], tuple(whitelist))


def settings_in_engine(extra_args: object) -> GuardArgs | None:
    """`read_guard_args` inside the engine: a request that slipped through goes unguarded, with a warning."""
    try:
        return read_guard_args(extra_args)
    except GuardArgsError as error:
        logger.warning("a request runs without the n-gram guard: %s", error)
        return None


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    # Not isinstance: True is an int there.
    if type(value) is not int or not low <= value <= high:
        raise GuardArgsError(f"{name}: expected an integer from {low} to {high}, got {_shown(value)}")


def _shown(value: object) -> str:
    """Short and safe for whatever a client sends: it may be huge, or nested without end."""
    if isinstance(value, str):
        return repr(printable(value[:_SHOWN_CHARS]))
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if type(value) is int and abs(value) <= 1 << 64:
        return str(value)
    return type(value).__name__
