"""A table and the places of its words in, what a DoclingDocument says of it out."""

from collections.abc import Sequence
from typing import Any

from ocr_engine.outputs.exports.block_words import Rectangle, WordRun
from ocr_engine.outputs.exports.docling_items import Item

MAX_GRID = 1_000_000
"""Rows times columns of a table: readers make a slot for each."""


def _size(item: Item) -> tuple[int, int]:
    """Rows and columns."""
    cells = item.cells or ()
    rows = max((cell.row + cell.rows for cell in cells), default=0)
    return rows, max((cell.column + cell.columns for cell in cells), default=0)


def table_slots(item: Item) -> int:
    """How many slots the grid of a table has."""
    rows, columns = _size(item)
    return rows * columns


def table_data(item: Item, runs: Sequence[WordRun]) -> dict[str, Any]:
    """Its cells in reading order, each with the box of its words where that is known."""
    places = {
        (run.cell.row, run.cell.column): run.box_pt for run in runs if run.cell and run.table == item.table
    }
    written = [
        {
            "bbox": box_of(places.get((cell.row, cell.column))),
            "row_span": cell.rows, "col_span": cell.columns,
            "start_row_offset_idx": cell.row, "end_row_offset_idx": cell.row + cell.rows,
            "start_col_offset_idx": cell.column, "end_col_offset_idx": cell.column + cell.columns,
            "text": cell.text, "column_header": cell.is_header and cell.row == 0,
            "row_header": cell.is_header and cell.row > 0,
        }
        for cell in item.cells or ()
    ]  # fmt: skip
    rows, columns = _size(item)
    return {"table_cells": written, "num_rows": rows, "num_cols": columns}


def box_of(box: Rectangle | None) -> dict[str, Any] | None:
    """A place in points from the top left corner."""
    if box is None:
        return None
    left, top, right, bottom = (round(side, 2) for side in box)
    return {"l": left, "t": top, "r": right, "b": bottom, "coord_origin": "TOPLEFT"}
