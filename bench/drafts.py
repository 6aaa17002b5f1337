"""`python -m bench.drafts FOLDER`: what drafts gain in the engine, and whether they change an answer.

One engine reads the same pages several times: without drafts; with their own answers as drafts, in which
errors were planted; with words in no order, the worst a text layer can say; and without drafts again.
`drafts@16` has 16 pages in flight, and reads four times as many. FOLDER gets full-size weights of
`bench.stable_answers` where it is not there, so that answers can be compared.

Prints one line of JSON a reading, and saves them to --out. Tokens a step are those the engine counted.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.full_size import write_full_size
from bench.parts.gpu_watch import GpuWatch
from bench.parts.host import blank
from bench.parts.processes import engine_cpu_s
from bench.parts.workload import lengths
from bench.stable_answers import beginnings, begins_of_page
from ocr_engine.config import EngineConfig
from ocr_engine.engine.draft_args import packed
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families import FAMILIES, OCR, PROMPTS
from ocr_engine.records import Generation, GenerationRequest, PageViews

LONGEST_TOK = 2200
"""Answers are cut there, so that the last pages of a reading do not take most of its time."""
_IMAGES = 16
_WARM_UP_TOK = 64
Ids = list[int]


def main() -> None:
    """Read the pages as often as `--readings` says."""
    args = _parser().parse_args()
    if not args.model.exists():
        write_full_size(args.model, args.family, stable=True, nano=args.nano)
    values = dict(word.split("=", 1) for word in args.set)
    keys = {name: json.loads(value) for name, value in values.items()}
    engine = VllmEngine(EngineConfig(model=str(args.model), **{"drafts": "always"} | keys))
    asyncio.run(Bench(engine, args).run())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m bench.drafts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("model", type=Path)
    add("--family", choices=FAMILIES, default=OCR)
    add("--nano", action="store_true", help="weights of nano's sizes, for a CPU")
    add("--pages", type=int, default=1536)
    add("--mode", default="gundam")
    add("--tokens", type=int, default=880, help="of an answer, on average (880)")
    add("--errors", type=float, default=0.175, help="share of wrong tokens: 0.175 gives 3.8 tokens a step")
    add("--readings", nargs="+", default=["plain", "drafts", "wrong", "plain"], help=", ".join(KINDS))
    add("--limit-s", type=float, default=1e9, help="begin no reading after so long")
    add("--out", type=Path, default=Path("drafts.json"))
    add("--set", action="append", default=[], metavar="KEY=JSON", help="a key of engine, such as drafts")
    return parser


def planted(ids: Sequence[int], share: float, chance: random.Random) -> Ids:
    """The ids with so many of them left out, changed, or followed by one that is wrong."""
    found: Ids = []
    for token in ids:
        wrong = chance.choice(ids)
        kinds: tuple[Ids, ...] = ([wrong], [wrong], [], [token, wrong])
        found += chance.choice(kinds) if chance.random() < share else [token]
    return found


def disordered(ids: Sequence[int], _: float, chance: random.Random) -> Ids:
    """The same ids in no order: what a layer says that is another page's."""
    return chance.sample(list(ids), len(ids))


def _none(*_: Any) -> Ids:
    return []


KINDS: dict[str, Callable[[Sequence[int], float, random.Random], Ids]] = {
    "plain": _none,
    "drafts": planted,
    "wrong": disordered,
}
"""A page's draft in each reading, from the ids of its answer, the share of errors, and chance."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The answers of a reading, in the order of pages, and when each ended."""

    answers: list[Generation]
    ended_s: list[float]
    seconds: float
    main_cpu_s: float
    engine_cpu_s: float
    gpu_busy: float

    def figures(self) -> dict[str, Any]:
        """What is printed of it."""
        pages, tokens = len(self.answers), sum(one.output_tokens for one in self.answers)
        first, last = pages // 4, 3 * pages // 4
        accepted = sum(one.accepted_tok for one in self.answers)
        ended = sorted(self.ended_s)
        return {
            "pages": pages,
            "pages_per_s": pages / self.seconds,
            "steady_pages_per_s": (last - first) / (ended[last] - ended[first]) if last > first else 0.0,
            "tokens_a_page": tokens / pages,
            "tokens_a_step": tokens / max(1, tokens - accepted),
            "drafts_a_step": sum(one.drafted_tok for one in self.answers) / max(1, tokens - accepted),
            "main_process_cpu_ms_a_page": 1000 * self.main_cpu_s / pages,
            "engine_process_cpu_ms_a_page": 1000 * self.engine_cpu_s / pages,
            "engine_process_cpu_share": self.engine_cpu_s / self.seconds,
            "gpu_busy": self.gpu_busy,
        }


