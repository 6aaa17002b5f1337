"""How sure the model was of a page and of each of its blocks, from the probabilities of its tokens.

Words are what is judged: the product of its tokens' probabilities is the chance that the model gave a word,
however many tokens it takes. Tags and coordinates of boxes are no words of the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.records import Confidence, Generation, PageConfidence, ParsedText, TokenScores

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_BLANKS = np.array([9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x2028, 0x2029, 0x3000], np.uint32)
_CJK = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF))
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ScoredWords:
    """The words of an answer, or of a part of it, and the logarithms of their probabilities."""

    starts: "npt.NDArray[np.int64]"
    """Where each begins, in characters of the answer."""
    logs: "Floats"
    tokens: "npt.NDArray[np.int64]"
    """Tokens of each."""

    def within(self, start: int, end: int) -> "ScoredWords":
        """Those that begin between two places."""
        first, last = np.searchsorted(self.starts, (start, end), "left")
        return ScoredWords(self.starts[first:last], self.logs[first:last], self.tokens[first:last])


def words_of(text: str, scores: TokenScores) -> ScoredWords:
    """The words of a text with their numbers. A token of blanks alone is of none."""
    chars = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    ends, logs = np.array(scores.ends, np.int64), np.array(scores.logs, np.float64)
    blank = np.isin(chars, _BLANKS)
    begins = _begins(chars, blank)
    # The first character of each token that is no blank says to which word it belongs.
    inked = np.flatnonzero(~blank)
    at = np.searchsorted(inked, np.concatenate(([0], ends[:-1])))
    first = np.append(inked, len(chars))[at]
    is_word = first < ends
    number = np.cumsum(begins)
    word = number[first[is_word]] - 1
    count = int(number[-1]) if len(number) else 0
    tokens = np.bincount(word, minlength=count)
    sums: Floats = np.bincount(word, logs[is_word], count).astype(np.float64)
    # What shares its token with a word before it was not chosen by itself.
    kept = tokens > 0
    return ScoredWords(np.flatnonzero(begins)[kept], sums[kept], tokens[kept])


def _begins(chars: "npt.NDArray[np.uint32]", blank: "npt.NDArray[np.bool_]") -> "npt.NDArray[np.bool_]":
    """Where words begin: behind blanks, at and behind characters that are words, at and behind tags."""
    alone = np.zeros(len(chars), np.bool_)
    for low, high in _CJK:
        alone |= (chars >= low) & (chars <= high)
    behind = np.ones(len(chars), np.bool_)
    behind[1:] = (blank | alone | (chars == ord(">")))[:-1]
    begins: npt.NDArray[np.bool_] = (behind | alone | (chars == ord("<"))) & ~blank
    return begins


def confidence(found: ScoredWords) -> Confidence | None:
    """The numbers of some words; None of no words."""
    if not len(found.logs):
        return None
    chances = np.exp(found.logs)
    return Confidence(_rounded(float(chances.mean())), _rounded(float(chances.min())))


def page_confidence(parts: Sequence[tuple[Generation, ParsedText]]) -> PageConfidence | None:
    """The numbers of a page from its answer, or from those of its parts; None where one has no scores.

    Blocks have theirs where there is one part: those of several are put together.
    """
    blocks = [words for part in parts for words in _blocks(*part)]
    if not blocks or not all(generation.scores and parsed.spans for generation, parsed in parts):
        return None
    whole = confidence(_joined(blocks))
    if whole is None:
        return None
    return PageConfidence(whole, tuple(map(confidence, blocks)) if len(parts) == 1 else ())


def _blocks(generation: Generation, parsed: ParsedText) -> list[ScoredWords]:
    """The words of each block's content."""
    if generation.scores is None:
        return []
    words = words_of(generation.text, generation.scores)
    return [words.within(start, end) for start, end in parsed.spans]


def _joined(parts: Sequence[ScoredWords]) -> ScoredWords:
    columns = ("starts", "logs", "tokens")
    return ScoredWords(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def _rounded(share: float) -> float:
    return round(min(max(share, 0.0), 1.0), _DIGITS)
