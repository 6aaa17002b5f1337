"""CPU that each process of a run takes for a page, all but the model's: the engine answers at once.

    python -m bench.main_process --pages 400 --runs 5             # prints one line of JSON
    python -m bench.main_process --engines 8 --mode gundam        # as beside eight GPUs: engines in processes
    python -m bench.main_process --profile out.prof --runs 1      # and the main thread's calls, for pstats
    python -m bench.main_process --drafts off layer again stored  # with drafts, each kind in turn

Born-digital PDFs are made, each page read as it is written, with a figure on every fourth. Each run is a
process of its own; what is counted begins with the first document and ends when the last page is written.
Prints milliseconds of CPU a page (medians of the runs): of the main process, of all render workers, of those
that write, of the engines' processes; and what the planner says. Of the starts only that of the workers is
counted.

Drafts of `layer` are predicted from the text layer. For `again` and `stored` the pages were read at another
mode before, whose text `stored` drafts from. The engine does with a draft what that of vLLM does before it
sends a request.
"""

import argparse
import cProfile
import functools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import psutil
import pymupdf

from bench.parts.writers import WatchedWriter
from bench.planned_measured import work
from ocr_engine.capacity import costs as cost_table
from ocr_engine.cli import run
from ocr_engine.cli.entries import batch_pdf
from ocr_engine.conversion import groups, writing_processes
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.engine.base import Engine, EngineInfo, OnText, vision_tokens
from ocr_engine.engine.draft_args import check_draft, draft_args
from ocr_engine.engine.engine_process import EngineProcess
from ocr_engine.engine.prompts import TOKENIZER
from ocr_engine.engine.replicas import ReplicaSet
from ocr_engine.records import FinishReason, Generation, GenerationRequest, PageKey

ROOT = Path(__file__).parent.parent
NANO = ROOT / "ocr_engine/model/nano"
PAGES_A_DOCUMENT, FIGURE_EVERY, PARAGRAPHS, WORDS, IN_FLIGHT = 20, 4, 9, 55, 64
_WIDTH_PT, _HEIGHT_PT = 595.0, 842.0


