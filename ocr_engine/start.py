"""Starts a command, or says in one line what this Python lacks. Needs the standard library alone."""

import importlib
import sys
from collections.abc import Callable
from typing import NoReturn

OLDEST = (3, 11)
NOT_INSTALLED = 2
"""The exit code of a usage error, as in `errors.ExitCode`, which may be what cannot be imported."""


def command(module: str, function: str, name: str) -> Callable[..., int]:
    """The function of a module, which takes arguments and returns an exit code.

    Exits with a line on stderr where this Python is too old or a package is not installed in it.
    """
    if sys.version_info[:2] < OLDEST:
        _stop(name, f"needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}")
    try:
        return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "ocr_engine"):
            raise
        _stop(name, f"the package {missing!r} is not installed in {sys.executable}")


def _stop(name: str, problem: str) -> NoReturn:
    remedy = f"from a checkout, run `bash scripts/run.sh` once and then `.venv/bin/python {name}`"
    sys.stderr.write(f"{name}: {problem}; {remedy}\n")
    raise SystemExit(NOT_INSTALLED)
