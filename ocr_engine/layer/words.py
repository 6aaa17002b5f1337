"""A page's layer as the blocks of the page see it: which words lie in a box, in what order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ocr_engine.layer.folding import fold
from ocr_engine.records import Box, TextLayer, WordFlag

if TYPE_CHECKING:
    import numpy.typing as npt

SLACK = 4.0
"""Model units by which a word's middle may be out of its block's box."""
_LEADERS = re.compile(r"[.\u2026_\u00b7]{4,}|\u2026{2,}")
_FORMULA = re.compile(
    "[\u00a8\u00b4\u02b0-\u036f\u0370-\u03ff\u2061-\u2064\u2070-\u209f\u2100-\u214f\u2190-\u23ff\u25ca\u27c0-\u2aff\ufffd\U0001d400-\U0001d7ff]"
)
"""What stands in formulas, which files write in ways of their own: letters twice, fractions in two lines.

So do some with accents: beside the letter that they belong to.
"""
_UNSEEN = int(WordFlag.HIDDEN | WordFlag.TURNED)


@dataclass(frozen=True, slots=True)
class PageWords:
    """The words of a layer that are to be seen and level, n of them, with what is compared of each."""

    layer: TextLayer
    texts: tuple[str, ...]
    folded: tuple[str, ...]
    boxes: "npt.NDArray[np.float32]" = field(repr=False)
    lines: "npt.NDArray[np.int32]" = field(repr=False)
    layer_blocks: "npt.NDArray[np.int32]" = field(repr=False)
    """The lines and blocks of the layer that they stand in."""
    sizes: "npt.NDArray[np.float32]" = field(repr=False)
    """Heights of the words' boxes in model units."""
    middles: tuple[float, ...] = field(repr=False)
    heights: tuple[float, ...] = field(repr=False)
    """Of the boxes, from top to bottom, for questions about single words: arrays are slow at those."""
    doubtful: "npt.NDArray[np.bool_]" = field(repr=False)
    """Words whose characters are not taken over: no map, right to left, raised numbers, formulas."""

    def owned(self, boxes_of: Sequence[Sequence[Box]]) -> "list[npt.NDArray[np.int64]]":
        """For each block, by its boxes, the indexes of its words in the order of the file.

        A word is of the smallest box that its middle is in; else of the nearest one that it is hardly out of.
        """
        x, y = ((self.boxes[:, side] + self.boxes[:, side + 2]) / 2 for side in (0, 1))
        owner = np.full(len(self.texts), -1)
        best = np.full(len(self.texts), -np.inf)
        for at, boxes in enumerate(boxes_of):
            for box in boxes:
                worth = _worth(box, x, y)
                nearer = worth > best
                owner[nearer], best[nearer] = at, worth[nearer]
        order = np.argsort(owner, kind="stable")
        first, last = (
            np.searchsorted(owner[order], range(len(boxes_of)), side) for side in ("left", "right")
        )
        return [order[start:end] for start, end in zip(first, last, strict=True)]

    def by_rows(self, words: Sequence[int]) -> list[int]:
        """The words row by row from the top, each row from the left."""
        if len(words) < 2:
            return list(words)
        step = 0.5 * sorted(self.heights[word] for word in words)[len(words) // 2]
        lefts = self.boxes[:, 0].tolist()
        rows: list[list[int]] = []
        last = -np.inf
        for word in sorted(words, key=self.middles.__getitem__):
            if self.middles[word] - last > step:
                rows.append([])
            rows[-1].append(word)
            last = self.middles[word]
        return [word for row in rows for word in sorted(row, key=lefts.__getitem__)]


def _worth(box: Box, x: "npt.NDArray[Any]", y: "npt.NDArray[Any]") -> "npt.NDArray[np.float64]":
    """Of middles: in the box the smaller the better, out of it the nearer, too far out nothing."""
    outside = np.maximum(np.maximum(box.x1 - x, x - box.x2), np.maximum(box.y1 - y, y - box.y2))
    area = (box.x2 - box.x1) * (box.y2 - box.y1)
    worth = np.where(outside <= 0, 1.0 / max(area, 1), -outside)
    return np.where(outside <= SLACK, worth, -np.inf)


def page_words(layer: TextLayer) -> PageWords:
    """The words to compare with, of a layer."""
    seen = np.flatnonzero((layer.flags & _UNSEEN) == 0).tolist()
    parts = [(at, *part) for at in seen for part in _without_leaders(layer.words[at])]
    kept = np.array([at for at, *_ in parts], np.int64)
    texts = tuple(text for *_, text in parts)
    boxes = _cut_boxes(layer.boxes[kept], parts)
    doubtful = (layer.flags[kept] & int(WordFlag.UNMAPPED | WordFlag.RIGHT_TO_LEFT | WordFlag.MIXED)) > 0
    doubtful |= np.array([not text.isascii() and bool(_FORMULA.search(text)) for text in texts], np.bool_)
    return PageWords(
        layer,
        texts,
        tuple(map(fold, texts)),
        boxes,
        layer.lines[kept],
        layer.blocks[kept],
        sizes := np.maximum(boxes[:, 3] - boxes[:, 1], 1.0),
        tuple(((boxes[:, 1] + boxes[:, 3]) / 2).tolist()),
        tuple(sizes.tolist()),
        np.asarray(doubtful),
    )


def _without_leaders(word: str) -> list[tuple[float, float, str]]:
    """The parts of a word between runs of dots, as in tables of contents, with where they start and end."""
    if ".." not in word and "\u2026" not in word:
        return [(0.0, 1.0, word)]
    ends = [(0, 0), *(found.span() for found in _LEADERS.finditer(word)), (len(word), len(word))]
    spans = [(start, end) for (_, start), (end, _) in pairwise(ends) if start < end]
    return [(start / len(word), end / len(word), word[start:end]) for start, end in spans]


def _cut_boxes(
    boxes: "npt.NDArray[np.float32]", parts: Sequence[tuple[int, float, float, str]]
) -> "npt.NDArray[np.float32]":
    """The boxes of parts of words."""
    shares = np.array([(start, end) for _, start, end, _ in parts], np.float32).reshape(-1, 2)
    widths = boxes[:, 2] - boxes[:, 0]
    left = boxes[:, 0] + shares[:, 0] * widths
    right = boxes[:, 0] + shares[:, 1] * widths
    return np.stack([left, boxes[:, 1], right, boxes[:, 3]], axis=1)
