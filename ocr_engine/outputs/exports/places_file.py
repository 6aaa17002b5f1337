"""`NAME.places.jsonl`: a line a page and a line a block, with cells and words, each with its id and place.

A word is there where the page's text layer tells where it stands. Memory holds one page.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocr_engine.outputs.exports.block_words import BlockWord, Rectangle, WordRun, runs_of
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.places import block_id, boxes_pt, cell_part, page_id, word_part
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.jsonl import encode
from ocr_engine.records import Block, PageRecord


def write(document: SourceDocument, path: Path) -> None:
    """Write the lines of all pages in order. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
        for record in document.records():
            file.write(encode(_page(document, record)))
            for values in _blocks(document, record):
                file.write(encode(values))


def _page(document: SourceDocument, record: PageRecord) -> dict[str, Any]:
    size = record.geometry
    return {
        "id": page_id(document, record.page),
        "page": record.page,
        "status": record.status.value,
        "reason": record.reason,
        "size_pt": [round(size.width_pt, 2), round(size.height_pt, 2)] if size else None,
        "text_layer": record.agreement.layer.value if record.agreement else None,
    }


def _blocks(document: SourceDocument, record: PageRecord) -> Iterator[dict[str, Any]]:
    texts = document.block_texts(record)
    for at, (block, text) in enumerate(zip(record.blocks, texts, strict=True)):
        yield _block(block_id(document, record.page, at), block, text, record)


def _block(identity: str, block: Block, text: str, record: PageRecord) -> dict[str, Any]:
    runs = runs_of(text, block, record.geometry)
    return {
        "id": identity,
        "page": record.page,
        "label": block.label,
        "boxes_pt": boxes_pt(block, record.geometry),
        "cells": [_cell(identity, run) for run in runs if run.cell],
        "words": [_word(identity, run, word) for run in runs for word in run.words if word.box_pt],
    }


def _cell(identity: str, run: WordRun) -> dict[str, Any]:
    cell = run.cell
    assert cell is not None, "asked before"
    return {
        "id": identity + cell_part(run.table, cell.row, cell.column),
        "rows": cell.rows,
        "columns": cell.columns,
        "header": cell.is_header,
        "text": cell.text,
        "box_pt": _rounded(run.box_pt),
    }


def _word(identity: str, run: WordRun, word: BlockWord) -> dict[str, Any]:
    cell = run.cell
    values = {
        "id": identity + word_part(word.at),
        "text": word.text,
        "box_pt": _rounded(word.box_pt),
        "exact": word.is_exact,
    }
    return values | ({"cell": identity + cell_part(run.table, cell.row, cell.column)} if cell else {})


def _rounded(box: Rectangle | None) -> list[float] | None:
    return None if box is None else [round(side, 2) for side in box]
