"""`python -m bench.confidence MODEL`: what token probabilities cost in the engine, and whether they hold.

1. The kernel against torch, and its time beside that of vLLM's own for a step of --rows requests.
2. Nano reads sample pages one after the other with our short way and with vLLM's own `logprobs=0`: the same
   tokens, and how far the numbers differ at most.
3. MODEL (full size, random weights: `bench.full_size`) reads the same pages --rounds times without and with
   probabilities, in turns; then once with vLLM's own way, which has no short one.

Prints a line of JSON a reading, and saves them to --out. --tiny is for a machine without a GPU.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.drafts import LONGEST_TOK
from bench.gpu_check import sample_pages
from bench.parts.gpu_watch import GpuWatch
from bench.parts.host import blank
from bench.parts.workload import lengths
from ocr_engine.config import EngineConfig
from ocr_engine.engine.devices import cuda_gpu_visible
from ocr_engine.engine.vllm import contract
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.engine.vllm.shortcuts import SCORES
from ocr_engine.families import MODES, PROMPTS
from ocr_engine.families.views import make_views
from ocr_engine.records import Generation, GenerationRequest

VOCABULARY = 129_280
TOLERANCE = 0.02
"""Of a logarithm: bfloat16 logits of two engines that ran their pages one at a time."""
found: list[dict[str, Any]] = []


def main() -> None:
    """All readings, the checks first."""
    parser = argparse.ArgumentParser("python -m bench.confidence", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pages", type=int, default=768)
    parser.add_argument("--own-pages", type=int, default=256, help="of the reading in vLLM's own way (256)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=768)
    parser.add_argument("--mode", default="gundam")
    parser.add_argument("--tokens", type=int, default=880, help="of an answer, on average (880)")
    parser.add_argument("--nano-tokens", type=int, default=400, help="of nano's answers at most (400)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="a key of engine")
    parser.add_argument("--out", type=Path, default=Path("confidence.json"))
    parser.add_argument("--tiny", action="store_true", help="nano in MODEL's place, few pages")
    args = parser.parse_args()
    if args.tiny:
        args.pages, args.own_pages, args.rounds, args.mode, args.tokens = 6, 4, 1, "tiny", 60
    keys = dict(word.split("=", 1) for word in args.set)
    options = {name: json.loads(value) for name, value in keys.items()}
    if cuda_gpu_visible():
        attempt("kernel", lambda: kernel(args))
    attempt("nano", lambda: asyncio.run(nano(args)))
    config = EngineConfig(model="nano" if args.tiny else str(args.model), **options)
    attempt("cost", lambda: asyncio.run(cost(config, args)))


def attempt(name: str, work: Callable[[], None]) -> None:
    """What fails is a line; the next reading is worth its time on the machine."""
    try:
        work()
    except Exception as problem:  # noqa: BLE001
        print(f"FAIL {name}: {type(problem).__name__}: {problem}", flush=True)


def say(args: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Keep a line of figures."""
    found.append(figures)
    print(json.dumps(figures), flush=True)
    args.out.write_text(json.dumps(found, indent=1))


def kernel(args: argparse.Namespace) -> None:
    """Our kernel and vLLM's on the logits of a step."""
    from vllm.v1.worker.gpu.sample.logprob import compute_topk_scores

    from ocr_engine.engine.vllm.score_kernel import token_scores

    generator = torch.Generator("cuda").manual_seed(0)
    logits = 4 * torch.randn(args.rows, VOCABULARY, generator=generator, device="cuda")
    logits = logits.to(torch.bfloat16)
    ids = logits.argmax(-1)
    ids[::3] = 7
    expected = torch.log_softmax(logits.float(), -1).gather(1, ids[:, None])
    theirs = compute_topk_scores(logits, 0, ids).logprobs
    say(
        args,
        {
            "reading": "kernel",
            "rows": args.rows,
            "largest_error": float((token_scores(logits, ids) - expected).abs().max()),
            "largest_error_of_vllms": float((theirs - expected).abs().max()),
            "ours_us": _device_us(lambda: token_scores(logits, ids)),
            "vllms_us": _device_us(lambda: compute_topk_scores(logits, 0, ids)),
        },
    )


def _device_us(work: Callable[[], object], times: int = 50) -> float:
    for _ in range(5):
        work()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(times):
        work()
    end.record()
    torch.cuda.synchronize()
    return float(round(1000 * start.elapsed_time(end) / times, 1))


async def nano(args: argparse.Namespace) -> None:
    """Nano's numbers in our way and in vLLM's; on a GPU also where drafts are verified."""
    pages = sample_pages()[: 2 if args.tiny else 6]
    theirs = await _nano_answers(args, pages, short=False)
    kinds: dict[str, dict[str, Any]] = {"nano": {}}
    if cuda_gpu_visible():
        kinds["nano, drafts"] = {"drafts": "auto"}
    for name, options in kinds.items():
        ours = await _nano_answers(args, pages, short=True, texts=[one.text for one in theirs], **options)
        say(args, {"reading": name} | _differences(theirs, ours))


