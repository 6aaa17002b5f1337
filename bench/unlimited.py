"""Measures Unlimited-OCR on this machine's GPU with random weights, beside vLLM's own class.

    python -m bench.unlimited --out bench-results [--work /tmp/unlimited] [--limit-s 290] [--tiny]

Three parts, each in a process of its own: `kernels` (attention behind the window, `bench/parts/window.py`),
`ours` (A4 pages at Gundam, answers of 880 tokens on average; the time of a decode step as answers grow to 880
and 4,000 tokens; greedy tokens) and `recipe` (vLLM's own class: pages and the same greedy tokens). Writes a
JSON file a part and unlimited.md. --tiny takes a small model and few pages, for a machine without a GPU.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.parts import agreement, ours, recipe, window, workload
from ocr_engine import config as config_module
from ocr_engine.config import Config
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families import FAMILIES, UNLIMITED, resolve_mode
from ocr_engine.families.views import make_views
from ocr_engine.pages.pool import RenderPool
from ocr_engine.records import GenerationRequest

FAMILY = FAMILIES[UNLIMITED]
PROMPT = FAMILY.prompts["markdown"]
PARTS = {"kernels": 60.0, "ours": 200.0, "recipe": 200.0}
"""Every part, and after how many seconds it is ended."""
A4_TOK = 908
"""Tokens of an A4 page's prompt at Gundam."""
_LOG_WORDS = ("attention backend", "GPU KV cache size", "Maximum concurrency", "Model loading took")


def main() -> int:
    args = _parser().parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.part:
        _save(args, args.part, _part(args))
        return 0
    started = time.perf_counter()
    _prepare(args)
    for name, most_s in PARTS.items():
        left_s = args.limit_s - (time.perf_counter() - started)
        code = _in_process(args, name, min(most_s, left_s)) if left_s > 10 else "not begun"
        print(f"{name}: exit {code}, {time.perf_counter() - started:.0f} s in all", flush=True)
        (args.out / "unlimited.md").write_text(report(_results(args.out)) + "\n")
    print((args.out / "unlimited.md").read_text())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("bench-results"))
    add("--work", type=Path, default=Path("/tmp/unlimited"), help="the checkpoint and the documents")
    add("--pages", type=int, default=512, help="pages of ours")
    add("--recipe-pages", type=int, default=192, help="pages of vLLM's own class")
    add("--compared", type=int, default=16, help="pages whose greedy tokens are compared")
    add("--limit-s", type=float, default=290.0)
    add("--tiny", action="store_true")
    add("--part", choices=PARTS, help=argparse.SUPPRESS)
    return parser


def _prepare(args: argparse.Namespace) -> None:
    from bench.full_size import write_full_size
    from fixtures.checkpoints import write_checkpoint

    workload.corpus(args.work / "corpus", args.pages)
    if not (args.work / "model").exists():
        write = write_checkpoint if args.tiny else write_full_size
        write(args.work / "model", UNLIMITED)


def _in_process(args: argparse.Namespace, name: str, limit_s: float) -> Any:
    words = ["--part", name, "--out", args.out, "--work", args.work, "--pages", args.pages]
    words += ["--recipe-pages", args.recipe_pages, "--compared", args.compared]
    words += ["--tiny"] if args.tiny else []
    command = [sys.executable, "-m", "bench.unlimited", *map(str, words)]
    with (args.out / f"{name}.log").open("w") as log:
        try:
            return subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, timeout=limit_s, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return "ended at its limit"


def _save(args: argparse.Namespace, name: str, values: Any) -> None:
    (args.out / f"{name}.json").write_text(json.dumps(values, indent=1))


def _results(out: Path) -> dict[str, Any]:
    return {name: json.loads(path.read_text()) for name in PARTS if (path := out / f"{name}.json").exists()}


