"""Makes training faster: compiles the encoder where that pays, and shows where a step's time goes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from ocr_engine.families.tiling import choose_grid
from ocr_engine.model.deep_encoder import run_layer
from research.nano.model.model import Encoded, NanoOcr
from research.nano.model.views import PADDED, TILE
from research.nano.pages.pages import A4
from research.nano.training.batches import tiled_pages
from research.nano.training.samples import BATCH

LEAST_GAIN = 1.08
"""A compiled encoder that is not faster by this factor is not worth its oddities."""
MOST_OFF = 0.05
"""How far its features may be off, relative to their size: what bfloat16 sums in another order give."""
MOST_COMPILING_S = 100.0
TRIALS = 5


def _seconds(encode: Callable[[Tensor], Encoded], images: Tensor) -> float:
    """Return the seconds of a forward and a backward pass, the median of TRIALS."""
    found = []
    for _ in range(TRIALS):
        _wait(images)
        start = time.perf_counter()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=images.is_cuda):
            encode(images).tokens.float().square().mean().backward()
        _wait(images)
        found.append(time.perf_counter() - start)
    return sorted(found)[TRIALS // 2]


def _wait(images: Tensor) -> None:
    if images.is_cuda:
        torch.cuda.synchronize(images.device)


def _try(model: NanoOcr, images: Tensor, encode: Callable[[Tensor], Encoded]) -> float:
    """Return how many times faster encode is than the model's own, 0 where it is off."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=images.is_cuda):
        with torch.no_grad():
            wanted = model.encode_plainly(images).tokens.float()
        # With gradients, or all would be compiled a second time for training.
        got = encode(images).tokens.detach().float()
    if not (got - wanted).norm() <= MOST_OFF * wanted.norm():
        return 0.0
    # The first passes compile.
    _seconds(encode, images)
    gain = _seconds(model.encode_plainly, images) / _seconds(encode, images)
    model.zero_grad(set_to_none=True)
    return gain


def _least(value: float, device: torch.device) -> float:
    """Return the least of all processes' values, so that all do the same."""
    if not dist.is_initialized():
        return value
    shared = torch.tensor([value], device=device)
    dist.all_reduce(shared, dist.ReduceOp.MIN)
    return float(shared.item())


def _shapes(share: float) -> dict[str, tuple[int, int]]:
    """Return what is worth compiling for, the most frequent first: number of images and their side in px."""
    pages, grid = max(1, round(BATCH["base"] * share)), choose_grid(*A4, "gundam")
    tiled = tiled_pages(grid, share)
    return {
        "base": (pages, PADDED["base"]),
        "tiles of gundam": (tiled * grid[0] * grid[1], TILE),
        "overviews of gundam": (tiled, PADDED["gundam"]),
    }


def _compile_for(model: NanoOcr, images: Tensor) -> str:
    """Let the model encode images of this shape by compiled layers if that is right and faster; say so."""
    encode, gain, why = None, 0.0, ""
    try:
        encode = partial(model.encode_plainly, run=torch.compile(run_layer, dynamic=False))
        gain = _try(model, images, encode)
    except Exception as error:  # noqa: BLE001 - a compiler fails in many ways, and training goes on without it
        why = f" ({type(error).__name__}: {str(error)[:200]})"
    model.zero_grad(set_to_none=True)
    gain = _least(gain, images.device)
    if encode is None or gain < LEAST_GAIN:
        return f"no: {gain:.2f} times as fast{why}"
    model.compiled[tuple(images.shape)] = encode
    return f"yes: {gain:.2f} times as fast"


def compile_encoder(model: NanoOcr, device: torch.device, share: float = 1.0) -> dict[str, str]:
    """Let the model encode the commonest batches by compiled layers; return what came of each, in words.

    Layers of one kind are compiled once for all, which takes a fraction of the time of the whole encoder.
    After MOST_COMPILING_S the other shapes are left as they are.
    """
    # Every kind of layer is compiled anew for every shape; layers are too small to be cut where gradients are
    # gathered.
    torch._dynamo.config.recompile_limit = 64
    torch._dynamo.config.optimize_ddp = False
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    found, start = {}, time.monotonic()
    for name, (count, side) in _shapes(share).items():
        if not _least(time.monotonic() - start < MOST_COMPILING_S, device):
            break
        found[name] = _compile_for(
            model, torch.rand(count, 3, side, side, device=device, dtype=dtype) * 2 - 1
        )
    return {**found, "took": f"{time.monotonic() - start:.0f} s"}


@contextmanager
def profiled(path: Path) -> Iterator[None]:
    """Write a table of what is done inside, the most time first; on a GPU by its kernels."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    kinds += [torch.profiler.ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    with torch.profiler.profile(activities=kinds) as found:
        yield
    key = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    path.write_text(found.key_averages().table(sort_by=key, row_limit=60, max_name_column_width=90))