async def _nano_answers(
    args: argparse.Namespace, pages: Sequence[Any], *, short: bool, texts: Sequence[str] = (), **options: Any
) -> list[Generation]:
    """One page after the other, so that both engines compute the same batches."""
    answers = []
    engine = _engine(EngineConfig(model="nano", enforce_eager=True, **options), short=short)
    try:
        await engine.start()
        for number, page in enumerate(pages):
            views = make_views(page, MODES["tiny" if args.tiny else "base"])
            # Without the guard: where drafts are verified, what it bans has no part in the probabilities.
            asked = GenerationRequest(
                f"nano/pages/{number:04d}", views, PROMPTS["markdown"], args.nano_tokens, 0, 0, scores=True
            )
            # An answer of before as the draft: most of it is accepted.
            drafted = replace(asked, draft=texts[number]) if options else asked
            answers.append(await engine.generate(drafted, lambda _: None))
    finally:
        await engine.stop()
    return answers


def _engine(config: EngineConfig, *, short: bool) -> VllmEngine:
    """An engine with the short way of probabilities, or with vLLM's own."""
    if short:
        return VllmEngine(config, scores=True)
    usual = contract.safe_shortcuts

    class Own(VllmEngine):
        def _load(self, plan: Any) -> None:
            contract.safe_shortcuts = lambda: tuple(one for one in usual() if one != SCORES)
            try:
                super()._load(plan)
            finally:
                contract.safe_shortcuts = usual

    return Own(config)


def _differences(theirs: Sequence[Generation], ours: Sequence[Generation]) -> dict[str, Any]:
    """How far the numbers differ as far as both texts are one."""
    tokens, largest, unequal, lost = 0, 0.0, 0, 0
    for one, two in zip(theirs, ours, strict=True):
        unequal += one.text != two.text
        if one.scores is None or two.scores is None:
            lost += 1
            continue
        same = 0
        for a, b in zip(one.scores.ends, two.scores.ends, strict=False):
            if a != b or one.text[:a] != two.text[:a]:
                break
            same += 1
        logs = np.array([one.scores.logs[:same], two.scores.logs[:same]])
        tokens += same
        largest = max(largest, float(np.abs(logs[0] - logs[1]).max(initial=0)))
    return {
        "answers": len(theirs),
        "other_texts": unequal,
        "drafted_tok": sum(one.drafted_tok for one in ours),
        "accepted_tok": sum(one.accepted_tok for one in ours),
        "without_numbers": lost,
        "tokens_compared": tokens,
        "largest_difference": largest,
        "passed": not lost and tokens > 0 and largest < TOLERANCE,
    }


async def cost(config: EngineConfig, args: argparse.Namespace) -> None:
    """Pages a second without and with probabilities, in turns by one engine; then with vLLM's own way."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    engine = _engine(config, short=True)
    try:
        await engine.start()
        for wanted in (False, True):
            await reading(engine, args, min(64, args.pages), wanted)
        for turn in range(args.rounds):
            for wanted in ((False, True), (True, False))[turn % 2]:
                figures = await reading(engine, args, args.pages, wanted)
                rates[wanted].append(figures["pages_per_s"])
                say(args, {"reading": "with probabilities" if wanted else "without"} | figures)
    finally:
        await engine.stop()
    without, with_them = (statistics.median(rates[wanted]) for wanted in (False, True))
    say(args, {"reading": "cost", "without": without, "with": with_them, "cost": 1 - with_them / without})
    engine = _engine(config, short=False)
    try:
        await engine.start()
        await reading(engine, args, min(64, args.pages), wanted=False)
        for wanted in (False, True):
            figures = await reading(engine, args, args.own_pages, wanted)
            say(args, {"reading": f"vLLM's own way, {'with' if wanted else 'without'}"} | figures)
    finally:
        await engine.stop()


async def reading(
    engine: VllmEngine, args: argparse.Namespace, pages: int, wanted: bool = True
) -> dict[str, Any]:
    """Figures of one reading of so many pages."""
    views, window = blank(args.mode), asyncio.Semaphore(engine.identify().capacity)
    limits = [min(LONGEST_TOK, count) for count in lengths(pages, args.tokens)]

    async def one(number: int) -> Generation:
        async with window:
            # Each page begins otherwise, or all answers would be one.
            page = views.global_view.copy()
            page[:256] = np.random.default_rng(number).integers(0, 255, page[:256].shape, np.uint8)
            asked = GenerationRequest(
                f"bench/pages/{number:04d}",
                replace(views, global_view=page),
                PROMPTS["markdown"],
                limits[number],
                20,
                50,
                scores=wanted,
            )
            return await engine.generate(asked, lambda _: None)

    started, cpu = time.perf_counter(), time.process_time()
    with GpuWatch() as watch:
        answers = await asyncio.gather(*map(one, range(pages)))
        seconds = time.perf_counter() - started
    return {
        "pages": pages,
        "pages_per_s": pages / seconds,
        "tokens": sum(one.output_tokens for one in answers),
        "pages_with_numbers": sum(one.scores is not None for one in answers),
        "main_process_cpu_ms_a_page": 1000 * (time.process_time() - cpu) / pages,
        "gpu_busy": watch.busy_share,
    }


if __name__ == "__main__":
    main()
