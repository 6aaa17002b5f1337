"""What a token and a page cost the host: the real front end and scheduler, and no model behind them.

Three measurements, in CPU time: answers of many tokens to small pages (a token), answers of one token to full
pages (a page), and full pages from a render worker to the main process (their way). Runs on any machine.
"""

import asyncio
import cProfile
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.parts.workload import lengths
from ocr_engine.config import EngineConfig, RenderConfig
from ocr_engine.engine import self_test
from ocr_engine.engine.sizes import GROUP_KEY
from ocr_engine.engine.vllm import engine as vllm_engine
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families import MODES, PROMPTS
from ocr_engine.pages.pool import RenderPool
from ocr_engine.records import GenerationRequest, PageViews

IN_FLIGHT, GROUP, MAX_LEN = 768, 16, 4096
MEAN_TOKENS = 440
"""Half of a page's, for the time it takes; a page's own cost is in the cost of a token, twice as much."""
_ARGS = {
    "distributed_executor_backend": "bench.parts.instant_executor.InstantExecutor",
    "scheduler_cls": "ocr_engine.engine.vllm.scheduler.GroupScheduler",
    "max_num_seqs": IN_FLIGHT,
    "max_num_batched_tokens": 16_384,
    "additional_config": {GROUP_KEY: GROUP},
    "kv_cache_memory_bytes": None,
    "logits_processors": [],
}
"""What a card of 141 GB is started with, and the executor without a model."""


def run(model: Path, pages: int, profile: Path | None = None) -> dict[str, Any]:
    """CPU microseconds a token and CPU milliseconds a page, of the main process and of the engine's."""
    result = asyncio.run(_engine_costs(model, pages, profile))
    result["pixels from a worker"] = pixels_from_worker(64)
    print("host", result["pixels from a worker"], flush=True)
    return result


async def _engine_costs(model: Path, pages: int, profile: Path | None) -> dict[str, Any]:
    drawn = lengths(pages, MEAN_TOKENS)
    mean = sum(drawn) / pages
    kinds: dict[str, tuple[PageViews, Callable[[int], int], bool, float]] = {
        "token, answers checked for loops": (blank("tiny"), drawn.__getitem__, True, mean),
        "token, only the whole answer": (blank("tiny"), drawn.__getitem__, False, mean),
        "page of one token, in colour": (blank("gundam"), lambda _: 1, True, 1.0),
        "page of one token, without colour": (blank("gundam", 1), lambda _: 1, True, 1.0),
    }
    result: dict[str, Any] = {}
    async with _engine(model, profile) as (engine, core):
        await _ask_all(engine, blank("tiny"), 16, lambda _: 8, True)
        watch = cProfile.Profile() if profile else None
        for name, (views, length, checked, tokens) in kinds.items():
            count = pages if tokens > 1 else min(pages, 192)
            before = time.process_time(), _cpu_s(core), time.perf_counter()
            if watch:
                watch.enable()
            await _ask_all(engine, views, count, length, checked)
            if watch:
                watch.disable()
            after = time.process_time(), _cpu_s(core), time.perf_counter()
            main_s, core_s, wall_s = (b - a for a, b in zip(before, after, strict=True))
            result[name] = _figures(main_s, core_s, wall_s, count, tokens)
            print("host", name, result[name], flush=True)
    if watch and profile:
        watch.dump_stats(profile.with_suffix(".main"))
    return result


def _figures(main_s: float, core_s: float, wall_s: float, pages: int, tokens: float) -> dict[str, float]:
    if tokens > 1:
        scale, unit = 1e6 / (pages * tokens), "us_a_token"
    else:
        scale, unit = 1e3 / pages, "ms_a_page"
    rounded = [round(value * scale, 2) for value in (main_s, core_s, wall_s)]
    return {
        f"{name}_{unit}": value for name, value in zip(("main_cpu", "core_cpu", "wall"), rounded, strict=True)
    }


def _child(*words: str) -> psutil.Process:
    """The child process whose command line or title holds one of the words."""
    children = psutil.Process().children()
    return next(one for one in children if any(word in " ".join(one.cmdline()) for word in words))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@asynccontextmanager
