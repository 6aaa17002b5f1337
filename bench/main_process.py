"""CPU that a run's main process takes for a page, all but the engine's own: the engine answers at once.

    python -m bench.main_process --pages 400 --runs 5             # prints one line of JSON
    python -m bench.main_process --profile out.prof --runs 1      # and the main thread's calls, for pstats

Born-digital PDFs are made, each page read as it is written, with a figure on every fourth. Each run is a
process of its own; what is counted begins with the first document and ends when the last page is written.
Prints milliseconds of CPU a page: the main process (median of the runs), and all its workers together.
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
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import pymupdf

from ocr_engine.cli import run
from ocr_engine.cli.entries import batch_pdf
from ocr_engine.conversion import groups
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.engine.base import EngineInfo, OnText, vision_tokens
from ocr_engine.records import FinishReason, Generation, GenerationRequest, PageKey

ROOT = Path(__file__).parent.parent
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

    def identify(self) -> EngineInfo:
        return EngineInfo("instant", "answers at once", "none", 0, IN_FLIGHT, "instant-1")

    async def start(self) -> None:
        """Nothing to load."""

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        key = PageKey.parse(request.request_id)
        assert key is not None
        text = answer(int(key.folder) * PAGES_A_DOCUMENT + key.number - 1)
        visual = vision_tokens(request.views, self.identify().family)
        return Generation(text, FinishReason.STOP, visual, visual, len(text) // 4, 0.0)

    async def stop(self) -> None:
        """Nothing to give back."""


def one(folder: Path, output: Path, options: list[str], profile: str) -> dict[str, float]:
    """One run in this process."""
    for number in range(len(list(folder.iterdir())) * PAGES_A_DOCUMENT):
        answer(number)
    found: dict[str, float] = {}
    convert = Conversion.run

    async def timed(self: Conversion, items: Any) -> None:
        watch = cProfile.Profile() if profile else None
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_SELF)
        if watch:
            watch.enable()
        await convert(self, items)
        if watch:
            watch.disable()
            watch.dump_stats(profile)
        after = resource.getrusage(resource.RUSAGE_SELF)
        found["main_s"], found["wall_s"] = time.process_time() - cpu_s, time.perf_counter() - wall_s
        found["system_s"] = after.ru_stime - before.ru_stime
        found["workers_s"] = sum(map(_cpu_s, psutil.Process().children(recursive=True)))

    groups.PROCESS_FROM_PAGES = 0  # as in the middle of a long run
    instant = mock.patch.object(run, "create_engine", lambda _: InstantEngine())
    with instant, mock.patch.object(Conversion, "run", timed):
        code = batch_pdf([str(folder), "--output", str(output), "--quiet", *options])
    assert code == 0, code
    return found


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mode", default="base")
    parser.add_argument("--profile", default="")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    options = ["--config", str(ROOT / "config.yaml"), "--mode", args.mode]
    options += [word for key in args.set for word in ("--set", key)]
    if args.one:
        print(json.dumps(one(*args.one, options, args.profile)))
        return
    with tempfile.TemporaryDirectory(prefix="main-process-") as name:
        corpus = make_corpus(Path(name) / "in", args.pages)
        found = []
        for number in range(args.runs):
            words = [sys.executable, "-m", "bench.main_process", "--mode", args.mode,
                     "--profile", args.profile, *(word for key in args.set for word in ("--set", key)),
                     "--one", str(corpus), str(Path(name) / f"out-{number}")]  # fmt: skip
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, cwd=ROOT)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    medians = {key: statistics.median(run[key] for run in found) for key in found[0]}
    figures = {f"{key[:-2]}_ms": round(1000 * value / args.pages, 2) for key, value in medians.items()}
    runs_ms = [round(1000 * run["main_s"] / args.pages, 2) for run in found]
    print(json.dumps({"pages": args.pages, "mode": args.mode, **figures, "main_of_each_run_ms": runs_ms,
                      "load": round(os.getloadavg()[0], 1)}))  # fmt: skip


if __name__ == "__main__":
    main()
