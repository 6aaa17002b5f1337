"""Text layers made for tests: words on lines, as a page would have them."""

from collections.abc import Sequence

import numpy as np

from ocr_engine.pages.text_layer import Word, text_layer
from ocr_engine.records import TextLayer

PAGE_PT = (999.0, 999.0)
"""A page on which a point is a model unit."""
LETTER_PT = 8.0
LINE_PT = 20.0


def layer_of(text: str, left: float = 100.0, top: float = 100.0, flags: int = 0) -> TextLayer:
    """The layer of a page on which the lines of `text` stand below each other."""
    return layer_of_lines(
        [(line, left, top + at * LINE_PT) for at, line in enumerate(text.split("\n"))], flags
    )


def layer_of_lines(lines: Sequence[tuple[str, float, float]], flags: int = 0) -> TextLayer:
    """The layer of lines that start at these places: text, left, top."""
    words, boxes = list[Word](), list[tuple[float, float, float, float]]()
    for at, (line, left, top) in enumerate(lines):
        letter_pt = min(LETTER_PT, (PAGE_PT[0] - left) / max(len(line), 1))
        for word in line.split():
            width = letter_pt * len(word)
            words.append(Word(word, at, 0, 12.0, "Sans", flags))
            boxes.append((left, top, left + width, top + 12.0))
            left += width + letter_pt
    return text_layer(words, np.array(boxes, np.float64).reshape(-1, 4), PAGE_PT)
