"""`python -m bench.drafts MODEL`: what drafts gain in the engine, and whether they change an answer.

The same pages are read several times by one engine: without drafts, twice, to see what a run differs from
itself; with their own answers as drafts, in which errors were planted; and with other pages' answers, which
is the worst a text layer can say. Prints one line of JSON a reading, and saves them to --out.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.parts.gpu_watch import GpuWatch
from bench.parts.host import blank
from bench.parts.workload import lengths
from ocr_engine.config import EngineConfig
from ocr_engine.drafts.replayed import Acceptance, replayed
from ocr_engine.engine.draft_args import DRAFT_TOK, packed
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families import PROMPTS
from ocr_engine.records import GenerationRequest

LONGEST_TOK = 2200
"""Answers are cut there, so that the last pages of a reading do not take most of its time."""
Ids = list[list[int]]


def main() -> None:
    """Read the pages as often as `READINGS` says."""
    parser = argparse.ArgumentParser("python -m bench.drafts", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pages", type=int, default=512)
    parser.add_argument("--mode", default="gundam")
    parser.add_argument("--tokens", type=int, default=880, help="of an answer, on average (880)")
    parser.add_argument("--errors", type=float, default=0.22, help="share of wrong tokens in drafts (0.22)")
    parser.add_argument(
        "--again", type=int, default=256, help="pages of the second reading without drafts (256)"
    )
    parser.add_argument("--out", type=Path, default=Path("drafts.json"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="a key of engine")
    args = parser.parse_args()
    keys = dict(word.split("=", 1) for word in args.set)
    config = EngineConfig(model=str(args.model), **{name: json.loads(value) for name, value in keys.items()})
    asyncio.run(measure(config, args))


async def measure(config: EngineConfig, args: argparse.Namespace) -> list[dict[str, Any]]:
    """All readings by one engine; each is a line of figures."""
    engine = VllmEngine(config)
    found: list[dict[str, Any]] = []

    async def read(name: str, drafts: Sequence[Sequence[int]], pages: int = args.pages) -> Ids:
        figures, ids = await reading(engine, args, list(drafts[:pages]) or [()] * pages)
        if plain:
            figures |= differences(plain, ids) | acceptance(engine, plain, drafts[:pages])
        found.append({"reading": name} | figures)
        print(json.dumps(found[-1]), flush=True)
        args.out.write_text(json.dumps(found, indent=1))
        return ids

    plain: Ids = []
    started = time.perf_counter()
    try:
        await engine.start()
        print(f"started in {time.perf_counter() - started:.0f} s", flush=True)
        await read("warm-up", (), min(64, args.pages))
        found.clear()
        plain = await read("without drafts", ())
        chance = random.Random(0)
        await read("drafts", [planted(ids, args.errors, chance) for ids in plain])
        await read("drafts of another page", [*plain[1:], plain[0]])
        await read("without drafts, again", (), min(args.again, args.pages))
    finally:
        await engine.stop()
    return found


async def reading(
    engine: VllmEngine, args: argparse.Namespace, drafts: Sequence[Sequence[int]]
) -> tuple[dict[str, Any], Ids]:
    """Figures and ids of one reading of as many pages as there are drafts."""
    views, window = blank(args.mode), asyncio.Semaphore(engine.identify().capacity)
    wanted = [min(LONGEST_TOK, count) for count in lengths(len(drafts), args.tokens)]

    async def one(number: int) -> list[int]:
        async with window:
            # Each page begins otherwise, or all answers would be one.
            page = views.global_view.copy()
            page[:256] = np.random.default_rng(number).integers(0, 255, page[:256].shape, np.uint8)
            request = GenerationRequest(
                f"bench/pages/{number:04d}",
                replace(views, global_view=page),
                PROMPTS["markdown"],
                wanted[number],
                20,
                50,
            )
            reply = await engine._ask(replace(request, draft=packed(drafts[number])))
            return reply.output_ids

    started, cpu = time.perf_counter(), time.process_time()
    with GpuWatch() as watch:
        ids = await asyncio.gather(*map(one, range(len(drafts))))
        seconds = time.perf_counter() - started
    pages = len(drafts)
    figures = {
        "pages": pages,
        "pages_per_s": pages / seconds,
        "tokens": sum(map(len, ids)),
        "main_process_cpu_ms_a_page": 1000 * (time.process_time() - cpu) / pages,
        "gpu_busy": watch.busy_share,
    }
    return figures, list(ids)


def planted(ids: Sequence[int], share: float, chance: random.Random) -> list[int]:
    """The ids with so many of them left out, changed, or followed by one that is wrong."""
    found: list[int] = []
    for token in ids:
        wrong = chance.choice(ids)
        kinds: tuple[list[int], ...] = ([wrong], [wrong], [], [token, wrong])
        found += chance.choice(kinds) if chance.random() < share else [token]
    return found


def differences(plain: Ids, ids: Ids) -> dict[str, Any]:
    """How many answers are other ones, and how much of them is the same up to the first other token."""
    pairs = list(zip(plain, ids, strict=False))
    same = [
        next((at for at, two in enumerate(zip(a, b, strict=False)) if two[0] != two[1]), len(b))
        for a, b in pairs
    ]
    return {
        "answers_equal": sum(count == len(b) for count, (_, b) in zip(same, pairs, strict=True)) / len(pairs),
        "tokens_before_first_difference": sum(same) / sum(len(b) for _, b in pairs),
    }


def acceptance(engine: VllmEngine, plain: Ids, drafts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """What the rule says of these drafts; the engine verifies fewer where they are worth little."""
    if not drafts:
        return {}
    assert engine._prompts is not None
    book = np.array(engine._prompts.phrases(), np.int32)
    some = list(zip(plain, drafts, strict=False))[:24]
    found = sum(
        (
            replayed(np.array(ids, np.int32), np.array(draft, np.int32), book, DRAFT_TOK)
            for ids, draft in some
        ),
        Acceptance(0, 0, 0),
    )
    return {"tokens_a_step": found.tokens_a_step}


if __name__ == "__main__":
    main()
