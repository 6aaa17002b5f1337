"""Text of the page that no block holds: body lines that nobody read, as blocks at their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rapidfuzz import fuzz

from ocr_engine.layer.edits import as_text
from ocr_engine.layer.texts import FoldedTexts
from ocr_engine.layer.words import PageWords
from ocr_engine.records import Block, Box

if TYPE_CHECKING:
    import numpy.typing as npt

LABEL = "text_layer"
"""Of a block whose text was not read but taken from the page's text layer."""
MARGIN = 70
"""Model units from the page's upper and lower edge in which a line outside all blocks is a running head."""
_LEAST_WORDS, _LEAST_LETTERS = 3, 12
"""What is shorter is a label or a stamp."""
_MAX_LINES = 400
_READ_BADLY = 60
"""Likeness, of 100, of a line to a piece of a block that is unlike its place: it was read, its box is off."""
_HEAD = 160
"""Model units from an edge in which a lone line with a number at its end is a running head."""


@dataclass(frozen=True, slots=True)
class MissedText:
    """Lines that follow each other, and the index of the block that they stand before."""

    block: Block
    before: int
    words: tuple[int, ...]


def missed_text(
    blocks: Sequence[Block],
    page: PageWords,
    free: "npt.NDArray[np.int64]",
    texts: FoldedTexts,
    unlike: Sequence[str],
) -> list[MissedText]:
    """The pieces of body text in no block's box that were not read, in the order of the page.

    `unlike` are the compared texts of blocks that are unlike the words in their boxes.
    """
    whole = [line for line in _lines(page, free) if _is_missed(page, line, texts)][:_MAX_LINES]
    whole = [line for line in whole if not _was_read_badly(page, line, unlike)]
    pieces = [list(group) for _, group in groupby(whole, key=lambda line: int(page.layer_blocks[line[0]]))]
    found = [(_block(page, words), words) for words in map(_words, pieces)]
    return [
        MissedText(block, _place(blocks, block.boxes[0]), words)
        for block, words in found
        if block is not None
    ]


def _words(lines: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return tuple(word for line in lines for word in line)


def _lines(page: PageWords, free: "npt.NDArray[np.int64]") -> list[list[int]]:
    """The lines of which all words are free."""
    counts = np.bincount(page.lines) if len(page.lines) else np.zeros(0, np.int64)
    groups = [list(group) for _, group in groupby(free.tolist(), key=lambda word: int(page.lines[word]))]
    return [group for group in groups if counts[page.lines[group[0]]] == len(group)]


def _is_missed(page: PageWords, line: list[int], texts: FoldedTexts) -> bool:
    middle = float(page.boxes[line, 1].min() + page.boxes[line, 3].max()) / 2
    letters = "".join(page.folded[word] for word in line)
    is_body = MARGIN < middle < 999 - MARGIN and any(map(str.isalnum, letters))
    is_body = is_body and not page.doubtful[line].any() and not texts.was_read(letters)
    return is_body and not _is_running_head(page, line)


def _was_read_badly(page: PageWords, line: Sequence[int], unlike: Sequence[str]) -> bool:
    letters = "".join(page.folded[word] for word in line)
    long = (read for read in unlike if 2 * len(read) >= len(letters))
    return any(fuzz.partial_ratio(letters, read) >= _READ_BADLY for read in long)


def _is_running_head(page: PageWords, line: list[int]) -> bool:
    """Whether it is in the first or last row of the page, near its edge, with a page number at an end."""
    middle, slack = page.middles[line[0]], 0.5 * page.heights[line[0]]
    row = [word for word, other in enumerate(page.middles) if abs(other - middle) < slack]
    row.sort(key=page.boxes[:, 0].__getitem__)
    if not any(page.folded[word].isdigit() for word in (row[0], row[-1])):
        return False
    if middle < _HEAD:
        return min(page.middles) > middle - slack
    return middle > 999 - _HEAD and max(page.middles) < middle + slack


def _block(page: PageWords, words: Sequence[int]) -> Block | None:
    if len(words) < _LEAST_WORDS or sum(len(page.texts[word]) for word in words) < _LEAST_LETTERS:
        return None
    text = as_text(" ".join(page.texts[word] for word in words))
    corners = page.boxes[list(words)]
    left, top = (int(side) for side in corners[:, :2].min(axis=0))
    right, bottom = (min(int(side) + 1, 999) for side in corners[:, 2:].max(axis=0))
    return Block(LABEL, (Box(left, top, right, bottom),), f"\n{text}\n\n")


def _place(blocks: Sequence[Block], box: Box) -> int:
    """Before which block a box belongs: the first that begins below it, in its column."""
    for at, block in enumerate(blocks):
        for other in block.boxes:
            if other.y1 >= box.y1 and min(other.x2, box.x2) > max(other.x1, box.x1):
                return at
    return len(blocks)
