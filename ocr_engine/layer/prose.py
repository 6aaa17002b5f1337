"""A block's content in, the characters that stand on the page out, each with its place in the content.

Markup and formulas are no such characters: they are walls, which nothing is compared or changed across.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ocr_engine.layer.folding import BULLETS, fold

MAX_CHARS = 40_000
_WALL = re.compile(
    r"<[^<>]*>"
    r"|\\\(.*?\\\)|\\\[.*?\\\]|\$\$.*?\$\$|\$[^$\n]*\$"
    r"|!?\[[^\]\n]*\]\([^)\n]*\)"
    r"|^ {0,3}(?:```|~~~).*?(?:^ {0,3}(?:```|~~~)[^\n]*$|\Z)"
    r"|&(?:[A-Za-z]{2,8}|#[0-9]{1,6}|#x[0-9A-Fa-f]{1,6});"
    r"|\*+|~~|__|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)|`+|\|"
    r"|^[ \t]*#{1,6}(?=\s)"
    r"|\\[A-Za-z]+|\\.",
    re.DOTALL | re.MULTILINE,
)
_TEXT = re.compile(r"\S+")
_MARKER = re.compile(rf"^[ \t]*(?:[-*+{BULLETS}])(?=\s)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prose:
    """The compared characters of a content, folded, and their places in it."""

    content: str
    letters: str
    places: tuple[int, ...]
    tokens: tuple[int, ...]
    """Where in `letters` each stretch without a blank or wall ends."""
    walls: tuple[tuple[int, int], ...]
    markers: frozenset[int]
    """Places of list markers, which stay as they are."""

    def words(self) -> Iterator[str]:
        """The stretches without a blank or wall."""
        return (self.letters[start:end] for start, end in pairwise((0, *self.tokens)))

    def word_around(self, first: int, last: int) -> str:
        """Those that characters `first` to `last` are part of, without the blanks between them."""
        start = bisect_right(self.tokens, first)
        end = bisect_left(self.tokens, max(last, first + 1))
        return self.letters[self.tokens[start - 1] if start else 0 : (*self.tokens, len(self.letters))[end]]

    def gaps(self, first: int, last: int) -> Iterator[str]:
        """What stands in the content before each of characters `first` to `last`, and after them."""
        for at in range(first, last + 1):
            start = self.places[at - 1] + 1 if at else 0
            yield self.content[start : self.places[at] if at < len(self.places) else len(self.content)]

    def between(self, left: int) -> str:
        """What stands in the content between a compared character and the next."""
        return self.content[self.places[left] + 1 : self.places[left + 1]]


def prose_of(content: str) -> Prose:
    """What of a content is compared; nothing of one that is too long."""
    if len(content) > MAX_CHARS:
        return Prose(content, "", (), (), (), frozenset())
    walls = tuple(found.span() for found in _WALL.finditer(content))
    places: list[int] = []
    tokens: list[int] = []
    position = 0
    for start, end in (*walls, (len(content), len(content))):
        for found in _TEXT.finditer(content, position, start):
            places.extend(range(*found.span()))
            tokens.append(len(places))
        position = max(position, end)
    letters = fold("".join(map(content.__getitem__, places)))
    markers = frozenset(found.end() - 1 for found in _MARKER.finditer(content))
    return Prose(content, letters, tuple(places), tuple(tokens), walls, markers)
