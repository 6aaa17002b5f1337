"""A page's answer as its text layer foretells it: blocks in the model's tags, boxes and headings.

What is wrong here costs time, never text: the model verifies every token.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise

import numpy as np

from ocr_engine.drafts.formulas import as_written
from ocr_engine.families import BOX_SCALE, TOKENS
from ocr_engine.records.layer import LayerVerdict, TextLayer, WordFlag

MAX_CHARS = 20_000
"""More than an answer of 8,192 tokens holds is predicted for nothing."""
_MARGIN = 55
"""Model units from the top and the bottom in which running heads stand: the model leaves them out."""
_WIDENED = (-3, -3, 2, -1)
"""What the model adds to a block's box of words, measured on real answers."""
_LARGER = 1.15
_HEADING_CHARS = 120
_LIST_ITEM = re.compile(r"(?:[-–•*◦▪]|\(?(?:\d{1,3}|[a-zA-Z])[.)])(?:\s|$)")
_NUMBER = re.compile(r"[\d.]+")
_LINE_GAP, _CELL_GAP = 400, 8
"""Model units: a piece less far behind another is of its line, one at least so far a table's next cell."""
_CELL, _ROW = "</td><td>", "</td></tr><tr><td>"
_DIVIDED = re.compile(r"[a-z]-$")
_CAPTION = re.compile(r"(Figure|Fig\.|Table) [\dA-Z]")
_CAPTION_CHARS = 300
_TYPED = str.maketrans({"•": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " "})
"""Signs that the model mostly writes in their plain form."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    box: tuple[float, float, float, float]
    block: int
    size_pt: float
    is_bold: bool
    has_cells: bool = False


def predicted_answer(layer: TextLayer, *, tagged: bool) -> str:
    """The answer to the markdown prompt, or with `tagged` false to that without grounding.

    "" where the layer is not the page's own text.
    """
    if layer.verdict is not LayerVerdict.BORN_DIGITAL:
        return ""
    lines = [line for line in _lines(layer) if line.box[3] > _MARGIN and line.box[1] < BOX_SCALE - _MARGIN]
    body_pt = _body_size(lines)
    write = _tagged if tagged else _plain
    answer = "  \n\n".join(write(block, body_pt) for block in _blocks(lines))[:MAX_CHARS]
    return as_written(answer)[:MAX_CHARS]


def _blocks(lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    """The lines of each block; blocks with cells that follow one another are one table."""
    in_file = (list(of_block) for _, of_block in groupby(lines, key=lambda line: line.block))
    for is_table, blocks in groupby(in_file, key=lambda block: any(line.has_cells for line in block)):
        if is_table:
            yield list(chain.from_iterable(blocks))
        else:
            yield from blocks


def _lines(layer: TextLayer) -> Iterator[_Line]:
    """The lines that are seen and run from left to right; pieces that stand beside one another joined."""
    seen = (layer.flags & (WordFlag.HIDDEN | WordFlag.TURNED)) == 0
    last: _Line | None = None
    for line in _as_in_file(layer, np.flatnonzero(seen)):
        if last is not None and _goes_on(last, line):
            last = _joined(last, line)
            continue
        if last is not None:
            yield last
        last = line
    if last is not None:
        yield last


def _as_in_file(layer: TextLayer, places: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Iterator[_Line]:
    if not len(places):
        return
    starts = np.flatnonzero(np.diff(layer.lines[places], prepend=-1))
    boxes, words = layer.boxes[places], [layer.words[place] for place in places.tolist()]
    of_lines = zip(
        pairwise([*starts.tolist(), len(words)]),
        np.minimum.reduceat(boxes[:, :2], starts).tolist(),
        np.maximum.reduceat(boxes[:, 2:], starts).tolist(),
        layer.blocks[places][starts].tolist(),
        np.maximum.reduceat(layer.sizes_pt[places], starts).tolist(),
        np.logical_and.reduceat(layer.is_bold[places], starts).tolist(),
        strict=True,
    )
    for (start, stop), (x1, y1), (x2, y2), *how_set in of_lines:
        yield _Line(" ".join(words[start:stop]), (x1, y1, x2, y2), *how_set)


def _goes_on(line: _Line, piece: _Line) -> bool:
    """Whether a piece is a line's next: such as an item's text behind its number, or a cell."""
    gap = piece.box[0] - line.box[2]
    return (
        abs(piece.box[1] - line.box[1]) < 3 and -2 <= gap < _LINE_GAP and 0 <= piece.block - line.block <= 1
    )


def _joined(line: _Line, piece: _Line) -> _Line:
    (x1, y1, end, y2), (start, top, x2, bottom) = line.box, piece.box
    is_cell = start - end >= _CELL_GAP and not _is_mark(line.text)
    return replace(
        line,
        text=line.text + (_CELL if is_cell else " ") + piece.text,
        box=(x1, min(y1, top), x2, max(y2, bottom)),
        block=piece.block,
        is_bold=line.is_bold and piece.is_bold,
        has_cells=line.has_cells or is_cell,
    )


def _is_mark(text: str) -> bool:
    """Whether it is an item's mark or a section's number, which stand apart from what they mark."""
    return bool(_LIST_ITEM.fullmatch(f"{text} ") or _NUMBER.fullmatch(text))


def _body_size(lines: Sequence[_Line]) -> float:
    """The size of type in which half of the text is set, in points."""
    by_size = sorted((line.size_pt, len(line.text)) for line in lines)
    left = sum(length for _, length in by_size) / 2
    for size, length in by_size:
        left -= length
        if left <= 0:
            return size
    return 0.0


def _tagged(lines: Sequence[_Line], body_pt: float) -> str:
    boxes = np.array([line.box for line in lines])
    box = np.array([*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]).round() + _WIDENED
    numbers = ", ".join(str(number) for number in box.clip(0, BOX_SCALE).astype(int).tolist())
    kind, text = _kind(lines, body_pt)
    tag = f"{TOKENS.ref_open}{kind}{TOKENS.ref_close}{TOKENS.det_open}[[{numbers}]]{TOKENS.det_close}"
    return f"{tag}\n{text}"


def _plain(lines: Sequence[_Line], body_pt: float) -> str:
    return _kind(lines, body_pt)[1]


def _kind(lines: Sequence[_Line], body_pt: float) -> tuple[str, str]:
    """A block's tag, and its text as it stands behind such a tag."""
    text = _running_text(lines)
    if sum(line.has_cells for line in lines) > 1:
        return "table", f"\n<table><tr><td>{text}</td></tr></table>"
    if (caption := _CAPTION.match(text)) and len(text) < _CAPTION_CHARS:
        kind = "table_caption" if caption[1] == "Table" else "image_caption"
        return kind, f"<center>{text} </center>"
    first = lines[0]
    stands_out = first.size_pt > _LARGER * body_pt or (first.is_bold and first.size_pt > 0.98 * body_pt)
    if stands_out and len(text) < _HEADING_CHARS and not text.startswith("- "):
        return "sub_title", f"## {text}"
    return "text", text


def _running_text(lines: Sequence[_Line]) -> str:
    text, was_row = "", False
    for line in lines:
        if not text:
            text = line.text
        elif line.has_cells or was_row:
            text += _ROW + line.text
        elif _LIST_ITEM.match(line.text):
            text += f"  \n{line.text}"
        elif _DIVIDED.search(text) and line.text[:1].islower():
            text = text[:-1] + line.text
        else:
            text += ("" if text.endswith(("-", "/")) else " ") + line.text
        was_row = line.has_cells
    return text.translate(_TYPED)
