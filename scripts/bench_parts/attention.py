"""Tunes the attention kernel of the encoder's first stage: the best blocks for each side, by measurement."""

import itertools
import multiprocessing
import os
from dataclasses import asdict, replace
from typing import Any

from ocr_engine.model.relative_attention import SHAPES, Blocks, attend_grid

HEADS, WIDTH = 12, 64
WINDOW = 14
SIDES = {64: 16, 40: 96, 48: 96, 80: 8, 32: 64}
"""Grids of global layers, and views of so many pages: base, tiles, tiles of the second model, large, tiny."""
WINDOWED = {64: 16, 40: 96}


def run() -> dict[str, Any]:
    """Milliseconds of the best blocks and of the default, a side."""
    tasks = [(side, side) for side in SIDES] + [(grid, WINDOW) for grid in WINDOWED]
    jobs = [(grid, side, blocks) for grid, side in tasks for blocks in _candidates(side)]
    with multiprocessing.get_context("spawn").Pool(min(14, os.cpu_count() or 1)) as pool:
        usable = pool.map(_compiles, jobs, chunksize=2)
    result: dict[str, Any] = {}
    for grid, side in tasks:
        call = _Layer((SIDES | WINDOWED)[grid] if grid == side else WINDOWED[grid], grid, side)
        default_ms = call.time(None)
        mine = [job[2] for job, ok in zip(jobs, usable, strict=True) if ok and job[:2] == (grid, side)]
        timed = sorted(((call.time(blocks), index) for index, blocks in enumerate(mine)))
        best_ms, index = timed[0]
        useful = 4 * WIDTH * HEADS * call.views * grid * grid * side * side
        result[f"grid {grid}, side {side}"] = {
            "default_ms": default_ms,
            "best_ms": best_ms,
            "tflop_per_s": useful / best_ms / 1e9,
            "blocks": asdict(mine[index]),
            "next": [(round(ms, 4), asdict(mine[place])) for ms, place in timed[1:4]],
        }
        print("attention", grid, side, result[f"grid {grid}, side {side}"], flush=True)
    return result


def _candidates(side: int) -> list[Blocks]:
    columns = max(16, 1 << (side - 1).bit_length())
    rows = [count for count in (1, 2, 4, 8, 16) if 32 <= count * columns <= 256]
    choices = itertools.product(rows, (64, 128), (4, 8), (1, 2, 3))
    made = [Blocks(*values) for values in choices]
    return [blocks for blocks in made if blocks.rows * columns * blocks.queries <= 32768]


def _compiles(job: tuple[int, int, Blocks]) -> bool:
    grid, side, blocks = job
    try:
        _Layer(1, grid, side).call(blocks)
    except Exception as error:  # noqa: BLE001 - blocks that do not fit this card are no candidates
        print("attention: not usable", job, type(error).__name__, flush=True)
        return False
    return True


class _Layer:
    def __init__(self, views: int, grid: int, side: int) -> None:
        import torch

        kind = {"device": "cuda", "dtype": torch.bfloat16}
        self.views, self.side = views, side
        self.qkv = torch.randn(views, grid, grid, 3 * HEADS * WIDTH, **kind)
        self.bias = torch.randn(3 * HEADS * WIDTH, **kind)
        self.rows, self.columns = (torch.randn(2 * side - 1, WIDTH, **kind) for _ in range(2))

    def call(self, blocks: Blocks | None) -> Any:
        import torch

        SHAPES.pop(self.side, None)
        if blocks is not None:
            SHAPES[self.side] = replace(blocks)
        result = attend_grid(self.qkv, self.bias, self.rows, self.columns, HEADS, self.side)
        torch.cuda.synchronize()
        return result

    def time(self, blocks: Blocks | None) -> float:
        from triton.testing import do_bench

        self.call(blocks)
        call = lambda: attend_grid(self.qkv, self.bias, self.rows, self.columns, HEADS, self.side)  # noqa: E731
        return float(do_bench(call, warmup=5, rep=30, return_mode="median"))