async def _engine(model: Path, profile: Path | None) -> AsyncIterator[tuple[VllmEngine, psutil.Process]]:
    """The engine as a run has it on a GPU, in two processes, and its second process."""
    from bench.parts import instant_executor

    usual_args, usual_check = vllm_engine.engine_args, self_test.check_engine
    vllm_engine.engine_args = lambda *args, **kwargs: usual_args(*args, **kwargs) | _ARGS
    if profile:
        os.environ[instant_executor.PROFILE_VARIABLE] = str(profile.with_suffix(".core"))
    usual_environment = vllm_engine.process.set_environment

    def environment(*args: Any, **kwargs: Any) -> Path:
        log = usual_environment(*args, **kwargs)
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1"
        return log

    async def no_check(*_: Any) -> None:
        """Random tokens answer no test."""

    vllm_engine.process.set_environment = environment
    self_test.check_engine = no_check
    engine = VllmEngine(EngineConfig(model=str(model), max_model_len=MAX_LEN))
    try:
        await engine.start()
        core = _child("EngineCore", "spawn_main")
        yield engine, core
    finally:
        await engine.stop()
        vllm_engine.engine_args, self_test.check_engine = usual_args, usual_check
        vllm_engine.process.set_environment = usual_environment


async def _ask_all(
    engine: VllmEngine, views: PageViews, pages: int, length: Callable[[int], int], checked: bool
) -> None:
    """Ask for `pages` pages, as many at one time as a run has in flight."""
    window = asyncio.Semaphore(IN_FLIGHT + IN_FLIGHT // 8)

    async def one(number: int) -> None:
        request = GenerationRequest(
            f"document/pages/{number:04d}",
            views,
            PROMPTS["markdown"],
            length(number),
            20,
            50,
            abort_loops=checked,
        )
        try:
            await engine.generate(request)
        finally:
            window.release()

    async with asyncio.TaskGroup() as group:
        for number in range(pages):
            await window.acquire()
            group.create_task(one(number))


def blank(mode_name: str, channels: int = 3) -> PageViews:
    """A page of random pixels: 10.5 MB at Gundam with six tiles, 3.5 of one channel."""
    mode = MODES[mode_name]
    columns, rows = (2, 3) if mode.crop else (1, 1)
    chance = np.random.default_rng(0)
    count = columns * rows if mode.crop else 0
    tiles = chance.integers(0, 255, (count, mode.tile_size_px, mode.tile_size_px, channels), np.uint8)
    side = mode.base_size_px
    return PageViews(chance.integers(0, 255, (side, side, channels), np.uint8), tiles, (columns, rows))


def pixels_from_worker(pages: int) -> dict[str, float]:
    """CPU milliseconds a page of Gundam takes from a render worker to the main process."""
    import tempfile

    from PIL import Image

    from ocr_engine.pages import sources
    from ocr_engine.records import Document, DocumentKind, PageRef

    with tempfile.TemporaryDirectory() as folder:
        Image.new("RGB", (64, 64), "white").save(Path(folder) / "page.png")
        found = [one for one in sources.find([folder], set(DocumentKind)) if isinstance(one, Document)]
        with RenderPool(RenderConfig(workers=1), "", 100) as pool:
            opened = pool.open(found[0]).result()
            ref = PageRef(opened.document, opened.content_id, 0, 1, opened.backend)
            small, full = (partial(_views_of, mode_name=name) for name in ("tiny", "gundam"))
            costs = []
            for task in (small, full):
                pool.run(ref, task).result()
                worker = _child("processes.worker")
                before = time.process_time(), _cpu_s(worker)
                for _ in range(pages):
                    pool.run(ref, task).result()
                after = time.process_time(), _cpu_s(worker)
                costs.append([(b - a) * 1e3 / pages for a, b in zip(before, after, strict=True)])
    (main_small, worker_small), (main_full, worker_full) = costs
    return {
        "main_cpu_ms_a_page": round(main_full - main_small, 2),
        "worker_cpu_ms_a_page": round(worker_full - worker_small, 2),
    }


_MADE: dict[str, PageViews] = {}


def _views_of(_: Any, mode_name: str) -> PageViews:
    """In a worker: views made once, so that only their way is measured."""
    if mode_name not in _MADE:
        _MADE[mode_name] = blank(mode_name)
    return _MADE[mode_name]