def paragraphs(page: int) -> list[str]:
    """What stands on a page (0-based), the same each time."""
    chance = random.Random(page)
    letters = "eeeeaaaiiioootttnnnsssrrhhlldcum"
    words = [["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(WORDS)]
             for _ in range(PARAGRAPHS)]  # fmt: skip
    return [" ".join(some).capitalize() + "." for some in words]


def make_corpus(folder: Path, pages: int) -> Path:
    folder.mkdir()
    for start in range(0, pages, PAGES_A_DOCUMENT):
        with pymupdf.open() as document:
            for page in range(start, min(pages, start + PAGES_A_DOCUMENT)):
                sheet = document.new_page(width=_WIDTH_PT, height=_HEIGHT_PT)
                for number, text in enumerate(paragraphs(page)):
                    sheet.insert_textbox((60, 60 + 80 * number, 535, 138 + 80 * number), text, fontsize=9)
            document.save(folder / f"{start // PAGES_A_DOCUMENT:04d}.pdf")
    return folder


@functools.lru_cache(maxsize=100_000)
def answer(page: int) -> str:
    """What a model would say of it."""
    blocks = []
    for number, text in enumerate(paragraphs(page)):
        top = (60 + 80 * number) / _HEIGHT_PT * 999
        box = f"[[100, {int(top)}, 899, {int(top + 92)}]]"
        blocks.append(f"<|ref|>text<|/ref|><|det|>{box}<|/det|>\n{text}\n")
    if page % FIGURE_EVERY == 0:
        blocks.append("<|ref|>image<|/ref|><|det|>[[200, 880, 800, 980]]<|/det|>\n")
    return "\n".join(blocks)


class InstantEngine:
    """Answers at once, from what was made before the run."""

    def __init__(self, *, drafts: bool) -> None:
        self._drafts = drafts

    def identify(self) -> EngineInfo:
        tokenizer = str(NANO / TOKENIZER) if self._drafts else None
        return EngineInfo(
            "instant", "answers at once", "none", 0, IN_FLIGHT, "instant-1", tokenizer=tokenizer
        )

    async def start(self) -> None:
        """Nothing to load."""

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        key = PageKey.parse(request.request_id)
        assert key is not None
        assert isinstance(request.draft, bytes) and bool(request.draft) == self._drafts
        extra = {"guard": [20, 50]} | draft_args(request.draft)
        check_draft(extra)
        msgspec.msgpack.encode(extra)
        text = answer(int(key.folder) * PAGES_A_DOCUMENT + key.number - 1)
        visual = vision_tokens(request.views, self.identify().family)
        return Generation(text, FinishReason.STOP, visual, visual, len(text) // 4, 0.0)

    async def stop(self) -> None:
        """Nothing to give back."""


def engine_of(processes: int, *, drafts: bool) -> Engine:
    """An instant engine here, or so many in processes of their own, as a run has them on several GPUs."""
    make = functools.partial(InstantEngine, drafts=drafts)
    return ReplicaSet([EngineProcess(make, {}) for _ in range(processes)]) if processes else make()


def one(
    folder: Path, output: Path, options: list[str], profile: str, engines: int, kind: str
) -> dict[str, float]:
    """One run in this process, with drafts of this kind."""
    for number in range(len(list(folder.iterdir())) * PAGES_A_DOCUMENT):
        answer(number)
    found: dict[str, float] = {}
    words = [str(folder), "--output", str(output), "--quiet", *options]
    if kind in ("again", "stored"):
        with mock.patch.object(run, "create_engine", lambda _: engine_of(0, drafts=False)):
            assert batch_pdf([*words, "--mode", "tiny"]) == 0
    engine, convert = engine_of(engines, drafts=kind in ("layer", "stored")), Conversion.run

    async def timed(self: Conversion, items: Any) -> None:
        await engine.start()
        if isinstance(engine, ReplicaSet):
            await engine.settled()
        engine.start = started  # type: ignore[method-assign]
        before, cpu_s, wall_s = _spent(), time.process_time(), time.perf_counter()
        with cProfile.Profile() if profile else nullcontext() as watch:
            await convert(self, items)
        if watch:
            watch.dump_stats(profile)
        found["main_s"], found["wall_s"] = time.process_time() - cpu_s, time.perf_counter() - wall_s
        found.update({name: value - before.get(name, 0.0) for name, value in _spent().items()})
        found["writer_s"] = WatchedWriter.spent_s

    groups.PROCESS_FROM_PAGES = 0  # as in the middle of a long run
    instant = mock.patch.object(run, "create_engine", lambda _: engine)
    watched = mock.patch.object(writing_processes, "Worker", WatchedWriter)
    with instant, watched, mock.patch.object(Conversion, "run", timed):
        code = batch_pdf(words)
    assert code == 0, code
    return found


def planned_ms(mode: str) -> dict[str, float]:
    """What the planner says of such pages."""
    page = cost_table.page_costs(cost_table.load(), work(mode), 1.0)
    seconds = {"main": page.driver_s, "render": page.cpu_s, "writer": page.writer_s}
    return {name: round(1000 * value, 1) for name, value in seconds.items()}


async def started() -> None:
    """Nothing is left to start."""


def _spent() -> dict[str, float]:
    """Seconds of CPU so far: the kernel's part of this process, and the other processes by what they do."""
    spent = {"system_s": resource.getrusage(resource.RUSAGE_SELF).ru_stime}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            name = "render_s" if "serve(" in " ".join(process.cmdline()) else "engines_s"
            spent[name] = spent.get(name, 0.0) + times.user + times.system
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mode", default="base")
    parser.add_argument("--engines", type=int, default=0, help="in so many processes of their own")
    parser.add_argument("--profile", default="")
    parser.add_argument("--drafts", nargs="+", choices=("off", "layer", "again", "stored"), default=["off"])
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    options = ["--config", str(ROOT / "config.yaml"), "--mode", args.mode]
    options += [word for key in args.set for word in ("--set", key)]
    if args.one:
        folder, output = args.one
        print(json.dumps(one(folder, output, options, args.profile, args.engines, args.drafts[0])))
        return
    with tempfile.TemporaryDirectory(prefix="main-process-") as name:
        corpus = make_corpus(Path(name) / "in", args.pages)
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in args.drafts}
        for number in range(args.runs):
            for kind, runs in found.items():
                words = [sys.executable, "-m", "bench.main_process", "--mode", args.mode,
                         "--engines", str(args.engines), "--profile", args.profile, "--drafts", kind,
                         *(word for key in args.set for word in ("--set", key)),
                         "--one", str(corpus), str(Path(name) / f"out-{number}-{kind}")]  # fmt: skip
                done = subprocess.run(words, check=True, stdout=subprocess.PIPE, cwd=ROOT)
                runs.append(json.loads(done.stdout.splitlines()[-1]))
    for kind, runs in found.items():
        print(json.dumps({"drafts": kind, **figures(runs, args.pages, args.mode, args.engines)}))


def figures(runs: list[dict[str, float]], pages: int, mode: str, engines: int) -> dict[str, object]:
    """What is printed of runs of one kind."""
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    rate = round(pages / medians.pop("wall_s"), 1)
    each = {f"{key[:-2]}_ms": round(1000 * value / pages, 2) for key, value in medians.items()}
    runs_ms = [round(1000 * run["main_s"] / pages, 2) for run in runs]
    return {"pages": pages, "mode": mode, "engines": engines, "pages_per_s": rate, **each,
            "planned_ms": planned_ms(mode), "main_of_each_run_ms": runs_ms,
            "load": round(os.getloadavg()[0], 1)}  # fmt: skip


if __name__ == "__main__":
    main()