def _part(args: argparse.Namespace) -> Any:
    parts: dict[str, Callable[[], Any]] = {
        "kernels": lambda: window.run(A4_TOK, [880, 4000], 128) + window.run(A4_TOK, [880], 768),
        "ours": lambda: asyncio.run(_ours(args)),
        "recipe": lambda: _recipe(args),
    }
    return parts[args.part]()


def _config(args: argparse.Namespace) -> Config:
    values: dict[str, Any] = {
        "mode": "gundam",
        "engine.model": str(args.work / "model"),
        "engine.max_model_len": 8192,
        "quality.loop_abort": False,
        "quality.retries": [],
    }
    if args.tiny:
        values |= {"engine.dtype": "float32", "engine.max_num_seqs": 4}
    return config_module.load(None, values)


async def _ours(args: argparse.Namespace) -> dict[str, Any]:
    """Pages, decode steps and tokens of one engine; what is measured is kept as it comes."""
    config = _config(args)
    engine = VllmEngine(config.engine)
    result: dict[str, Any] = {"runs": []}
    started = time.perf_counter()
    await engine.start()
    result["start_s"] = time.perf_counter() - started
    result["log"] = _log_lines(engine)
    pool = RenderPool(config.render, "", config.input.max_document_pages)
    try:
        result["tokens"] = await _tokens(engine, args)
        _save(args, "ours", result)
        fixed = ours.FixedLengths(engine, args.pages)
        found = sorted((args.work / "corpus").glob("*.pdf"))
        for files in (found[:2], found):
            with tempfile.TemporaryDirectory(prefix="bench-out-") as root:
                result["runs"] = [await ours.convert(config, fixed, pool, files, Path(root))]
        _save(args, "ours", result)
        result["steps"] = await _steps(engine, args)
    finally:
        pool.__exit__(None, None, None)
        await engine.stop()
    return result


def _log_lines(engine: VllmEngine) -> list[str]:
    text = engine._log.read_text(errors="replace") if engine._log.is_file() else ""
    return [line[-300:] for line in text.splitlines() if any(word in line for word in _LOG_WORDS)]


def _requests(args: argparse.Namespace, count: int, tokens: int) -> list[GenerationRequest]:
    mode = resolve_mode("gundam", family=UNLIMITED)
    views = [make_views(image, mode) for image in recipe.rendered(args.work / "corpus", min(count, 32))]
    return [
        GenerationRequest(f"page-{at}", views[at % len(views)], PROMPT, tokens, 0, 0) for at in range(count)
    ]


async def _tokens(engine: VllmEngine, args: argparse.Namespace) -> dict[str, Any]:
    asked = _requests(args, args.compared, 8 if args.tiny else 160)
    replies = await asyncio.gather(*(engine._ask(request) for request in asked))
    return {"prompts": [len(r.prompt_ids) for r in replies], "ids": [r.output_ids for r in replies]}


async def _steps(engine: VllmEngine, args: argparse.Namespace) -> list[dict[str, float]]:
    """Seconds of the same pages with answers of three lengths; between two of them only decode steps lie."""
    count, lengths = (4, (4, 8, 12)) if args.tiny else (128, (8, 880, 4000))
    asked = _requests(args, count, 0)
    taken = []
    for length in lengths:
        started = time.perf_counter()
        # Ended by nothing but its length: an end of sequence would leave fewer requests in the steps.
        replies = await asyncio.gather(
            *(engine.generate(replace(request, max_tokens=length)) for request in asked)
        )
        seconds = time.perf_counter() - started
        mean = sum(reply.output_tokens for reply in replies) / count
        taken.append({"answer_tok": length, "mean_tok": mean, "requests": count, "seconds": seconds})
    return taken


