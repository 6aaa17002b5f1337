"""What answers said lately: what stood behind each three tokens the last time, on whatever page.

Pages of a corpus repeat one another, and a model its formulas and tables. The table is on the device and
shared by all requests of an engine; this is its rule in numpy, which the kernel must equal. A place that two
pieces share holds the later one. Nothing of it reaches an answer: drafts are verified.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Tokens = npt.NDArray[np.int32]

PIECE = 3
"""Tokens by which a piece is found again."""
BEHIND = 8
"""Tokens kept of what stood behind it."""
WIDTH = PIECE + BEHIND
ROWS = 1 << 19
"""23 MB: the pieces of some 2,000 pages, as real answers have 220 new ones each."""
FACTORS = (73_856_093, 19_349_663, 83_492_791)
SHIFT = 15
"""A piece's row is its tokens times the factors, added, and folded once by so many bits."""


class PieceTable:
    """A table of int32 (rows, WIDTH): a piece and what stood behind it; -1 where nothing is yet."""

    def __init__(self, rows: int = ROWS) -> None:
        """`rows` is a power of two."""
        self.table = np.full((rows, WIDTH), -1, np.int32)

    def exchange(self, answer: "Tokens", sampled: int) -> "Tokens | None":
        """`behind`, and then `add`: so that an answer does not find what it has just said."""
        found = self.behind(answer)
        self.add(answer, sampled)
        return found

    def behind(self, answer: "Tokens") -> "Tokens | None":
        """What stood behind the last three tokens of an answer, int32 (BEHIND,); None where nobody knows."""
        if len(answer) < PIECE:
            return None
        row = self.table[self._rows(answer[None, -PIECE:])[0]]
        return row[PIECE:].copy() if (row[:PIECE] == answer[-PIECE:]).all() else None

    def add(self, answer: "Tokens", sampled: int) -> None:
        """Take in the pieces of which the last token to be kept is among the last `sampled` of the answer."""
        first = max(0, len(answer) - sampled - WIDTH + 1)
        for start in range(first, len(answer) - WIDTH + 1):
            row = answer[start : start + WIDTH]
            self.table[self._rows(row[None, :PIECE])[0]] = row

    def _rows(self, pieces: "Tokens") -> "npt.NDArray[np.int64]":
        mixed: npt.NDArray[np.int64] = (pieces.astype(np.int64) * FACTORS).sum(axis=1)
        return (mixed ^ (mixed >> SHIFT)) & (len(self.table) - 1)
