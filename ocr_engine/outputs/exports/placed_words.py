"""Rows of text and the lines of a page in, each word of the text at its place out.

A word that the page has is placed as the page has it. Others, such as formulas, take the place of the page's
words that stand there instead, letter by letter; what the page does not have at all takes the gap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bidi import get_base_level
from rapidfuzz.distance import Levenshtein

from ocr_engine.outputs.exports.plain_rows import Row
from ocr_engine.records import BlockLine

MAX_WORDS = 4_000
"""Words of a block that are placed one by one; more is no block."""
_LEAST_ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word and the place it takes, in model units; `line` counts those of the block."""

    text: str
    line: int
    left: float
    right: float
    is_exact: bool = False
    """Whether the page has this word there; others stand between words that it has."""


@dataclass(frozen=True, slots=True)
class _Letters:
    """Where the letters of some words of the page stand: the words one after the other."""

    words: Sequence[PlacedWord]

    def place(self, text: str, start: float, end: float) -> PlacedWord:
        """A word in the place of the letters from `start` to `end`, as shares of them all."""
        total = sum(len(word.text) for word in self.words)
        first, left = self._at(start * total, at_end=False)
        last, right = self._at(end * total, at_end=True)
        if first.line == last.line and left < right:
            return PlacedWord(text, first.line, left, right)
        return PlacedWord(text, first.line, left, max(first.right, left))

    def _at(self, letter: float, *, at_end: bool) -> tuple[PlacedWord, float]:
        for word in self.words:
            if letter < len(word.text) or (at_end and letter <= len(word.text) + 1e-6):
                break
            letter -= len(word.text)
        share = min(max(letter / len(word.text), 0.0), 1.0)
        return word, word.left + share * (word.right - word.left)


def placed_words(rows: Sequence[Row], lines: Sequence[BlockLine]) -> list[PlacedWord] | None:
    """All words of the rows at their places; None where the lines do not hold them, or run to the left."""
    words = [word for row in rows for cell in row for word in cell.split(" ")]
    there = list(_words_of(lines))
    if not words or not there or max(len(words), len(there)) > MAX_WORDS:
        return None
    if any(map(get_base_level, words)):
        return None
    codes = Levenshtein.opcodes([_folded(word) for word in words], [_folded(word.text) for word in there])
    equal = codes.as_matching_blocks()
    if sum(run.size for run in equal) < _LEAST_ALIKE * len(words):
        return None
    out: list[PlacedWord] = []
    position = 0
    for run in equal:
        if ours := words[len(out) : run.a]:
            out += _instead(ours, there[position : run.b] or _gap(there, run.b))
        position = run.b + run.size
        pairs = zip(words[run.a : run.a + run.size], there[run.b : position], strict=True)
        out += [PlacedWord(text, word.line, word.left, word.right, True) for text, word in pairs]
    return out


def _words_of(lines: Sequence[BlockLine]) -> Iterator[PlacedWord]:
    for at, line in enumerate(lines):
        for place, text in enumerate(line.words):
            left, right = sorted(line.sides[2 * place : 2 * place + 2])
            yield PlacedWord(text, at, left, right)


def _folded(word: str) -> str:
    return word.casefold()


def _instead(texts: Sequence[str], theirs: Sequence[PlacedWord]) -> Iterator[PlacedWord]:
    """Words in the place of others, each with the share that it has of the letters."""
    letters, total, start = _Letters(theirs), sum(map(len, texts)), 0
    for text in texts:
        yield letters.place(text, start / total, (start + len(text)) / total)
        start += len(text)


def _gap(there: Sequence[PlacedWord], at: int) -> list[PlacedWord]:
    """The empty place before word `at`, on the line of the word before it where there is one."""
    before, after = there[at - 1] if at else None, there[at] if at < len(there) else None
    if before is None:
        assert after is not None, "there are words"
        return [PlacedWord(" ", after.line, after.left, after.left)]
    ends = after.left if after is not None and after.line == before.line else before.right
    return [PlacedWord(" ", before.line, before.right, max(ends, before.right))]


def with_gaps(words: Sequence[PlacedWord]) -> Iterator[PlacedWord]:
    """The words with a blank between any two that stand beside each other on a line, as wide as the gap."""
    for word, after in pairwise(words):
        yield word
        if word.line == after.line and word.right <= after.left:
            yield PlacedWord(" ", word.line, word.right, after.left)
    yield words[-1]
