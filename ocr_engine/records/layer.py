"""The text that a file itself holds of a page: words, where they stand, and how far they can be believed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_HEAVY = re.compile(r"bold|black|heavy|demi", re.IGNORECASE)


class LayerVerdict(StrEnum):
    """What a text layer is: the document's own text, somebody's OCR, no usable text, or nothing."""

    BORN_DIGITAL = "born-digital"
    OCR = "ocr"
    BROKEN = "broken"
    NONE = "none"


class WordFlag(IntFlag):
    """What is particular about a word."""

    HIDDEN = 1
    """Not to be seen on the page: invisible text, no ink where it stands, or a picture over it."""
    UNMAPPED = 2
    """Its font does not say which characters it shows: private use or replacement characters."""
    SOFT_HYPHEN = 4
    """It ends with a soft hyphen, written here as a hyphen."""
    RIGHT_TO_LEFT = 8
    TURNED = 16
    """Not written from left to right on the page as it is shown: vertical or rotated."""
    MIXED = 32
    """Of type in several sizes, such as a word with a raised number."""


@dataclass(frozen=True, slots=True, eq=False)
class TextLayer:
    """The n words of a page's text layer, in the order of the file. Small when pickled.

    `boxes` is float32 (n, 4): x1, y1, x2, y2 in model units 0..999 of the page as it is shown. `lines` and
    `blocks`, int32 (n,), count over the page. `sizes_pt` is float32 (n,). `fonts` names the page's fonts,
    `font_of`, uint16 (n,), which of them a word is set in. `flags`, uint16 (n,), are of `WordFlag`.
    """

    verdict: LayerVerdict
    reason: str
    """Why it is that, for people."""
    words: tuple[str, ...]
    boxes: "npt.NDArray[np.float32]" = field(repr=False)
    lines: "npt.NDArray[np.int32]" = field(repr=False)
    blocks: "npt.NDArray[np.int32]" = field(repr=False)
    sizes_pt: "npt.NDArray[np.float32]" = field(repr=False)
    font_of: "npt.NDArray[np.uint16]" = field(repr=False)
    flags: "npt.NDArray[np.uint16]" = field(repr=False)
    fonts: tuple[str, ...] = ()

    @property
    def is_bold(self) -> "npt.NDArray[np.bool_]":
        """Whether each word's font is a heavy one, by its name: bool (n,)."""
        import numpy as np

        return np.array([bool(_HEAVY.search(font)) for font in self.fonts or ("",)])[self.font_of]

    @property
    def text(self) -> str:
        """All words, a line a line."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        pairs = zip(self.lines.tolist(), self.words, strict=True)
        for _, words in groupby(pairs, key=lambda pair: pair[0]):
            yield " ".join(word for _, word in words)


@cache
def no_layer() -> TextLayer:
    """The layer of a page that has none, such as a picture."""
    import numpy as np

    counts, sizes = np.zeros(0, np.int32), np.zeros(0, np.float32)
    flags, boxes = np.zeros(0, np.uint16), np.zeros((0, 4), np.float32)
    reason = "the page holds no text"
    return TextLayer(LayerVerdict.NONE, reason, (), boxes, counts, counts, sizes, flags, flags)
