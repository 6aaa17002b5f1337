"""Words of a PDF page as a library gives them in, the page's text layer out: bounded and judged.

What a file says of its text is not believed: invisible characters go, and a word is hidden where the picture
of the page shows nothing. Rules and numbers: docs/quality.md.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.families import BOX_SCALE
from ocr_engine.marks import carried
from ocr_engine.records.layer import LayerVerdict, TextLayer, WordFlag, no_layer

if TYPE_CHECKING:
    import numpy.typing as npt

MAX_WORDS = 20_000
"""Words kept of one page; a newspaper page has 8,000."""
MAX_CHARS = 400_000
MAX_WORD_CHARS = 1_000
MAX_FONTS = 1_000
MAX_LOOKED_AT_PX = 4_000_000
"""Pixels in which the words of a page are looked for."""
MAX_PICTURES = 200
_MIN_CONTRAST = 24
"""Levels of 255 between the darkest and the brightest pixel where a word stands: less is not to be seen."""
_LOOKED_AT = (0.54, 0.66), (0.3, 0.42, 0.78)
"""Rows of pixels in which a word is looked for, as shares of its box's height: most show in the first two."""
_MOST = 0.5
_MANY_UNMAPPED = 0.2
_OCR_FONTS = ("glyphless", "hiddenhorzocr", "invisible")
"""What the fonts of OCR programs are called."""
_INVISIBLE = {
    code: None
    for code in (*range(0x20), *range(0x7F, 0xA0), 0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
                 *range(0x2060, 0x2070), 0xFEFF, 0xFFFE, 0xFFFF, *range(0xE0000, 0xE0080))
}  # fmt: skip
_WRITTEN_OUT = {0xFB00 + at: text for at, text in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))}
_CLEANING = _INVISIBLE | _WRITTEN_OUT | {code: "\ufffd" for code in range(0xD800, 0xE000)}
_HYPHENS = ("\xad", "\u2010", "\x02", "\ufffe")
"""What ends a line where a word was divided, besides `-`; the last two are PDFium's."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Word:
    """A word as a library gives it, and how it is set. `line` and `block` differ where those do."""

    text: str
    line: int
    block: int
    size_pt: float = 0.0
    font: str = ""
    flags: int = 0


def text_layer(
    words: Sequence[Word], boxes_pt: "npt.NDArray[np.float64]", size_pt: tuple[float, float]
) -> TextLayer:
    """The layer of a page of this size, from words and their boxes, (n, 4) points of the page as shown."""
    boxes = np.nan_to_num(boxes_pt.reshape(-1, 4) * (BOX_SCALE / np.array(size_pt * 2)), nan=-1.0)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    within = np.asarray(((centres >= 0) & (centres <= BOX_SCALE)).all(axis=1)).tolist()
    kept, texts = _kept(words, list(within))
    chosen = [words[at] for at in kept]
    fonts = tuple(dict.fromkeys(word.font for word in chosen))[:MAX_FONTS]
    index = {name: at for at, name in enumerate(fonts)}
    layer = TextLayer(
        LayerVerdict.NONE,
        "",
        words=tuple(text.translate(_CLEANING) for text in texts),
        boxes=np.clip(boxes[kept], 0, BOX_SCALE).astype(np.float32),
        lines=_counted([(word.block, word.line) for word in chosen]),
        blocks=_counted([word.block for word in chosen]),
        sizes_pt=np.array([word.size_pt for word in chosen], np.float32),
        font_of=np.array([index.get(word.font, 0) for word in chosen], np.uint16),
        flags=np.array(
            [
                word.flags if text.isascii() else word.flags | _flags(text)
                for word, text in zip(chosen, texts, strict=True)
            ],
            np.uint16,
        ),
        fonts=tuple(name[:100] for name in fonts),
    )
    return _judged(layer)


def _kept(words: Sequence[Word], within: Sequence[bool]) -> tuple[list[int], list[str]]:
    """Which words are within the page and hold a visible character, and their texts."""
    kept: list[int] = []
    texts: list[str] = []
    left = MAX_CHARS
    for at, (word, inside) in enumerate(zip(words, within, strict=True)):
        text = word.text[: min(MAX_WORD_CHARS, left)]
        if not text.isascii() or not text.isprintable():
            text = carried(_with_hyphen(text))
            inside = inside and bool(text.translate(_INVISIBLE))
        if inside and text:
            kept.append(at)
            texts.append(text)
            left -= len(text)
    return kept, texts


def _with_hyphen(text: str) -> str:
    return text[:-1] + "-\xad" if text.endswith(_HYPHENS) else text


def _flags(text: str) -> int:
    flags = WordFlag.SOFT_HYPHEN if text.endswith("\xad") else WordFlag(0)
    for character in text:
        if character == "\ufffd" or unicodedata.category(character) in ("Co", "Cs", "Cn"):
            flags |= WordFlag.UNMAPPED
        elif unicodedata.bidirectional(character) in ("R", "AL"):
            flags |= WordFlag.RIGHT_TO_LEFT
    return int(flags)


def _counted(keys: Sequence[object]) -> "npt.NDArray[np.int32]":
    """A number a run of equal keys, from 0."""
    steps = [at > 0 and key != keys[at - 1] for at, key in enumerate(keys)]
    return np.cumsum(np.array(steps, np.int32), dtype=np.int32)


def _judged(layer: TextLayer) -> TextLayer:
    """The layer with its verdict."""
    verdict, reason = _verdict(layer)
    return replace(layer, verdict=verdict, reason=reason)


def _verdict(layer: TextLayer) -> tuple[LayerVerdict, str]:
    if not layer.words:
        return LayerVerdict.NONE, "the page holds no text"
    if font := next((font for font in layer.fonts if font.lower().startswith(_OCR_FONTS)), ""):
        return LayerVerdict.OCR, f"its text is set in {font}, as OCR programs do"
    hidden = _share(layer, WordFlag.HIDDEN)
    if hidden > _MOST:
        return LayerVerdict.OCR, f"{hidden:.0%} of its text is not to be seen on the page"
    unmapped = _share(layer, WordFlag.UNMAPPED)
    if unmapped > _MANY_UNMAPPED:
        return (
            LayerVerdict.BROKEN,
            f"the fonts of {unmapped:.0%} of its text do not say which characters they show",
        )
    return LayerVerdict.BORN_DIGITAL, "its text is drawn on the page"


def _share(layer: TextLayer, flag: WordFlag) -> float:
    """The share of characters that are in words with this flag."""
    lengths = np.array([len(word) for word in layer.words])
    return float(lengths[(layer.flags & flag) > 0].sum() / max(lengths.sum(), 1))


def with_hidden(layer: TextLayer, pixels: "npt.NDArray[np.uint8]") -> TextLayer:
    """The layer, words that the page's picture does not show marked as hidden.

    `pixels` is uint8 (height, width, 3), or (height, width, 1) of a grey picture.
    """
    if not layer.words:
        return layer
    looked_at = np.array([any(map(str.isalnum, word)) for word in layer.words])
    hidden = looked_at.copy()
    for rows in _LOOKED_AT:
        at = np.flatnonzero(hidden)
        hidden[at] = ~_shown(layer.boxes[at], pixels, rows) if len(at) else False
    if not hidden.any():
        return layer
    flags = np.where(hidden, layer.flags | WordFlag.HIDDEN, layer.flags).astype(np.uint16)
    return _judged(replace(layer, flags=flags))


def _shown(
    boxes: "npt.NDArray[np.float32]", pixels: "npt.NDArray[np.uint8]", shares: Sequence[float]
) -> "npt.NDArray[np.bool_]":
    """In which boxes the rows of pixels at these heights are not all of one colour."""
    height, width, channels = pixels.shape
    places = boxes * (np.array([width, height] * 2, np.float32) / BOX_SCALE)
    left = np.clip(np.floor(places[:, 0]), 0, width - 1).astype(np.int64)
    length = np.clip(np.ceil(places[:, 2]).astype(np.int64) - left, 1, width - left)
    rows = places[:, 1, None] + np.outer(places[:, 3] - places[:, 1], shares)
    starts = (np.clip(rows, 0, height - 1).astype(np.int64) * width + left[:, None]).ravel()
    lengths = np.minimum(np.repeat(length, len(shares)), MAX_LOOKED_AT_PX // max(len(starts), 1) + 1)
    begins = np.cumsum(lengths) - lengths
    at = np.repeat(starts - begins, lengths) + np.arange(int(lengths.sum()))
    colors = pixels.reshape(-1, channels)[at]
    darkest = np.minimum.reduceat(colors, begins).reshape(len(boxes), -1, channels).min(axis=1)
    brightest = np.maximum.reduceat(colors, begins).reshape(len(boxes), -1, channels).max(axis=1)
    return np.asarray((brightest.astype(np.int16) - darkest >= _MIN_CONTRAST).any(axis=1))


def covered(
    boxes_pt: "npt.NDArray[np.float64]", orders: Sequence[int], pictures: Sequence[tuple[int, Box]]
) -> "npt.NDArray[np.bool_]":
    """Which words, (n, 4) points, lie in a picture that is drawn after them.

    `orders` are the words' places in the order of drawing; each picture comes with its own.
    """
    hidden = np.zeros(len(boxes_pt), np.bool_)
    x, y = ((boxes_pt[:, side] + boxes_pt[:, side + 2]) / 2 for side in (0, 1))
    order = np.array(orders)
    for at, (x1, y1, x2, y2) in pictures[-MAX_PICTURES:]:
        hidden |= (order < at) & (x1 <= x) & (x <= x2) & (y1 <= y) & (y <= y2)
    return hidden


def too_large() -> TextLayer:
    """The layer of a page with more than `MAX_WORDS` words."""
    return unreadable(f"the page holds more than {MAX_WORDS:,} words")


def unreadable(reason: str) -> TextLayer:
    """The layer of a page whose text a library cannot read."""
    return replace(no_layer(), verdict=LayerVerdict.BROKEN, reason=reason)
