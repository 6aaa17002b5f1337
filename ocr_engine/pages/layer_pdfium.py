"""The text layer of a page that PDFium holds open."""

import contextlib
import ctypes
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ocr_engine.pages.text_layer import (
    MAX_CHARS,
    MAX_WORDS,
    Box,
    Word,
    covered,
    text_layer,
    too_large,
    with_hidden,
)
from ocr_engine.records.layer import TextLayer, WordFlag

Boxes = npt.NDArray[np.float64]
_WORD = re.compile(r"\S+")
_UNPAINTED = (3, 7)
"""Text render modes that paint no letter: invisible, and for clipping alone."""
_MAX_OBJECTS = 20_000
_MAX_RECTANGLES = 8
_LEVEL_DEG = 6.0


def layer_of(page: Any, pixels: "npt.NDArray[np.uint8]", size_pt: tuple[float, float]) -> TextLayer:
    """The words of a page that was drawn as `pixels`, (height, width, 3); raises PDFium's errors."""
    with contextlib.closing(page.get_textpage()) as textpage:
        text = _text(textpage)
        found = list(_WORD.finditer(text))
        if len(found) > MAX_WORDS:
            return too_large()
        raw_boxes = np.array([_box(textpage, *word.span()) for word in found], np.float64).reshape(-1, 4)
        pictures, order = _objects(page)
        orders, styles = _styles(textpage, [word.start() for word in found], order, page.get_rotation())
    hidden = covered(raw_boxes, orders, pictures).tolist()
    words = []
    for word, (size, flags), hides in zip(found, styles, hidden, strict=True):
        # PDFium ends a line with a line end; of blocks it knows nothing.
        line = text.count("\n", 0, word.start())
        words.append(Word(word[0], line, line, size, "", flags | (WordFlag.HIDDEN if hides else 0)))
    return with_hidden(text_layer(words, _on_page(raw_boxes, page, size_pt), size_pt), pixels)


def _text(textpage: Any) -> str:
    """A character a place in PDFium's count."""
    import pypdfium2.raw as pdfium

    count = min(max(textpage.count_chars(), 0), MAX_CHARS)
    units = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(textpage, 0, count, units) - 1
    text = "".join(map(chr, units[: max(written, 0)]))
    if written != count or any("\ud800" <= unit <= "\udfff" for unit in text):
        # Characters beyond 16 bits or without a code: the text alone does not say which place is which.
        codes = (pdfium.FPDFText_GetUnicode(textpage, at) for at in range(count))
        return "".join(chr(code) if 0 < code < 0x110000 else "\ufffd" for code in codes)
    return text


def _box(textpage: Any, start: int, end: int) -> Box:
    """Left, bottom, right, top in the page's own units."""
    import pypdfium2.raw as pdfium

    sides = [ctypes.c_double() for _ in range(4)]
    found = []
    for at in range(min(pdfium.FPDFText_CountRects(textpage, start, end - start), _MAX_RECTANGLES)):
        if pdfium.FPDFText_GetRect(textpage, at, *sides):
            left, top, right, bottom = (side.value for side in sides)
            found.append((left, min(bottom, top), right, max(bottom, top)))
    if not found:
        return (-1.0, -1.0, -1.0, -1.0)
    lefts, bottoms, rights, tops = zip(*found, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _objects(page: Any) -> tuple[list[tuple[int, Box]], dict[int, int]]:
    """Pictures, each with its place in the order of drawing, and the places of texts by address."""
    import pypdfium2.raw as pdfium

    pictures: list[tuple[int, Box]] = []
    order: dict[int, int] = {}
    sides = [ctypes.c_float() for _ in range(4)]
    for at in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page, at)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            order[_address(item)] = at
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE and pdfium.FPDFPageObj_GetBounds(item, *sides):
            left, bottom, right, top = (float(side.value) for side in sides)
            pictures.append((at, (left, bottom, right, top)))
    return pictures, order


def _address(pointer: Any) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _styles(
    textpage: Any, starts: Sequence[int], order: dict[int, int], quarter_turns_deg: int
) -> tuple[list[int], list[tuple[float, int]]]:
    """Of the words that start there: their places in the order of drawing; their sizes and flags."""
    import pypdfium2.raw as pdfium

    orders, styles = [], []
    for start in starts:
        item = pdfium.FPDFText_GetTextObject(textpage, start)
        is_unpainted = bool(item) and pdfium.FPDFTextObj_GetTextRenderMode(item) in _UNPAINTED
        turn = math.degrees(max(pdfium.FPDFText_GetCharAngle(textpage, start), 0.0)) - quarter_turns_deg
        is_turned = abs((turn + 180) % 360 - 180) > _LEVEL_DEG
        flags = (WordFlag.HIDDEN if is_unpainted else 0) | (WordFlag.TURNED if is_turned else 0)
        if pdfium.FPDFText_HasUnicodeMapError(textpage, start) == 1:
            flags |= WordFlag.UNMAPPED
        # A text within a form is not among the page's own objects: nothing is known to lie on it.
        orders.append(order.get(_address(item), _MAX_OBJECTS))
        styles.append((float(pdfium.FPDFText_GetFontSize(textpage, start)), int(flags)))
    return orders, styles


def _on_page(boxes: Boxes, page: Any, size_pt: tuple[float, float]) -> Boxes:
    """Boxes in the page's own units, in points of the page as shown, from its top left corner."""
    left, bottom, right, top = page.get_bbox()
    x, y = boxes[:, 0::2] - left, top - boxes[:, 1::2]
    width, height = max(right - left, 1e-6), max(top - bottom, 1e-6)
    turn = page.get_rotation()
    if turn == 90:
        x, y, width, height = height - y, x, height, width
    elif turn == 180:
        x, y = width - x, height - y
    elif turn == 270:
        x, y, width, height = y, width - x, height, width
    corners = [x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)]
    scale = np.array(size_pt * 2) / np.array([width, height] * 2)
    return np.asarray(np.stack(corners, axis=1) * scale)