def _recipe(args: argparse.Namespace) -> dict[str, Any]:
    """vLLM's own class: the same greedy tokens, then pages as the published recipe reads them."""
    more: dict[str, Any] = (
        {"dtype": "float32", "max_num_seqs": 4, "skip_mm_profiling": True} if args.tiny else {}
    )
    # FA4, which vLLM takes by itself where the card can run it, needs a package that is not everywhere.
    llm = recipe.start(args.work / "model", attention_backend="TRITON_ATTN", **more)
    from vllm import SamplingParams

    images = recipe.rendered(args.work / "corpus", args.recipe_pages)
    # The same ids as ours: whether a text begins with a first token is the affair of a tokenizer.
    ids = PromptEncoder(args.work / "model", ()).encode(PROMPT)
    asked = [
        {"prompt_token_ids": ids, "multi_modal_data": {"image": image}} for image in images[: args.compared]
    ]
    sampling = SamplingParams(temperature=0.0, max_tokens=8 if args.tiny else 160, detokenize=False)
    answers = llm.generate(asked, sampling, use_tqdm=False)
    result: dict[str, Any] = {
        "tokens": {
            "prompts": [len(answer.prompt_token_ids) for answer in answers],
            "ids": [list(answer.outputs[0].token_ids) for answer in answers],
        }
    }
    _save(args, "recipe", result)
    if args.tiny:
        return result
    result |= recipe.rates(llm, "gundam", images, 1, lambda _: None, PROMPT, FAMILY.ngram)
    return result


def report(results: dict[str, Any]) -> str:
    """All that was measured, as markdown."""
    lines = [
        "| Unlimited-OCR, gundam, A4 | pages/s | steady | tokens/s | answer tokens | GPU busy | GPU GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("ours", "recipe"):
        for run in results.get(name, {}).get("runs", ()):
            steady = run.get("steady_pages_per_s", run["pages_per_s"])
            lines.append(
                f"| {name} | {run['pages_per_s']:.2f} | {steady:.2f} | {run['tokens_per_s']:.0f} |"
                f" {run['output_tokens']:.0f} | {run['gpu_busy']:.0%} | {run['gpu_gb']:.0f} |"
            )
    rates = [results[name]["runs"][0]["pages_per_s"] for name in ("ours", "recipe") if _ran(results, name)]
    if len(rates) == 2:
        lines += ["", f"ours over recipe: {rates[0] / rates[1]:.2f}"]
    lines += ["", *_step_lines(results.get("ours", {}).get("steps", ()))]
    lines += ["", *_token_lines(results), "", *results.get("ours", {}).get("log", ())]
    if "kernels" in results:
        lines += ["", window.table(results["kernels"])]
    return "\n".join(lines)


def _ran(results: dict[str, Any], name: str) -> bool:
    return bool(results.get(name, {}).get("runs"))


def _step_lines(taken: Any) -> list[str]:
    lines = ["| answers grow from, to | requests | ms a decode step |", "|---|---|---|"]
    for one, other in zip(taken, taken[1:], strict=False):
        steps = other["answer_tok"] - one["answer_tok"]
        ms = 1e3 * (other["seconds"] - one["seconds"]) / steps
        short = "" if other["mean_tok"] >= other["answer_tok"] - 1 else f" (mean {other['mean_tok']:.0f})"
        lines.append(f"| {one['answer_tok']}, {other['answer_tok']}{short} | {one['requests']} | {ms:.2f} |")
    return lines


def _token_lines(results: dict[str, Any]) -> list[str]:
    found = [results[name]["tokens"] for name in ("ours", "recipe") if "tokens" in results.get(name, {})]
    if len(found) < 2:
        return []
    mine, theirs = found
    same = agreement.compared(theirs["ids"], mine["ids"])
    first = sum(a[:1] == b[:1] for a, b in zip(mine["ids"], theirs["ids"], strict=True))
    return [
        f"prompts as long: {mine['prompts'] == theirs['prompts']}; first token as vLLM's own class:"
        f" {first} of {same['pages']}; before the first difference: {same['before_the_first_difference']:.0%}"
        f" of {same['tokens']:,} tokens; answers wholly equal: {same['answers_equal']:.0%}"
    ]


if __name__ == "__main__":
    raise SystemExit(main())
