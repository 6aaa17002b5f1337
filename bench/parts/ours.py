"""This project end to end, from PDF paths to files on disk, with answers of fixed lengths."""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.parts.gpu_watch import GpuWatch
from bench.parts.made import Made
from bench.parts.processes import engine_cpu_s
from bench.parts.readings import Reading
from bench.parts.workload import PAGES_A_DOCUMENT, Save, lengths
from bench.stable_answers import beginnings, begins_of_page
from ocr_engine import config as config_module
from ocr_engine.config import Config
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.planning import Redo
from ocr_engine.conversion.progress import Progress
from ocr_engine.conversion.tools import Tools
from ocr_engine.engine.base import Engine, EngineInfo, OnText
from ocr_engine.engine.draft_args import MEMORY_KEY
from ocr_engine.engine.factory import create_engine
from ocr_engine.engine.vllm import engine as vllm_engine
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.names import OutputNames
from ocr_engine.pages import sources
from ocr_engine.pages.pool import RenderPool
from ocr_engine.records import DocumentKind, Generation, GenerationRequest

_PROFILE_AFTER_S, _PROFILE_S = 15, 3
_MEMORY_ROWS = 2
"""Of the memory of drafts (`ocr_engine.drafts.memory`), where drafts are given: too few to find anything.
These answers walk one ring, which a memory of the usual size would know by heart.
"""


class FixedLengths:
    """An engine that stays up between conversions and cuts every page's answer at a length drawn before."""

    def __init__(self, engine: Engine, pages: int, begins: Sequence[str] = ()) -> None:
        """With `begins` a page's prompt ends with one of them, so that answers differ (`stable_answers`)."""
        self._engine = engine
        self._begins = begins
        self._lengths = lengths(pages)
        self.takes_drafts = True
        self.rewind()

    def rewind(self) -> None:
        """Forget the answers of a conversion."""
        self.answers: list[Generation] = []
        self.ended_s: list[float] = []

    def identify(self) -> EngineInfo:
        return self._engine.identify()

    async def start(self) -> None:
        """It was started before the clock."""

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        number = _page_number(request.request_id)
        request = replace(request, max_tokens=self._lengths[number % len(self._lengths)])
        if self._begins:
            request = replace(request, prompt=request.prompt + begins_of_page(self._begins, number))
        if not self.takes_drafts:
            request = replace(request, draft=b"")
        answer = await self._engine.generate(request, on_text)
        self.answers.append(answer)
        self.ended_s.append(time.perf_counter())
        return answer

    @property
    def steady_pages_per_s(self) -> float:
        """Rate from a quarter to three quarters of the pages: without ramp and tail."""
        first, last = len(self.ended_s) // 4, 3 * len(self.ended_s) // 4
        return (last - first) / (self.ended_s[last] - self.ended_s[first]) if last > first else 0.0

    async def stop(self) -> None:
        """It serves the next conversion."""


def _page_number(request_id: str) -> int:
    """Where a page stands in the corpus, from 0: documents are named after their first page's number."""
    document, _, page = request_id.partition("/")
    return int(document) + int(page.rpartition("/")[2]) - 1


def _try(extra: dict[str, Any]) -> None:
    """Give vLLM further arguments, for experiments; `additional_config` is added to."""
    usual = vllm_engine.engine_args

    def tried(*args: Any, **kwargs: Any) -> dict[str, Any]:
        found = usual(*args, **kwargs)
        more = found.get("additional_config", {}) | extra.get("additional_config", {})
        return found | extra | {"additional_config": more}

    vllm_engine.engine_args = tried


def run(
    model: Path,
    corpus: Path,
    pages: int,
    repeats: int,
    mode: str,
    settings: dict[str, Any],
    extra: dict[str, Any],
    save: Save,
    readings: Sequence[Reading] = (),
    errors: float = 0.0,
) -> dict[str, Any]:
    """Pages a second of each repetition, with rendering and writing, without the start of the processes."""
    values = {
        "mode": mode,
        "engine.model": str(model),
        "input.path": str(corpus),
        # Answers of random weights repeat themselves and end where they are cut.
        "quality.loop_abort": False,
        "quality.retries": [],
        **settings,
    }
    if readings:
        memory = {MEMORY_KEY: _MEMORY_ROWS} | extra.get("additional_config", {})
        extra = extra | {"additional_config": memory}
    _try(extra)
    config = config_module.load(None, values)
    profiled = "profiler_config" in extra
    plan = list(readings) or [Reading("plain")] * repeats
    # Weights made for readings give answers that no rounding changes (`stable_answers`).
    compared = bool(readings)
    run_all = _run(config, corpus, pages, plan, errors, save, profiled=profiled, compared=compared)
    return asyncio.run(run_all)


