"""The characters of a block beside those of the layer's words in its box."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from rapidfuzz.distance import Levenshtein

from ocr_engine.layer.prose import Prose
from ocr_engine.layer.words import PageWords

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_LETTERS = 20_000
"""Characters of a block that are aligned; more is no block."""


@dataclass(frozen=True, slots=True)
class AlignedRun:
    """Characters `first` to `last` of the block beside `start` to `end` of the words; equal or not."""

    kind: str
    """`equal`, `replace`, `delete` (only the block has them), `insert` (only the words have them)."""
    first: int
    last: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """A block's prose, the words it is compared with in their order, and the runs of both."""

    prose: Prose
    words: tuple[int, ...]
    """Indexes into the page's words."""
    letters: str
    ends: tuple[int, ...]
    """Where each word ends in `letters`."""
    runs: tuple[AlignedRun, ...]

    @property
    def equal(self) -> int:
        """How many characters are in equal runs."""
        return sum(run.last - run.first for run in self.runs if run.kind == "equal")

    @property
    def likeness(self) -> float:
        """Share of the characters of both that are in equal runs."""
        return 2 * self.equal / max(len(self.prose.letters) + len(self.letters), 1)

    def ends_word(self, place: int) -> bool:
        """Whether a word ends directly before the character at `place` of `letters`."""
        at = bisect_left(self.ends, place)
        return at < len(self.ends) and self.ends[at] == place

    def starts_word(self, place: int) -> bool:
        """Whether a word starts with the character at `place` of `letters`, or the words end there."""
        return place == 0 or self.ends_word(place)

    def word_at(self, place: int) -> int:
        """Which of `words` the character at `place` of `letters` belongs to."""
        return bisect_right(self.ends, place)


def align(prose: Prose, page: PageWords, words: "npt.NDArray[np.int64]", *, is_table: bool) -> Alignment:
    """The better of two orders of the words: that of the file, and row by row; of tables the first alone."""
    listed: list[int] = words.tolist()
    in_file = _aligned(prose, page, listed)
    if is_table or in_file.prose.letters == in_file.letters:
        return in_file
    rows = page.by_rows(listed)
    if rows == listed:
        return in_file
    by_rows = _aligned(prose, page, rows)
    return by_rows if by_rows.equal > in_file.equal else in_file


def _aligned(prose: Prose, page: PageWords, words: Sequence[int]) -> Alignment:
    texts = [page.folded[word] for word in words]
    letters = "".join(texts)
    ends = tuple(accumulate(map(len, texts)))
    if max(len(letters), len(prose.letters)) > MAX_LETTERS:
        return Alignment(prose, (), "", (), ())
    if letters == prose.letters:
        runs: tuple[AlignedRun, ...] = (
            (AlignedRun("equal", 0, len(letters), 0, len(letters)),) if letters else ()
        )
    else:
        runs = tuple(AlignedRun(*code) for code in Levenshtein.opcodes(prose.letters, letters).as_list())
    return Alignment(prose, tuple(words), letters, ends, runs)
