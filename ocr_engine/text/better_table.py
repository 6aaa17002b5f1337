"""Which of two readings of one table is better: their HTML in, a verdict with its reason out. No pixels.

The second reading saw larger type, but nothing says that it read better. It is taken only by this rule.

1. It is a plain table: rows of cells, no row over and over, rows of equal length where the first has them.
2. With the words of a text layer: it has more of them than the first, or as many and clearly more in their
   order, or as many and clearly fewer others, none of them gone altogether. Never fewer in their order, at
   most one other word more for two of these, and no cell less filled but for each other word less.
3. Without: it keeps most of the first's letters, and fills more cells with more letters, or has rows of equal
   length where the first has not. With the same cells, the one that the model was surer of, where known.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq

from ocr_engine.text.clean import Kind, clean, pieces
from ocr_engine.text.entities import unescape
from ocr_engine.text.recall import ordered_words
from ocr_engine.text.table_rows import Row, read_rows

MAX_WORDS = 5_000
"""Of a table, or of a layer in its box; more is no table of one page."""
MAX_LETTERS = 20_000
LEAST_LAYER_WORDS = 8
"""A layer with fewer words in a table's box is no witness."""
_KEPT = 0.8
"""Share of the first's letters that the second has in their order, so that it is of the same table."""
_MOST_LONGER = 3.0
"""How many times as many letters as the first the second may have."""
_CLEARLY_MORE = 0.1
"""Share of the layer's words by which more are in their order, or fewer others, where as many were read."""
_STRANGE_A_WORD = 0.5
"""Words that the layer has not, for each further word that it has: formulas are written otherwise there."""
_SAME_ROWS = 2
"""Rows with text that may be equal to one before, beyond those of the first reading: headers repeat."""


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table as it was read: its rows, its words in order, and how sure the model was of it, if known."""

    rows: tuple[Row, ...]
    words: tuple[str, ...]
    sure: float | None = None

    @property
    def filled(self) -> int:
        """Cells with text."""
        return sum(bool(text) for row in self.rows for text in row.words())

    @property
    def cells(self) -> tuple[int, ...]:
        """How many cells each row has."""
        return tuple(len(row.cells) for row in self.rows)

    @property
    def is_even(self) -> bool:
        """Whether all rows are of equal length, where cells that reach into further rows count there, too."""
        widths, below = set[int](), Counter[int]()
        for at, row in enumerate(self.rows):
            widths.add(row.columns + below[at])
            for cell in row.cells:
                for down in range(1, min(cell.rows, len(self.rows) - at)):
                    below[at + down] += cell.columns
        return len(widths) == 1

    @property
    def again(self) -> int:
        """Rows with text that are equal to one before them."""
        texts = [row.words() for row in self.rows if any(row.words())]
        return len(texts) - len(set(texts))

    @property
    def letters(self) -> str:
        """The letters of its words."""
        return "".join(self.words)[:MAX_LETTERS]


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """Whether the second reading takes the first's place, and why, for people."""

    is_better: bool
    reason: str


def table_in(content: str) -> str | None:
    """The one table of a block, as it is written there; None where it has none or several."""
    found = [piece for kind, piece in pieces(content) if kind is Kind.TABLE]
    return found[0] if len(found) == 1 and content.count(found[0]) == 1 else None


def read_table(table: str, sure: float | None = None) -> ReadTable | None:
    """A raw table as it will be written; None if that is more, or less, than rows of cells."""
    cleaned = clean(table).strip()
    rows = read_rows(cleaned)
    if rows is None:
        return None
    text = unescape(" ".join(" ".join(row.words()) for row in rows))
    return ReadTable(rows, ordered_words(text)[:MAX_WORDS], sure)


def better(first: ReadTable, second: ReadTable | None, layer: Sequence[str]) -> TableVerdict:
    """Whether the second reading is better. `layer` are the folded words of the layer in the table's box."""
    if second is None or not second.words:
        return TableVerdict(False, "the second answer is no plain table")
    if second.again > first.again + _SAME_ROWS:
        return TableVerdict(False, "the second answer repeats its rows")
    if first.is_even and not second.is_even:
        return TableVerdict(False, "the second answer has rows of unequal length")
    if len(layer) >= LEAST_LAYER_WORDS:
        return _by_layer(first, second, layer[:MAX_WORDS])
    return _by_cells(first, second)


def _by_layer(first: ReadTable, second: ReadTable, layer: Sequence[str]) -> TableVerdict:
    words = Counter(layer)
    (before, strange_before), (after, strange) = (_found(table, words) for table in (first, second))
    gain = after - before
    order = LCSseq.similarity(second.words, layer) - LCSseq.similarity(first.words, layer)
    reason = (
        f"{after:,} of {len(layer):,} words of the text layer, {before:,} in the first;"
        f" {strange:,} others, {strange_before:,} in the first"
    )
    fewer = strange_before - strange
    clearly = order if set(first.words) - set(second.words) else max(order, fewer)
    if gain < 0 or order < 0 or not (gain or clearly >= _CLEARLY_MORE * len(layer)):
        return TableVerdict(False, f"{reason}; {-order:,} fewer in their order" if order < 0 else reason)
    if -fewer > _STRANGE_A_WORD * gain:
        return TableVerdict(False, reason)
    # A cell that was made up has at least one word that was.
    if second.filled + max(0, fewer) < first.filled:
        return TableVerdict(False, f"{reason}; {second.filled:,} cells filled, {first.filled:,} in the first")
    return TableVerdict(True, reason)


def _found(table: ReadTable, layer: Counter[str]) -> tuple[int, int]:
    """How many of the table's words the layer has, and how many it has not."""
    found = (Counter(table.words) & layer).total()
    return found, len(table.words) - found


def _by_cells(first: ReadTable, second: ReadTable) -> TableVerdict:
    said, letters = first.letters, second.letters
    kept = LCSseq.similarity(said, letters) / len(said) if said else 1.0
    if kept < _KEPT:
        return TableVerdict(False, f"the second answer keeps {kept:.0%} of the first's letters")
    if said and len(letters) > _MOST_LONGER * len(said):
        return TableVerdict(False, "the second answer is much longer than the first")
    reason = f"{second.filled:,} cells filled, {first.filled:,} in the first"
    if second.filled > first.filled and len(letters) > len(said):
        return TableVerdict(True, reason)
    if second.filled == first.filled and second.is_even and not first.is_even:
        return TableVerdict(True, "rows of equal length, not so in the first")
    if second.cells == first.cells and second.filled == first.filled:
        return _by_confidence(first, second, reason)
    return TableVerdict(False, reason)


def _by_confidence(first: ReadTable, second: ReadTable, reason: str) -> TableVerdict:
    if first.sure is None or second.sure is None:
        return TableVerdict(False, reason)
    return TableVerdict(
        second.sure > first.sure, f"{reason}; the model is {second.sure:.0%} sure, {first.sure:.0%} before"
    )
