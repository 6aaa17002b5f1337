"""Whether a formula shows what another one does: by MathML, else symbol by symbol with its neighbours.

Renderings only; what made them is in `katex`. The rules are upstream's (`bench/katex/render.py`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

SAME_LINE_PX = 5.0
"""Centres that differ by no more stand in one row, or in one column."""
MAX_STEPS = 1_000_000
"""Tries of placing a symbol; formulas that are not settled by then count as different (upstream: no end)."""
_SPACES = re.compile("[\\s\u200a-\u200d\u2060\ufeff]+")
_Sides = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class RenderedSymbol:
    """A piece of text on the page; its box in px, from the top left corner."""

    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a formula became. One that could not be rendered has the reason as `mathml`, and no symbols."""

    mathml: str
    symbols: tuple[RenderedSymbol, ...] = ()


def shows(found: Rendering, wanted: Rendering) -> bool:
    """Whether `wanted` is all in `found`: its MathML, or each symbol with the same ones beside it."""
    if _content(wanted.mathml) in _content(found.mathml):
        return True
    return _can_be_placed(_characters(wanted.symbols), _characters(found.symbols))


def _content(mathml: str) -> str:
    """MathML without the source that KaTeX adds to it, and without spaces."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(mathml, "xml")
    semantics = soup.find("semantics")
    if semantics is None:
        return _SPACES.sub("", str(soup))
    parts = [str(child) for child in semantics.children if getattr(child, "name", None) != "annotation"]
    return _SPACES.sub("", "".join(parts))


def _characters(symbols: Sequence[RenderedSymbol]) -> list[RenderedSymbol]:
    """One symbol a character: pieces of several are divided evenly."""
    return [one for symbol in symbols for one in _divided(symbol, _SPACES.sub("", symbol.text))]


def _divided(symbol: RenderedSymbol, text: str) -> Iterator[RenderedSymbol]:
    for index, character in enumerate(text):
        x = symbol.x + symbol.width * index / len(text)
        yield RenderedSymbol(character, x, symbol.y, symbol.width / len(text), symbol.height)


def _neighbours(symbols: Sequence[RenderedSymbol]) -> list[_Sides]:
    """Above, below, left and right of each symbol: the nearest one's index; of equals the first."""
    x = np.array([symbol.x + symbol.width / 2 for symbol in symbols])
    y = np.array([symbol.y + symbol.height / 2 for symbol in symbols])
    found: list[_Sides] = []
    for here_x, here_y in zip(x, y, strict=True):
        in_column, in_row = np.abs(x - here_x) <= SAME_LINE_PX, np.abs(y - here_y) <= SAME_LINE_PX
        sides = ((here_y - y, in_column), (y - here_y, in_column), (here_x - x, in_row), (x - here_x, in_row))
        up, down, left, right = (_nearest(np.where(line, away, -1.0)) for away, line in sides)
        found.append((up, down, left, right))
    return found


def _nearest(distances: np.ndarray) -> int | None:
    """The index of the smallest distance above 0."""
    ahead = np.where(distances > 0, distances, np.inf)
    nearest = int(ahead.argmin())
    return nearest if np.isfinite(ahead[nearest]) else None


def _can_be_placed(wanted: Sequence[RenderedSymbol], found: Sequence[RenderedSymbol]) -> bool:
    """Whether each symbol of `wanted` can have one of `found` for itself with the same neighbours."""
    places: dict[str, list[int]] = {}
    for index, symbol in enumerate(found):
        places.setdefault(symbol.text, []).append(index)
    choices = [places.get(symbol.text, []) for symbol in wanted]
    if not all(choices):
        return False
    sides, other_sides = _neighbours(wanted), _neighbours(found)
    placed: dict[int, int] = {}
    taken: set[int] = set()
    trail = [iter(choices[0])] if choices else []
    for _ in range(MAX_STEPS):
        index = len(placed)
        if index == len(wanted):
            return True
        choice = next(trail[index], None)
        if choice is None:
            trail.pop()
            if not placed:
                return False
            taken.remove(placed.popitem()[1])
        elif choice not in taken and all(
            _agrees(near, other_near, placed, wanted, found)
            for near, other_near in zip(sides[index], other_sides[choice], strict=True)
        ):
            placed[index] = choice
            taken.add(choice)
            trail += [iter(choices[index + 1])] if index + 1 < len(wanted) else []
    return False


def _agrees(
    near: int | None,
    other_near: int | None,
    placed: dict[int, int],
    wanted: Sequence[RenderedSymbol],
    found: Sequence[RenderedSymbol],
) -> bool:
    """Whether a neighbour has its like on the other side: the one it was given, or one that looks so."""
    if near is None:
        return True
    if other_near is None:
        return False
    return placed[near] == other_near if near in placed else found[other_near].text == wanted[near].text
