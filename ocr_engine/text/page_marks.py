"""Splits the answer to several pages at its page marks, and says which piece is whose.

A mark stands before each page. An answer may lack one, so that two pages are one piece, or have one that the
page itself shows: only as many pieces as pages are taken at their word, where no text layer contradicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_engine.families import TOKENS
from ocr_engine.text.grounding import parse
from ocr_engine.text.recall import text_of, word_recall

SURE, LIKELY = 0.8, 0.6
"""Of the words of a piece and of a page's text layer, the share that must be in the other: to be sure that it
is this page's, and where nothing speaks against it.
"""


@dataclass(frozen=True, slots=True)
class PagePiece:
    """What an answer says of one page; `doubt` says why it is not to be believed, "" where it is."""

    text: str
    doubt: str = ""


def page_pieces(answer: str, layers: Sequence[str], *, is_whole: bool) -> tuple[PagePiece, ...]:
    """A piece a page, in order, for pages with these text layers ("" for none).

    `is_whole` says that the answer ended by itself. Of one that was cut off, pages are believed up to the
    piece it was cut off in.
    """
    found, count = _split(answer), len(layers)
    if len(found) == count and is_whole:
        return tuple(PagePiece(text, _doubt(text, layer)) for text, layer in zip(found, layers, strict=True))
    words = f"its request's answer holds {len(found)} of {count} pages"
    if not is_whole and len(found) <= count:
        sure = [PagePiece(text, _doubt(text, layer)) for text, layer in zip(found[:-1], layers, strict=False)]
        cut = PagePiece("", "the answer to its request was cut off")
        return (*sure, *[cut] * (count - len(sure)))
    texts = [*found, *[""] * count][:count]
    return tuple(
        PagePiece(text, "" if is_of_page(text, layer) else words)
        for text, layer in zip(texts, layers, strict=True)
    )


def _doubt(text: str, layer: str) -> str:
    """What speaks against a piece that stands where the page's should, "" where nothing does."""
    if not text.strip():
        return "its part of its request's answer is empty"
    likeness = _likeness(text, layer)
    is_likely = likeness is None or likeness >= LIKELY
    return "" if is_likely else "its part of its request's answer is unlike its text layer"


def is_of_page(text: str, layer: str) -> bool:
    """Whether a piece is this page's, and nobody else's, as far as its text layer tells: it must have one."""
    likeness = _likeness(text, layer)
    return likeness is not None and likeness >= SURE


def _likeness(text: str, layer: str) -> float | None:
    """The share of a layer's words in a piece or of the piece's in it, the lower; None for too few words."""
    if (there := word_recall(text, layer)) is None:
        return None
    said = word_recall(layer, text_of(parse(text).blocks))
    return 0.0 if said is None else min(there, said)


def _split(answer: str) -> list[str]:
    """The pieces, without line ends around marks. What stands before the first mark is one if it is text."""
    first, *rest = answer.split(TOKENS.page)
    pieces = [first, *rest] if first.strip() else rest
    return [piece.strip("\n") for piece in pieces]
