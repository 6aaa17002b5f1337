"""Scores of pages kept on disk, so that what was scored once is not scored again.

A key names everything a score depends on: the task itself (ground truth, prediction, options), the code of
this package and the versions of the libraries it measures with.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from ocr_engine.evaluation.report import write_bytes
from ocr_engine.evaluation.workers import ItemOutcome, map_items
from ocr_engine.log import logger, printable

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_BYTES = 1 << 30
_LIBRARIES = ("rapidfuzz", "scipy", "numpy", "apted", "lxml", "beautifulsoup4", "pylatexenc", "nltk", "jieba")


class ScoreCache(Generic[Result]):
    """The scores in one file; a file that cannot be read counts as empty."""

    def __init__(self, path: Path, kind: Any) -> None:
        self._path = path
        self._kind = kind
        self._known = _load(path)

    def get(self, key: str) -> Result | None:
        """The score stored under `key`, None where there is none of this kind."""
        stored = self._known.get(key)
        if stored is None:
            return None
        try:
            result: Result = msgspec.msgpack.decode(stored, type=self._kind)
        except msgspec.MsgspecError:
            return None
        return result

    def replace(self, results: Mapping[str, Result]) -> None:
        """Keep these scores and no others. Raises OutputError."""
        packed = {key: self._known.get(key) or _pack(result) for key, result in results.items()}
        if packed != self._known:
            write_bytes(self._path, msgspec.msgpack.encode(packed))
            self._known = packed


def map_cached(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    cache_path: Path | None,
    kind: Any,
    **options: Any,
) -> list[ItemOutcome[Result]]:
    """`workers.map_items`, but what `cache_path` holds the result (of type `kind`) of is not done again."""
    if cache_path is None:
        return map_items(function, items, **options)
    store: ScoreCache[Result] = ScoreCache(cache_path, kind)
    names = keys(items)
    known = {name: found for name in names if (found := store.get(name)) is not None}
    new = [item for name, item in zip(names, items, strict=True) if name not in known]
    done = iter(map_items(function, new, **options))
    outcomes = [ItemOutcome(known[name]) if name in known else next(done) for name in names]
    named = zip(names, outcomes, strict=True)
    store.replace({name: outcome.result for name, outcome in named if outcome.result is not None})
    return outcomes


def keys(tasks: Sequence[object]) -> list[str]:
    """One key a task; equal exactly for tasks that score alike."""
    return [_digest(_code_stamp() + repr(task)) for task in tasks]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@cache
def _code_stamp() -> str:
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    return _digest(code + repr([metadata.version(name) for name in _LIBRARIES]))


def _load(path: Path) -> dict[str, bytes]:
    try:
        if path.stat().st_size <= MAX_BYTES:
            return msgspec.msgpack.decode(path.read_bytes(), type=dict[str, bytes])
    except FileNotFoundError:
        pass
    except (OSError, msgspec.MsgspecError):
        logger.warning("%s: stored scores cannot be read; all pages are scored again", printable(str(path)))
    return {}


def _pack(result: object) -> bytes:
    # NumPy's floats are floats, but of a class of their own.
    return msgspec.msgpack.encode(result, enc_hook=float)
