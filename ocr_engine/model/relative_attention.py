"""Attention over square grids with decomposed relative positions, whole or in windows, as one Triton kernel.

Takes the output of the qkv layer as it is and leaves the input of the output layer: no window is cut, padded
or put back in memory, no bias matrix is made. For CUDA tensors; `positions.py` has the plain form.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

_LOG2_E = 1.4426950408889634


@dataclass(frozen=True, slots=True)
class Blocks:
    """How the kernel cuts its work: key rows a step, queries a program, warps, pipeline stages."""

    rows: int
    queries: int
    warps: int
    stages: int = 2


SHAPES = {
    14: Blocks(rows=4, queries=64, warps=4, stages=1),
    32: Blocks(rows=1, queries=64, warps=4, stages=3),
    40: Blocks(rows=1, queries=64, warps=4, stages=3),
    48: Blocks(rows=1, queries=64, warps=4, stages=3),
    64: Blocks(rows=1, queries=64, warps=4, stages=3),
    80: Blocks(rows=1, queries=64, warps=4, stages=3),
}
"""Measured best by side, on an H200 (`bench/run.py --parts attention`)."""


@triton.jit
def _attend(  # noqa: PLR0915 - a kernel is one function
    qkv,
    qkv_bias,
    terms,
    out,
    scale,
    GRID: tl.constexpr,
    SIDE: tl.constexpr,
    HEADS: tl.constexpr,
    WIDTH: tl.constexpr,
    TERMS: tl.constexpr,
    QUERIES: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    PRECISION: tl.constexpr,
    LOG2_E: tl.constexpr,
):
    """One block of queries of one head in one window, with all keys of the window, ROWS key rows a step."""
    windows: tl.constexpr = (GRID + SIDE - 1) // SIDE
    padded: tl.constexpr = windows * SIDE != GRID
    whole: tl.constexpr = (not padded) and (COLUMNS == SIDE) and (SIDE % ROWS == 0)
    token_stride: tl.constexpr = 3 * HEADS * WIDTH
    view = (tl.program_id(1) // HEADS).to(tl.int64)
    head = tl.program_id(1) % HEADS
    top = tl.program_id(2) // windows * SIDE
    left = tl.program_id(2) % windows * SIDE
    channel = tl.arange(0, WIDTH)

    place = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)
    query_row, query_column = place // SIDE, place % SIDE
    asked = (place < SIDE * SIDE) & (top + query_row < GRID) & (left + query_column < GRID)
    token = view * GRID * GRID + (top + query_row) * GRID + left + query_column
    query = tl.load(
        qkv + token[:, None] * token_stride + head * WIDTH + channel[None, :], mask=asked[:, None], other=0.0
    )
    # A query's term with a key is at their distance, keys' rows first: 2 SIDE - 1 of each.
    row_terms = terms + (token * HEADS + head) * TERMS + query_row + SIDE - 1
    column_terms = terms + (token * HEADS + head) * TERMS + 3 * SIDE - 2 + query_column
    column = tl.arange(0, COLUMNS)
    bias_columns = tl.load(
        column_terms[:, None] - column[None, :], mask=asked[:, None] & (column < SIDE)[None, :], other=0.0
    ).to(tl.float32)
    bias_columns = tl.where((column < SIDE)[None, :], bias_columns * LOG2_E, -float("inf"))

    key_place = tl.arange(0, ROWS * COLUMNS)
    key_column = key_place % COLUMNS
    pad_key = tl.load(qkv_bias + (HEADS + head) * WIDTH + channel)
    pad_value = tl.load(qkv_bias + (2 * HEADS + head) * WIDTH + channel)
    largest = tl.full([QUERIES], -float("inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    result = tl.zeros([QUERIES, WIDTH], tl.float32)
    for first in range(0, SIDE, ROWS):
        key_row = first + key_place // COLUMNS
        key_token = view * GRID * GRID + (top + key_row) * GRID + left + key_column
        place_kv = qkv + key_token[:, None] * token_stride + head * WIDTH + channel[None, :]
        if whole:
            key = tl.load(place_kv + HEADS * WIDTH)
            value = tl.load(place_kv + 2 * HEADS * WIDTH)
        else:
            inside = (key_row < SIDE) & (key_column < SIDE)
            real = inside & (top + key_row < GRID) & (left + key_column < GRID)
            key = tl.load(place_kv + HEADS * WIDTH, mask=real[:, None], other=0.0)
            value = tl.load(place_kv + 2 * HEADS * WIDTH, mask=real[:, None], other=0.0)
            if padded:
                key = tl.where((inside & (real == 0))[:, None], pad_key[None, :], key)
                value = tl.where((inside & (real == 0))[:, None], pad_value[None, :], value)
        score = tl.dot(query, tl.trans(key), input_precision=PRECISION) * scale
        if ROWS == 1:
            # One key row: its term is the same for all keys of a query, so it moves the maximum alone.
            score += bias_columns
            shift = tl.load(row_terms - first, mask=asked, other=0.0).to(tl.float32) * LOG2_E
        else:
            row = first + tl.arange(0, ROWS)
            bias_rows = tl.load(
                row_terms[:, None] - row[None, :], mask=asked[:, None] & (row < SIDE)[None, :], other=0.0
            ).to(tl.float32)
            bias_rows = tl.where((row < SIDE)[None, :], bias_rows * LOG2_E, -float("inf"))
            score = tl.reshape(score, (QUERIES, ROWS, COLUMNS))
            score = score + bias_columns[:, None, :] + bias_rows[:, :, None]
            score = tl.reshape(score, (QUERIES, ROWS * COLUMNS))
            shift = tl.zeros([QUERIES], tl.float32)
        highest = tl.maximum(largest, tl.max(score, 1) + shift)
        weight = tl.exp2(score - (highest - shift)[:, None])
        shrink = tl.exp2(largest - highest)
        total = total * shrink + tl.sum(weight, 1)
        result = result * shrink[:, None]
        result = tl.dot(weight.to(value.dtype), value, result, input_precision=PRECISION)
        largest = highest
    result = result / total[:, None]
    place_out = out + token[:, None] * (HEADS * WIDTH) + head * WIDTH + channel[None, :]
    tl.store(place_out, result.to(out.dtype.element_ty), mask=asked[:, None])


def attend_grid(
    qkv: Tensor, qkv_bias: Tensor, rows: Tensor, columns: Tensor, heads: int, side: int
) -> Tensor:
    """Attention of every cell of a grid with the cells of its window.

    Cells beyond the edge of the grid that fill its last windows take part as if their input was zero: their
    keys and values are the qkv layer's bias (the official code pads after the norm, before the layer).

    Args:
        qkv: (n, G, G, 3 * heads * c), output of the qkv layer.
        qkv_bias: (3 * heads * c,), its bias.
        rows, columns: (2 * side - 1, c), relative positions along each axis, at the window's size.
        heads: attention heads.
        side: cells along a window; G for global attention.

    Returns:
        (n, G, G, heads * c).
    """
    count, grid = qkv.shape[:2]
    width = rows.shape[1]
    terms = _terms(qkv.view(-1, 3, heads, width)[:, 0], torch.cat([rows, columns]))
    out = torch.empty(count, grid, grid, heads * width, dtype=qkv.dtype, device=qkv.device)
    shape = SHAPES.get(side) or _shape(side)
    columns_padded = max(16, triton.next_power_of_2(side))
    windows = -(-grid // side)
    launch = (triton.cdiv(side * side, shape.queries), count * heads, windows * windows)
    _attend[launch](
        qkv,
        qkv_bias,
        terms,
        out,
        width**-0.5 * _LOG2_E,
        GRID=grid,
        SIDE=side,
        HEADS=heads,
        WIDTH=width,
        TERMS=terms.shape[2],
        QUERIES=shape.queries,
        ROWS=shape.rows,
        COLUMNS=columns_padded,
        PRECISION="ieee" if qkv.dtype == torch.float32 else "tf32",
        LOG2_E=_LOG2_E,
        num_warps=shape.warps,
        num_stages=shape.stages,
    )
    return out


def _terms(query: Tensor, tables: Tensor) -> Tensor:
    """(tokens, heads, c) and (m, c) -> (tokens, heads, m and up to 7 more): each query with each position.

    Queries are read where they lie, between keys and values.
    """
    tables = torch.nn.functional.pad(tables, (0, 0, 0, -len(tables) % 8))
    terms = query.new_empty(*query.shape[:2], len(tables))
    torch.bmm(query.transpose(0, 1), tables.t().expand(query.shape[1], -1, -1), out=terms.transpose(0, 1))
    return terms


def _shape(side: int) -> Blocks:
    """Blocks for a side that was not tuned."""
    columns = max(16, triton.next_power_of_2(side))
    return Blocks(rows=max(1, 64 // columns), queries=64 if side < 32 else 128, warps=4 if side < 32 else 8)
