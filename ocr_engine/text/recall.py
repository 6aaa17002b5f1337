"""Measures how many of a text layer's words an answer holds, in any order."""

import re
import unicodedata
from collections import Counter

from ocr_engine.marks import carried
from ocr_engine.records import Block
from ocr_engine.text.markdown import LAYOUT_LABELS

MIN_WORDS = 20
"""A layer with fewer words tells nothing: a page number, a stamp."""
MAX_CHARS = 400_000
_MAX_BROKEN = 0.2
_TAG = re.compile(r"<[^<>]{0,200}>")
_HYPHENATION = re.compile(r"(?<=\w)[-\u2010\u00ad][^\S\n]*+\n\s*+(?=\w)")
_SOFT = re.compile("[\u00ad\u200b-\u200f\ufeff]")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_BROKEN = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")


def text_of(blocks: tuple[Block, ...]) -> str:
    """The text that was read, without markup: contents, and labels that are text (prompt `ocr`)."""
    parts = [part for block in blocks for part in (_label(block), block.content) if part]
    return without_tags("\n".join(parts))


def without_tags(text: str) -> str:
    """Text with a blank for each HTML tag; at most `MAX_CHARS` of it are looked at."""
    return _TAG.sub(" ", text[:MAX_CHARS])


def word_recall(text: str, layer: str) -> float | None:
    """The share of the layer's words that `text` holds, repeated words counted as often as they stand there.

    Words are compared after NFKC (ligatures) and case folding, with hyphenation at line ends undone. Chinese,
    Japanese and Korean are compared by character. None if the layer has fewer than 20 words, or is no text
    (fonts without a character map).
    """
    layer = layer[:MAX_CHARS]
    if len(_BROKEN.findall(layer)) > _MAX_BROKEN * len(layer):
        return None
    expected = folded_words(layer)
    total = expected.total()
    if total < MIN_WORDS:
        return None
    return round((expected & folded_words(text[:MAX_CHARS])).total() / total, 4)


def letters(text: str) -> int:
    """Count letters and digits: the measure of how much was read."""
    return sum(map(str.isalnum, text))


def mostly_cjk(text: str) -> bool:
    """Whether most letters are Chinese, Japanese or Korean: such a page may be written downwards."""
    return len(re.findall(f"[{_CJK}]", text)) > 0.3 * letters(text)


def folded_words(text: str) -> Counter[str]:
    """The words of a text as `word_recall` compares them, and how often each stands there."""
    return Counter(ordered_words(text))


def ordered_words(text: str) -> tuple[str, ...]:
    """These words in their order."""
    joined = _SOFT.sub("", _HYPHENATION.sub("", text))
    return tuple(WORD.findall(unicodedata.normalize("NFKC", carried(joined)).casefold()))


def _label(block: Block) -> str:
    return "" if block.label in LAYOUT_LABELS else block.label
