"""The text layer of a page that PyMuPDF holds open."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from ocr_engine.pages.text_layer import MAX_WORDS, Box, Word, covered, text_layer, too_large, with_hidden
from ocr_engine.records.layer import TextLayer, WordFlag

if TYPE_CHECKING:
    import numpy.typing as npt

_PAINTED = 16 | 32
"""Of a span's `char_flags`: its letters are filled, or stroked."""
_PICTURE = 1
"""The kind of a block that is a picture."""
_Style = tuple[float, str, int]
"""Size in points, font, flags."""
_UNKNOWN: _Style = (0.0, "", 0)


def layer_of(drawn: Any, pixels: "npt.NDArray[np.uint8]", size_pt: tuple[float, float]) -> TextLayer:
    """The words of a page of this size from its display list and the picture made of that.

    `pixels` is uint8 (height, width, 3), or (height, width, 1) of a grey picture.

    Raises whatever MuPDF raises on a hostile page.
    """
    import pymupdf

    textpage = _text_page(drawn, pymupdf.TEXT_PRESERVE_IMAGES)
    pictures = [(block[5], block[:4]) for block in textpage.extractBLOCKS() if block[6] == _PICTURE]
    # A picture between words starts a new block, which is none of the text's.
    with_pictures, textpage = textpage, _text_page(drawn) if pictures else textpage
    found = textpage.extractWORDS()
    if len(found) > MAX_WORDS:
        return too_large()
    boxes = np.array([word[:4] for word in found], np.float64).reshape(-1, 4)
    hidden = _covered(with_pictures, pictures, boxes)
    lines = _lines(textpage.extractDICT()["blocks"])
    words = [
        Word(text, line, block, size, font, flags | (WordFlag.HIDDEN if hides else 0))
        for (block, line), group in groupby(zip(found, hidden, strict=True), lambda pair: pair[0][5:7])
        for (text, (size, font, flags), hides) in _styled(list(group), lines.get((block, line), _NO_LINE))
    ]
    return with_hidden(text_layer(words, boxes, size_pt), pixels)


_Line = tuple[Sequence[dict[str, Any]], bool]
_NO_LINE: _Line = ((), False)


def _lines(blocks: Sequence[dict[str, Any]]) -> dict[tuple[int, int], _Line]:
    """The spans of each line by its block and place there, and whether it is turned."""
    return {
        (block["number"], at): (line["spans"], line["dir"][0] < 0.99 or line["wmode"] != 0)
        for block in blocks
        for at, line in enumerate(block.get("lines", ()))
    }


def _styled(words: Sequence[tuple[Any, bool]], line: _Line) -> Iterator[tuple[str, _Style, bool]]:
    """A line's words, each with how it is set."""
    spans, is_turned = line
    if len(spans) < 2:
        style = _style(spans, is_turned)
        yield from ((word[4], style, hides) for word, hides in words)
        return
    text, at = "".join(span["text"] for span in spans), 0
    ends = list(accumulate(len(span["text"]) for span in spans))
    styles = [_style([span], is_turned) for span in spans]
    for word, hides in words:
        first = max(text.find(word[4], at), at)
        at = first + len(word[4])
        start, stop = bisect_right(ends, first), bisect_left(ends, at) + 1
        style = styles[start] if stop - start == 1 else _style(spans[start:stop], is_turned)
        yield word[4], style, hides


def _style(spans: Sequence[dict[str, Any]], is_turned: bool) -> _Style:
    if not spans:
        return _UNKNOWN
    largest = max(spans, key=lambda span: span["size"])
    flags = int(WordFlag.TURNED) if is_turned else 0
    if not any(span["char_flags"] & _PAINTED and span["alpha"] for span in spans):
        flags |= WordFlag.HIDDEN
    if any(span["size"] < 0.9 * largest["size"] for span in spans):
        flags |= WordFlag.MIXED
    return largest["size"], largest["font"], flags


def _text_page(drawn: Any, flags: int = 0) -> Any:
    """Without TEXT_CID_FOR_UNKNOWN_UNICODE: a glyph's number would pass for a character."""
    import pymupdf

    return pymupdf.TextPage(drawn.get_textpage(flags=pymupdf.TEXT_PRESERVE_WHITESPACE | flags))


def _covered(textpage: Any, pictures: Sequence[tuple[int, Box]], boxes: Any) -> list[bool]:
    """Which words a picture lies on; `textpage` is the one with pictures."""
    if not pictures or not len(boxes):
        return [False] * len(boxes)
    # The same words in the same order, in other blocks.
    orders = [word[5] for word in textpage.extractWORDS()]
    if len(orders) != len(boxes):
        return [False] * len(boxes)
    return list(covered(boxes, orders, pictures).tolist())
