"""Two texts that should be one in, both in pieces out: what is the same, and what only one of them has."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from ocr_engine.log import printable

MAX_CHARS = 6_000
"""Characters of each text that are compared."""
MAX_SHOWN = 2_000
_KEPT = 90
"""Characters of a long piece that is the same in both that are shown at each of its ends."""
_TOKEN = re.compile(r"\s+|\S+")


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a text, and whether the other text does not have it."""

    text: str
    differs: bool


def marked(read: str, written: str) -> tuple[list[TextPiece], list[TextPiece]]:
    """Both texts word by word, bounded, what cannot be printed escaped; any blank is like any other."""
    ours, theirs = (_TOKEN.findall(_shown(text)) for text in (read, written))
    runs = Levenshtein.opcodes(_keys(ours), _keys(theirs))
    read_pieces = ("".join(ours[run.src_start : run.src_end]) for run in runs)
    written_pieces = ("".join(theirs[run.dest_start : run.dest_end]) for run in runs)
    differ = [run.tag != "equal" for run in runs]
    return _bounded(read_pieces, differ), _bounded(written_pieces, differ)


def _bounded(texts: Iterable[str], differ: Sequence[bool]) -> list[TextPiece]:
    """The pieces, long ones that are the same shortened, until enough is shown."""
    pieces: list[TextPiece] = []
    left = MAX_SHOWN
    for at, (text, differs) in enumerate(zip(texts, differ, strict=True)):
        text = text if differs else _shortened(text, is_first=not at, is_last=at == len(differ) - 1)
        if text:
            pieces.append(TextPiece(text[:left], differs))
        left -= len(text)
        if left <= 0:
            return [*pieces, TextPiece(" \u2026", False)]
    return pieces


def _shortened(text: str, *, is_first: bool, is_last: bool) -> str:
    if len(text) <= 3 * _KEPT:
        return text
    return f"{'' if is_first else text[:_KEPT]} \u2026 {'' if is_last else text[-_KEPT:]}"


def _shown(text: str) -> str:
    return "\n".join(printable(line, MAX_CHARS) for line in text[:MAX_CHARS].split("\n"))


def _keys(tokens: Sequence[str]) -> list[str]:
    return [token if token.strip() else " " for token in tokens]
