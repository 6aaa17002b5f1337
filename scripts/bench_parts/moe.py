"""Tunes vLLM's Triton kernel for the mixture of experts to this card: the best tiles for each batch.

Writes a file for vLLM's VLLM_TUNED_CONFIG_FOLDER. Kernels are compiled in parallel first, then timed alone.
"""

import itertools
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

EXPERTS, CHOSEN, WIDTH, INNER = 64, 6, 1280, 896
BATCHES = (1, 8, 16, 32, 64, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192, 16384)
Tiles = dict[str, int]


def candidates() -> list[Tiles]:
    """Tile shapes worth compiling."""
    names = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")
    choices = itertools.product((16, 32, 64, 128), (64, 128, 256), (64, 128), (1, 16), (4, 8), (3, 4))
    made = [dict(zip(names, values, strict=True)) for values in choices]
    return [tiles for tiles in made if _fits(tiles)]


def _fits(tiles: Tiles) -> bool:
    rows, columns, depth = tiles["BLOCK_SIZE_M"], tiles["BLOCK_SIZE_N"], tiles["BLOCK_SIZE_K"]
    shared = (rows + columns) * depth * 2 * tiles["num_stages"]
    registers = rows * columns / (32 * tiles["num_warps"])
    return shared <= 220_000 and 8 <= registers <= 256 and (tiles["GROUP_SIZE_M"] == 1 or rows >= 64)


def run(out: Path) -> dict[str, Any]:
    """Tune and write; the result says how much each batch gained over vLLM's default tiles."""
    tiles = candidates()
    with multiprocessing.get_context("spawn").Pool(min(14, os.cpu_count() or 1)) as pool:
        usable = [one for one, ok in zip(tiles, pool.map(_compiles, tiles, chunksize=4), strict=True) if ok]
    print(f"moe: {len(usable)} of {len(tiles)} tile shapes compile", flush=True)
    import torch
    from vllm.model_executor.layers.fused_moe.fused_moe import get_config_file_name

    best, gains = {}, {}
    for batch in BATCHES:
        layer = _Layer(batch)
        default_ms = layer.time(None)
        timed = [(layer.time(one), index) for index, one in enumerate(usable) if _sensible(one, batch)]
        found_ms, index = min(timed)
        best[str(batch)] = usable[index]
        gains[str(batch)] = {"default_ms": default_ms, "tuned_ms": found_ms}
        print("moe", batch, round(default_ms, 4), "->", round(found_ms, 4), usable[index], flush=True)
    torch.cuda.synchronize()
    out.mkdir(parents=True, exist_ok=True)
    (out / get_config_file_name(EXPERTS, INNER, None)).write_text(json.dumps(best, indent=1) + "\n")
    return gains


def _sensible(tiles: Tiles, batch: int) -> bool:
    rows_an_expert = max(1, batch * CHOSEN // EXPERTS)
    return tiles["BLOCK_SIZE_M"] <= max(64, 2 * rows_an_expert) and tiles["BLOCK_SIZE_M"] * 24 >= min(
        rows_an_expert, 512
    )


def _compiles(tiles: Tiles) -> bool:
    layer = _Layer(512)
    try:
        layer.call(tiles)
    except Exception as error:  # noqa: BLE001 - a shape that does not fit this card is no candidate
        print("moe: not usable", tiles, type(error).__name__, flush=True)
        return False
    return True


class _Layer:
    """One layer of experts, random weights, random routing."""

    def __init__(self, batch: int) -> None:
        import torch

        torch.manual_seed(0)
        kind = {"device": "cuda", "dtype": torch.bfloat16}
        self.x = torch.randn(batch, WIDTH, **kind)
        self.first = torch.randn(EXPERTS, 2 * INNER, WIDTH, **kind).mul_(0.02)
        self.second = torch.randn(EXPERTS, WIDTH, INNER, **kind).mul_(0.02)
        chosen = torch.rand(batch, EXPERTS, device="cuda").topk(CHOSEN)
        self.weights, self.experts = chosen.values, chosen.indices.to(torch.int32)

    def call(self, tiles: Tiles | None) -> Any:
        from vllm.model_executor.layers.fused_moe import override_config
        from vllm.model_executor.layers.fused_moe.fused_moe import fused_experts

        with override_config(tiles):
            return fused_experts(self.x, self.first, self.second, self.weights, self.experts)

    def time(self, tiles: Tiles | None) -> float:
        """Median milliseconds, replayed from a CUDA graph, so that launches do not count."""
        from triton.testing import do_bench_cudagraph

        return float(do_bench_cudagraph(lambda: self.call(tiles), rep=8, return_mode="median"))
