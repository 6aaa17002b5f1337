"""Finds the known name that a misspelt one most likely stands for."""

import difflib
from collections.abc import Iterable

_CUTOFF = 0.5
"""How alike two names have to be, from 0 to 1."""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, whatever its case; None where none is like it."""
    by_case = {one.upper(): one for one in reversed(list(known))}
    close = difflib.get_close_matches(name.upper(), by_case, 1, _CUTOFF)
    return by_case[close[0]] if close else None


def one_of(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """For a message: the names to choose from, the most likely one first of all."""
    known = list(known)
    meant = closest(name, known)
    hint = f"did you mean {meant}? " if meant else ""
    listed = ", ".join(one or '""' for one in known)
    return f"({hint}one of: {listed}{otherwise})"
