"""Text of the page that no block holds: body lines that nobody read, as blocks at their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

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


@dataclass(frozen=True, slots=True)
class MissedText:
    """Lines that follow each other, and the index of the block that they stand before."""

    block: Block
    before: int
    words: tuple[int, ...]


def missed_text(
    blocks: Sequence[Block], page: PageWords, free: "npt.NDArray[np.int64]", texts: FoldedTexts
) -> list[MissedText]:
    """The pieces of body text in no block's box that were not read, in the order of the page."""
    whole = [line for line in _lines(page, free) if _is_missed(page, line, texts)][:_MAX_LINES]
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
    return is_body and not page.doubtful[line].any() and not texts.was_read(letters)


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
