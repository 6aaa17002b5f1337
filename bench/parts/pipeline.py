"""What everything around the model costs on the CPU: rendering alone, and whole runs that replay."""

import asyncio
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ocr_engine import config as config_module
from ocr_engine.config import Config
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.planning import Redo
from ocr_engine.conversion.progress import Progress
from ocr_engine.conversion.tools import Tools
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.names import OutputNames
from ocr_engine.pages import sources
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.prepare import prepare
from ocr_engine.reading.request import mode_of
from ocr_engine.records import Document, DocumentKind


def run(corpus: Path, repeats: int, mode: str) -> dict[str, Any]:
    """Wall and CPU milliseconds a page, worker processes included; the best of the repetitions."""
    config = config_module.load(None, {"mode": mode, "input.path": str(corpus), "engine.backend": "replay"})
    kinds: dict[str, Callable[[], int]] = {
        "rendered and cut into views": partial(_render, config, corpus),
        "whole run on the replay engine": partial(_convert, config, corpus),
    }
    result: dict[str, Any] = {}
    for name, call in kinds.items():
        measured = [_measure(call) for _ in range(repeats)]
        result[name] = {key: min(one[key] for one in measured) for key in measured[0]}
        print("pipeline", name, result[name], flush=True)
    return result


def _measure(call: Callable[[], int]) -> dict[str, float]:
    started, before = time.perf_counter(), _cpu_s()
    pages = call()
    wall, cpu = time.perf_counter() - started, _cpu_s() - before
    return {"wall_ms_a_page": 1000 * wall / pages, "cpu_ms_a_page": 1000 * cpu / pages}


def _cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _found(corpus: Path) -> list[Document]:
    found = sources.find([str(corpus)], {DocumentKind.PDF})
    return [item for item in found if isinstance(item, Document)]


def _render(config: Config, corpus: Path) -> int:
    mode = mode_of(config, "deepseek-ocr")
    with RenderPool(config.render, "", config.input.max_document_pages) as pool:
        opened = [pool.open(document).result() for document in _found(corpus)]
        refs = [one.page(index) for one in opened for index in range(one.page_count)]
        for start in range(0, len(refs), 64):
            futures = [pool.run(ref, partial(prepare, mode=mode)) for ref in refs[start : start + 64]]
            for future in futures:
                future.result()
    return len(refs)


def _convert(config: Config, corpus: Path) -> int:
    root = Path(tempfile.mkdtemp(prefix="bench-out-"))
    journal = Journal(root / "journal.jsonl")
    journal.open()
    engine = ReplayEngine(None)
    with (
        RenderPool(config.render, "", config.input.max_document_pages) as pool,
        Progress(quiet=True) as progress,
    ):
        names = OutputNames(journal.claims())
        tools = Tools(root, engine, engine.identify(), pool, journal, names, progress)
        asyncio.run(Conversion(config, tools, Redo()).run(_found(corpus)))
    pages = sum(1 for row in journal.latest().values() if row.page)
    journal.close()
    shutil.rmtree(root)
    return pages
