"""The two sides of a match: annotated targets and predicted candidates, with raw and compared strings.

Built once per page; matching works on their indices and knows nothing of markdown or JSON.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ocr_engine.evaluation.omnidocbench import normalise
from ocr_engine.evaluation.omnidocbench.ground_truth import Element
from ocr_engine.evaluation.omnidocbench.markdown_split import MarkdownBlock
from ocr_engine.evaluation.omnidocbench.protocol import (
    FORMULA,
    INLINE_FORMULA,
    TEXT,
    Protocol,
)

_ARRAY = re.compile(r"\\begin\{array\}\{(?P<columns>[^}]*)\}(?P<body>.*?)\\end\{array\}", re.DOTALL)
_COLUMN_NOISE = (r"\s+|\|", r"@{[^}]*}", r"!{[^}]*}")


@dataclass(frozen=True, slots=True)
class Target:
    """One ground-truth line. `order` is None where the annotators gave none (or 0)."""

    raw: str
    norm: str
    category: str
    order: float | None
    attribute: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One predicted line; `position` is an offset into the page's markdown."""

    raw: str
    norm: str
    kind: str
    position: int


def targets(
    elements: Sequence[Element], raw: Callable[[Element], str], norm: Callable[[Element], str]
) -> list[Target]:
    """Elements with a string to compare.

    Those without one are left out of the strings only: the n-th string keeps the order and attribute
    of the n-th element, so both are shifted behind a gap (upstream, `get_gt_pred_lines`).
    """
    lines = [(raw(element), norm(element), element.category) for element in elements]
    kept = [line for line in lines if line[0] and line[1]]
    return [
        Target(*line, order=element.order or None, attribute=element.attribute)
        for line, element in zip(kept, elements, strict=False)
    ]


def candidates(blocks: Sequence[MarkdownBlock], norm: Callable[[MarkdownBlock], str]) -> list[Candidate]:
    """Blocks with a string to compare; kind and position are shifted behind a gap, as in `targets`."""
    kept = [(block.content, line) for block in blocks if (line := norm(block)) and block.content]
    return [
        Candidate(*line, kind=block.kind, position=block.position)
        for line, block in zip(kept, blocks, strict=False)
    ]


def raw_of(element: Element) -> str:
    """What a text or formula element holds."""
    return element.latex if element.category == FORMULA else element.text


def norm_of(element: Element, protocol: Protocol) -> str:
    """What a text or formula element is compared by."""
    raw = raw_of(element)
    return normalise.formula(raw, protocol) if element.category == FORMULA else normalise.text(raw)


def block_norm(block: MarkdownBlock, protocol: Protocol) -> str:
    """What a text or formula block is compared by."""
    if block.category == TEXT:
        return normalise.text(block.content)
    return normalise.formula(block.content, protocol)


def inline_last(blocks: Sequence[MarkdownBlock]) -> list[MarkdownBlock]:
    """By position, but all inline formulas at the end; ties keep their place."""
    return sorted(blocks, key=lambda block: (block.kind == INLINE_FORMULA, block.position))


def split_element_arrays(elements: Sequence[Element]) -> list[Element]:
    """Formulas with a one-column array become one element a row, with orders o.1, o.2, ..."""
    split: list[Element] = []
    for element in elements:
        rows = _array_rows(element.latex) if element.category == FORMULA else None
        if rows is None:
            split.append(element)
            continue
        for number, (row, _) in enumerate(rows, 1):
            order = round(float(element.order or 0) + number / 10, 1)
            split.append(replace(element, latex=f"\\[{row}\\]", order=order))
    return split


def split_block_arrays(blocks: Sequence[MarkdownBlock]) -> list[MarkdownBlock]:
    """The same for predictions, each row at its own position."""
    split: list[MarkdownBlock] = []
    for block in blocks:
        rows = _array_rows(block.content) if block.category == FORMULA else None
        if rows is None:
            split.append(block)
            continue
        for row, offset in rows:
            split.append(replace(block, content=f"\\[{row}\\]", position=block.position + offset))
    return split


def _array_rows(latex: str) -> list[tuple[str, int]] | None:
    """Rows of the first array and their offsets in `latex`; None unless it has a single column."""
    array = _ARRAY.search(latex)
    if array is None or not _is_one_column(array["columns"]):
        return None
    rows: list[tuple[str, int]] = []
    searched = 0
    for row in (piece.strip() for piece in array["body"].split("\\\\")):
        if row:
            start = array["body"].find(row, searched)
            searched = start + len(row)
            rows.append((row, array.start("body") + start))
    return rows


def _is_one_column(columns: str) -> bool:
    for noise in _COLUMN_NOISE:
        columns = re.sub(noise, "", columns)
    return columns in ("l", "c", "r")
