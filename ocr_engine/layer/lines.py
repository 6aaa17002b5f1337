"""Words of a page in, the lines that they stand in out: for what places text, or asks where a line ends."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ocr_engine.layer.spacing import on_one_row
from ocr_engine.layer.words import PageWords
from ocr_engine.records import BlockLine


def lines_of(page: PageWords, words: Sequence[int]) -> tuple[BlockLine, ...]:
    """The lines of these words, in their order: a new one where the row is another, or begins again.

    The lines of a file end at wide gaps, such as that after a bullet; those of a reader do not.
    """
    return tuple(_line(page, group) for group in _groups(page, words))


def _groups(page: PageWords, words: Sequence[int]) -> Iterator[list[int]]:
    group = list(words[:1])
    for left, right in pairwise(words):
        if page.boxes[right, 0] < page.boxes[left, 0] or not on_one_row(page, left, right):
            yield group
            group = []
        group.append(right)
    if group:
        yield group


def _line(page: PageWords, words: list[int]) -> BlockLine:
    corners = page.boxes[words].astype(float).round(1)
    heights = sorted(corners[:, [1, 3]].tolist(), key=lambda pair: pair[1] - pair[0])
    top, bottom = heights[len(words) // 2]
    sides = tuple(corners[:, [0, 2]].ravel().tolist())
    return BlockLine(tuple(page.texts[word] for word in words), sides, top, bottom)
