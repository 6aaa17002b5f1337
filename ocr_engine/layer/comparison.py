"""A page's blocks beside the words that the file holds of the page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.layer.alignment import Alignment, align
from ocr_engine.layer.prose import Prose, prose_of
from ocr_engine.layer.texts import FoldedTexts
from ocr_engine.layer.unboxed import with_unboxed
from ocr_engine.layer.words import PageWords, page_words
from ocr_engine.records import Block, LayerVerdict, TextLayer

if TYPE_CHECKING:
    import numpy.typing as npt

    Words = npt.NDArray[np.int64]

MAX_BLOCKS = 1_000
"""Blocks of a page that are compared; a page with more is a loop, and nothing of it is."""
_LEAST_LIKE = 0.8


@dataclass(frozen=True, slots=True)
class Compared:
    """A page's blocks beside its words; None for a block without words, without text, or with a figure."""

    blocks: tuple[Block, ...]
    page: PageWords
    alignments: tuple[Alignment | None, ...]
    free: "npt.NDArray[np.int64]" = field(repr=False)
    """Words in no block's box."""
    texts: FoldedTexts = field(repr=False)
    keeps_lines: bool = False
    """Whether blocks say where their lines stand."""

    @property
    def likeness(self) -> float:
        """Share of the characters of blocks and their words that are equal."""
        found = [one for one in self.alignments if one is not None]
        total = sum(len(one.prose.letters) + len(one.letters) for one in found)
        return 2 * sum(one.equal for one in found) / max(total, 1)

    @property
    def may_repair(self) -> bool:
        """Whether the layer is the document's own text, and the text that was read."""
        return self.page.layer.verdict is LayerVerdict.BORN_DIGITAL and self.likeness >= _LEAST_LIKE


def is_table(block: Block) -> bool:
    """Whether a block's text stands in cells."""
    return "<td" in block.content or "<th" in block.content


def compared(blocks: Sequence[Block], layer: TextLayer) -> Compared:
    """Each block aligned with the words in its boxes."""
    page, taken = page_words(layer), tuple(blocks) if len(blocks) <= MAX_BLOCKS else ()
    own = page.owned([block.boxes for block in taken])
    owned = with_unboxed(taken, page, _with_textless(taken, own))
    proses = [prose_of(block.content) for block in taken]
    pairs = zip(taken, proses, owned, strict=True)
    alignments = [_aligned(block, prose, page, words) for block, prose, words in pairs]
    alignments += [None] * (len(blocks) - len(taken))
    free = np.setdiff1d(np.arange(len(page.texts)), np.concatenate([*owned, np.zeros(0, np.int64)]))
    return Compared(tuple(blocks), page, tuple(alignments), free, _texts(taken, proses, page))


def _with_textless(blocks: Sequence[Block], owned: "list[Words]") -> "list[Words]":
    """The words of each block, those of places without text among the words of the text that follows.

    The model gives a table and its caption as two places, and then the text of both, the caption first.
    """
    found, waiting = list(owned), list[int]()
    for at, block in enumerate(blocks):
        if block.figures:
            waiting = []
        elif not block.content.strip():
            waiting.append(at)
        elif waiting:
            found[at] = np.concatenate([owned[at], *(owned[earlier] for earlier in waiting)])
            for earlier in waiting:
                found[earlier] = owned[earlier][:0]
            waiting = []
    return found


def _aligned(block: Block, prose: Prose, page: PageWords, words: "npt.NDArray[np.int64]") -> Alignment | None:
    if block.figures or not prose.letters or not len(words):
        return None
    return align(prose, page, words, is_table=is_table(block))


def _texts(blocks: Sequence[Block], proses: Sequence[Prose], page: PageWords) -> FoldedTexts:
    pairs = zip(blocks, proses, strict=True)
    read = "\n".join(prose.letters for block, prose in pairs if not block.figures)
    words = Counter(word for prose in proses for word in prose.words())
    return FoldedTexts(read, "".join(page.folded), words, Counter(page.folded))
