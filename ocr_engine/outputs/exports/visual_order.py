"""Text in the order of its letters on the page, which PDF viewers expect and turn back for a search.

The usual cases of the Unicode bidirectional algorithm (UAX #9): words and numbers of both directions.
"""

import unicodedata
from itertools import groupby

_RIGHT_TO_LEFT = frozenset({"R", "AL", "RLE", "RLO", "RLI"})
_LEFT_TO_RIGHT = frozenset({"L", "EN", "AN"})


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next((kind in _RIGHT_TO_LEFT for kind in kinds if kind in _RIGHT_TO_LEFT or kind == "L"), False)


def visual_order(text: str) -> str:
    """The characters from left to right; text without right-to-left letters comes back as it is."""
    if not any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return text
    base = is_right_to_left(text)
    shown: list[str] = []
    for backwards, group in groupby(_directed(text, base), _first):
        run = "".join(character for _, character in group)
        shown.append(run[::-1] if backwards else run)
    return "".join(reversed(shown) if base else shown)


def _directed(text: str, base: bool) -> list[tuple[bool, str]]:
    """Each character with its direction; what has none takes that of both its neighbours, or the line's."""
    known = [_direction(character) for character in text]
    after = base
    following: list[bool] = []
    for direction in reversed(known):
        after = after if direction is None else direction
        following.append(after)
    following.reverse()
    before = base
    directed: list[tuple[bool, str]] = []
    for character, direction, next_one in zip(text, known, following, strict=True):
        if direction is None:
            directed.append((before if before == next_one else base, character))
        else:
            before = direction
            directed.append((direction, character))
    return directed


def _direction(character: str) -> bool | None:
    kind = unicodedata.bidirectional(character)
    if kind in _RIGHT_TO_LEFT:
        return True
    return False if kind in _LEFT_TO_RIGHT else None


def _first(pair: tuple[bool, str]) -> bool:
    return pair[0]