async def _run(
    config: Config,
    corpus: Path,
    pages: int,
    readings: Sequence[Reading],
    errors: float,
    save: Save,
    *,
    profiled: bool,
    compared: bool,
) -> dict[str, Any]:
    several = config.engine.replicas not in ("auto", 1)
    engine: Engine = create_engine(config) if several else VllmEngine(config.engine)
    fixed = FixedLengths(engine, pages, beginnings(Path(config.engine.model)) if compared else ())
    made = Made(errors)
    started = time.perf_counter()
    await engine.start()
    result: dict[str, Any] = {"start_s": time.perf_counter() - started, "runs": []}
    pool = RenderPool(config.render, "", config.input.max_document_pages)
    try:
        files = sorted(corpus.glob("*.pdf"))
        # The kernels of every mode are warm before it is measured.
        for mode in dict.fromkeys(reading.mode for reading in readings):
            warm, root = Reading("layer", mode), made.root_for("layer", ())
            await convert(warm.config(config), fixed, pool, files[:2], root)
            made.keep(root, "layer")
        for reading in readings:
            found = reading.documents(files, PAGES_A_DOCUMENT)
            watch = asyncio.create_task(_profile(engine)) if profiled else None
            names = {path.stem for path in found}
            root = made.root_for(reading.kind, names)
            fixed.takes_drafts = reading.kind != "plain"
            so = reading.config(config)
            one = await convert(so, fixed, pool, found, root) | {"reading": str(reading)}
            if watch is not None:
                await watch
            if compared:
                one |= made.compared(root, names)
            made.keep(root, reading.kind)
            print("ours", mode_words(so), one, flush=True)
            result["runs"].append(one)
            save(result)
    finally:
        pool.__exit__(None, None, None)
        made.clear()
        await engine.stop()
    return result


async def _profile(engine: Any) -> None:
    """Trace some seconds in the middle of a conversion."""
    await asyncio.sleep(_PROFILE_AFTER_S)
    await engine._llm.start_profile()
    await asyncio.sleep(_PROFILE_S)
    await engine._llm.stop_profile()


def mode_words(config: Config) -> str:
    """The settings that matter, in a word or two."""
    return f"{config.mode} {config.engine.max_num_seqs} seqs"


async def convert(
    config: Config, fixed: FixedLengths, pool: RenderPool, paths: list[Path], root: Path
) -> dict[str, Any]:
    """One conversion of these files, and what it took."""
    fixed.rewind()
    journal = Journal(root / "journal.jsonl")
    journal.open()
    begun = len((root / "journal.jsonl").read_text().splitlines())
    with Progress(quiet=True) as progress, GpuWatch() as watch:
        names = OutputNames(journal.claims())
        tools = Tools(root, fixed, fixed.identify(), pool, journal, names, progress)
        conversion = Conversion(config, tools, Redo(everything=True))
        started, cpu, others = time.perf_counter(), time.process_time(), engine_cpu_s()
        await conversion.run(sources.find([str(path) for path in paths], {DocumentKind.PDF}))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu - watch.cpu_s
    others = engine_cpu_s() - others
    journal.close()
    lines = (root / "journal.jsonl").read_text().splitlines()[begun:]
    rows = [row for row in map(json.loads, lines) if row.get("page")]
    return _figures(fixed.answers, rows, seconds, cpu) | {
        "engine_process_cpu_ms_a_page": 1000 * others / len(rows),
        "engine_process_cpu_share": others / seconds,
        "steady_pages_per_s": fixed.steady_pages_per_s,
        **watch.figures(len(rows)),
    }


def _figures(answers: list[Generation], rows: list[Any], seconds: float, cpu: float) -> dict[str, Any]:
    pages = len(rows)
    tokens = sum(answer.output_tokens for answer in answers)
    steps = tokens - sum(answer.accepted_tok for answer in answers)
    stages = {
        stage: 1000 * statistics.median(row["seconds"].get(stage, 0.0) for row in rows)
        for stage in ("render", "views", "engine", "total")
    }
    return {
        "pages": pages,
        "statuses": sorted({row["status"] for row in rows}),
        "pages_per_s": pages / seconds,
        "tokens_per_s": tokens / seconds,
        "output_tokens": tokens / pages,
        "tokens_a_step": tokens / steps,
        "drafts_a_step": sum(answer.drafted_tok for answer in answers) / steps,
        "prompt_tokens": answers[0].prompt_tokens,
        "main_process_cpu_ms_a_page": 1000 * cpu / pages,
        "median_ms": stages,
    }
