"""Writes what a figure's second reading says: markdown below the figure, plain lines for its card."""

import re
from collections.abc import Iterable, Mapping

from ocr_engine.config import TextConfig
from ocr_engine.records import FigureText
from ocr_engine.text.clean import clean
from ocr_engine.text.entities import unescape
from ocr_engine.text.folding import fold
from ocr_engine.text.options import restyle

_TAG = re.compile(r"<[^<>]*>")
_ROW_END = re.compile(r"</tr>|<br\s*/?>", re.IGNORECASE)
_CELL_END = re.compile(r"</t[dh]>", re.IGNORECASE)
_FOR_CARDS = TextConfig(habits=(), tables="markdown")


def texts_by_name(readings: Iterable[FigureText], options: TextConfig) -> Mapping[str, str]:
    """The markdown of each figure that has text, by the figure's file name."""
    texts = ((reading.name, clean(fold(reading.text).strip())) for reading in readings)
    return {name: restyle(text, options).strip() for name, text in texts if text.strip()}


def card_text(raw: str) -> str:
    """Turn a figure's raw text into lines to draw. A table's rows become lines of `| a | b |`."""
    text = restyle(clean(fold(raw).strip()), _FOR_CARDS)
    text = _CELL_END.sub("  ", _ROW_END.sub("\n", text))
    return unescape(_TAG.sub("", text)).strip()
