"""How many of a text layer's words an answer holds, in any order. Text in, a share out."""

import re
import unicodedata
from collections import Counter

from ocr_engine.marks import carried
from ocr_engine.records import Block
from ocr_engine.text.markdown import LAYOUT_LABELS

MIN_WORDS = 20
"""A layer with fewer says nothing: a page number, a stamp."""
MAX_CHARS = 400_000
_MAX_BROKEN = 0.2
_TAG = re.compile(r"<[^<>]{0,200}>")
_HYPHENATION = re.compile(r"(?<=\w)[-\u2010\u00ad][^\S\n]*+\n\s*+(?=\w)")
_SOFT = re.compile("[\u00ad\u200b-\u200f\ufeff]")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_BROKEN = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")


def text_of(blocks: tuple[Block, ...]) -> str:
    """The text that was read: contents, and labels where these are text (prompt `ocr`); no markup."""
    parts = [part for block in blocks for part in (_label(block), block.content) if part]
    return _TAG.sub(" ", "\n".join(parts)[:MAX_CHARS])


def word_recall(text: str, layer: str) -> float | None:
    """The share of the layer's words, counted as often as they stand there, that are in `text`.

    Compared after NFKC (ligatures) and case folding, words joined over line ends; Chinese, Japanese and
    Korean by characters. None where the layer has fewer than 20 words, or is no text (fonts without a map).
    """
    layer = layer[:MAX_CHARS]
    if len(_BROKEN.findall(layer)) > _MAX_BROKEN * len(layer):
        return None
    expected = _words(layer)
    total = expected.total()
    if total < MIN_WORDS:
        return None
    return round((expected & _words(text[:MAX_CHARS])).total() / total, 4)


def letters(text: str) -> int:
    """Letters and digits in it: the measure of how much was read."""
    return sum(map(str.isalnum, text))


def mostly_cjk(text: str) -> bool:
    """Whether a page may be written downwards."""
    return len(re.findall(f"[{_CJK}]", text)) > 0.3 * letters(text)


def _words(text: str) -> Counter[str]:
    joined = _SOFT.sub("", _HYPHENATION.sub("", text))
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", carried(joined)).casefold()))


def _label(block: Block) -> str:
    return "" if block.label in LAYOUT_LABELS else block.label