class Bench:
    """One engine and the readings asked for."""

    def __init__(self, engine: VllmEngine, args: argparse.Namespace) -> None:
        self._engine, self._args = engine, args
        self._begins = beginnings(args.model)
        # Made before the clock runs, and not all one: 10 MB each at Gundam.
        page = blank(args.mode)
        self._views = [replace(page, global_view=np.roll(page.global_view, k, 0)) for k in range(_IMAGES)]
        self._lengths = [min(LONGEST_TOK, count) for count in lengths(args.pages, args.tokens)]
        self._plain: list[str] = []

    async def run(self) -> list[dict[str, Any]]:
        """All readings; returns what is printed of each."""
        found: list[dict[str, Any]] = []
        started = time.perf_counter()
        try:
            await self._engine.start()
            print(f"started in {time.perf_counter() - started:.0f} s", flush=True)
            capacity = self._engine.identify().capacity
            begin = [packed([])] * min(96, self._args.pages)
            await self._read(begin, [_WARM_UP_TOK] * len(begin), capacity)
            for name in self._args.readings:
                if time.perf_counter() - started > self._args.limit_s:
                    print(f"{name}: not begun, --limit-s has passed", flush=True)
                    break
                kind, _, few = name.partition("@")
                pages, in_flight = (4 * int(few), int(few)) if few else (self._args.pages, capacity)
                reading = await self._read(self._drafts(kind)[:pages], self._lengths, in_flight)
                found.append({"reading": name} | reading.figures() | self._compared(reading))
                print(json.dumps(found[-1]), flush=True)
                self._args.out.write_text(json.dumps(found, indent=1))
        finally:
            await self._engine.stop()
        return found

    def _drafts(self, kind: str) -> list[bytes]:
        """The pages' drafts, made before the clock runs."""
        if kind == "plain" or not self._plain:
            return [b""] * self._args.pages
        assert self._engine._prompts is not None
        prompts, chance = self._engine._prompts, random.Random(0)
        answers = (np.frombuffer(prompts.draft(text), "<i4").tolist()[:-1] for text in self._plain)
        return [packed(KINDS[kind](ids, self._args.errors, chance)) for ids in answers]

    def _compared(self, reading: Reading) -> dict[str, Any]:
        """How many answers are those of the first reading, and how much of their text up to a difference."""
        texts = [one.text for one in reading.answers]
        if not self._plain:
            self._plain = texts
        pairs = list(zip(self._plain, texts, strict=False))
        same = [_common(*pair) for pair in pairs]
        return {
            "answers_equal": sum(a == b for a, b in pairs) / len(pairs),
            "text_before_first_difference": sum(same) / max(1, sum(len(text) for text in texts)),
        }

    async def _read(self, drafts: Sequence[bytes], wanted: Sequence[int], in_flight: int) -> Reading:
        """Read as many pages as there are drafts, so many at one time."""
        window = asyncio.Semaphore(in_flight)
        ended: list[float] = []

        async def one(number: int) -> Generation:
            async with window:
                request = self._request(number, self._views[number % _IMAGES], wanted[number])
                answer = await self._engine.generate(replace(request, draft=drafts[number]))
                ended.append(time.perf_counter())
                return answer

        started, cpu, others = time.perf_counter(), time.process_time(), engine_cpu_s()
        with GpuWatch() as watch:
            answers = await asyncio.gather(*map(one, range(len(drafts))))
            seconds = time.perf_counter() - started
        main, engine = time.process_time() - cpu, engine_cpu_s() - others
        return Reading(list(answers), ended, seconds, main, engine, watch.busy_share)

    def _request(self, number: int, views: PageViews, tokens: int) -> GenerationRequest:
        prompt = PROMPTS["markdown"] + begins_of_page(self._begins, number)
        name = f"bench/pages/{number:04d}"
        return GenerationRequest(name, views, prompt, tokens, 20, 50, abort_loops=True)


def _common(a: str, b: str) -> int:
    """Characters before the first that differs."""
    return next(
        (at for at, (one, two) in enumerate(zip(a, b, strict=False)) if one != two), min(len(a), len(b))
    )


if __name__ == "__main__":
    main()
