"""Measures this project on this machine, beside the published vLLM recipe, and the bound the card sets.

    python -m bench.run                       # all of it: floor, encoder, recipe, ours
    python -m bench.run --parts ours --modes base gundam --set engine.max_num_seqs=256
    python -m bench.run --cpu                 # on a CPU: nano, and what everything around the model costs

Full-size random weights, real rendered pages, answers of fixed log-normal lengths (mean 880 tokens). Every
part runs in a process of its own, all in one run; rates are medians of --repeats. Writes bench.json.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.parts import rates, readings
from ocr_engine.config import parse_override
from ocr_engine.families import OCR, OCR2

ROOT = Path(__file__).parents[1]

PARTS = ("floor", "encoder", "recipe", "ours")
OTHERS = ("pipeline", "host", "agreement")
_LEAST_S = 20.0
NANO = ROOT / "ocr_engine/model/nano"
FOLDERS = {OCR: "model", OCR2: "model-2"}


def main() -> int:
    args = _parser().parse_args()
    # An engine that outlives its part keeps the GPU from the next.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    args.out.mkdir(parents=True, exist_ok=True)
    if args.part:
        _save(args, _part(args))
        return 0
    from bench.parts import workload

    if args.cpu:
        args.parts = ["pipeline", "host", "ours"] if args.parts == list(PARTS) else args.parts
        args.modes = ["base"]
        args.work.mkdir(parents=True, exist_ok=True)
        if not args.readings and not (args.work / FOLDERS[OCR]).exists():
            (args.work / FOLDERS[OCR]).symlink_to(NANO)
    if {"recipe", "ours", "pipeline", "agreement"} & set(args.parts):
        from bench.full_size import write_full_size

        workload.corpus(args.work / "corpus", args.pages)
        for family in {OCR} | ({OCR2} if args.second_model else set()):
            if not (args.work / FOLDERS[family]).exists():
                write_full_size(
                    args.work / FOLDERS[family], family, stable=bool(args.readings), nano=args.cpu
                )
    started, whole = time.perf_counter(), args.out / "bench.json"
    results = json.loads(whole.read_text()) if whole.exists() else {}
    for name, extra in _runs(args):
        left_s = args.limit_s - (time.perf_counter() - started)
        if left_s < _LEAST_S:
            print(f"{name}: not begun, {left_s:.0f} s are left of --limit-s", flush=True)
            continue
        results[name] = _in_process(args, name, extra, left_s)
        whole.write_text(json.dumps(results, indent=1))
        (args.out / "bench.md").write_text(rates.table(results) + "\n")
    print(rates.table(results))
    return 0


def _save(args: argparse.Namespace, result: dict[str, Any]) -> None:
    path = args.out / f"{_file(args.name or args.part)}.json"
    path.write_text(json.dumps(result, indent=1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", nargs="+", default=list(PARTS), choices=[*PARTS, *OTHERS])
    add("--cpu", action="store_true", help="nano and the pipeline, for a machine without a GPU")
    add("--modes", nargs="+", default=["gundam", "base"])
    add("--pages", type=int, default=512, help="pages a conversion")
    add("--repeats", type=int, default=3)
    add(
        "--readings",
        nargs="+",
        default=[],
        type=readings.parsed,
        metavar="[MODE:]KIND[@PAGES]",
        help="ours so, with drafts, instead of --repeats, in one engine: "
        "plain, layer, stored, scan, base:stored, plain@16 with 16 pages in flight",
    )
    add("--errors", type=float, default=0.175, help="share of wrong words planted in stored text (0.175)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="config keys of ours")
    add("--variant", action="append", default=[], metavar="NAME:KEY=VALUE,...", help="ours once more, so")
    add("--engine-args", default="{}", metavar="JSON", help="further arguments of vLLM's engine, for ours")
    add(
        "--replicas",
        nargs="+",
        type=int,
        default=[],
        metavar="N",
        help="ours with so many GPUs, each in turn",
    )
    add("--kv", nargs="+", default=["fp8"], help="--parts agreement: KV caches to compare with bfloat16's")
    add("--steps", action="store_true", help="time every step of ours: GPU, host and gaps")
    add("--limit-s", type=float, default=1e9, help="stop after so long and keep what is measured by then")
    add("--profile", action="store_true", help="trace some seconds of ours: milliseconds by kernel")
    add("--second-model", action="store_true", help="DeepSeek-OCR-2 as well")
    add("--out", type=Path, default=Path("bench-results"))
    add(
        "--work", type=Path, default=Path("/tmp/ocr-bench"), help="checkpoints and documents made for the run"
    )
    for hidden in ("--part", "--name", "--mode", "--family"):
        add(hidden, help=argparse.SUPPRESS)
    return parser


def _runs(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Name and arguments of every process, in order."""
    others = [part for part in args.parts if part not in ("recipe", "ours", "agreement")]
    runs = [(part, ["--part", part]) for part in others]
    if "recipe" in args.parts:
        runs += _by_family_and_mode(args, "recipe")
    if "agreement" in args.parts:
        for cache in dict.fromkeys(["auto", *args.kv]):
            values = ["--set", f"engine.kv_cache_dtype={cache}", "--mode", args.modes[0]]
            runs.append((f"agreement {cache}", ["--part", "agreement", *values]))
    if "ours" in args.parts:
        runs += _runs_of_ours(args)
    return runs


def _by_family_and_mode(args: argparse.Namespace, part: str) -> list[tuple[str, list[str]]]:
    return [
        (
            f"{part} {mode}" + ("" if family == OCR else " OCR-2"),
            ["--part", part, "--mode", mode, "--family", family],
        )
        for family in ([OCR, OCR2] if args.second_model else [OCR])
        for mode in args.modes
    ]


def _runs_of_ours(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    if args.replicas:
        mode = args.modes[0]
        return [
            (
                f"ours {mode}, {count} GPUs",
                ["--part", "ours", "--mode", mode, "--set", f"engine.replicas={count}"],
            )
            for count in args.replicas
        ]
    runs = _by_family_and_mode(args, "ours")
    for variant in args.variant:
        name, _, values = variant.partition(":")
        settings = [word for value in values.split(",") for word in ("--set", value)]
        for mode in args.modes:
            runs.append((f"ours {mode}, {name}", ["--part", "ours", "--mode", mode, *settings]))
    return runs


def _in_process(args: argparse.Namespace, name: str, extra: list[str], limit_s: float) -> Any:
    base = ["--out", args.out, "--work", args.work, "--pages", args.pages, "--repeats", args.repeats]
    shared = [word for value in args.set for word in ("--set", value)]
    base += ["--errors", args.errors, *(["--readings", *args.readings] if args.readings else [])]
    base += ["--engine-args", args.engine_args, *(["--profile"] if args.profile else [])]
    base += ["--steps"] if args.steps else []
    command = [sys.executable, "-m", "bench.run", "--name", _file(name), *base, *shared, *extra]
    started = time.perf_counter()
    path = args.out / f"{_file(name)}.json"
    path.unlink(missing_ok=True)
    code = _run([str(word) for word in command], min(limit_s, 1e6))
    print(f"{name}: exit {code}, {time.perf_counter() - started:.0f} s", flush=True)
    return (json.loads(path.read_text()) if path.exists() else {}) | {"exit": code}


def _run(command: list[str], limit_s: float) -> int:
    """The exit code; killed with all it started where it takes longer, or this process is told to end."""
    child = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        return child.wait(limit_s)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _file(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


def _part(args: argparse.Namespace) -> Any:
    """What the process of one part measures."""
    from bench.parts import agreement, encoder, host, pipeline, recipe

    model, corpus = args.work / FOLDERS[args.family or OCR], args.work / "corpus"
    save, mode = partial(_save, args), args.mode or "gundam"
    settings = dict(parse_override(text) for text in args.set)
    parts: dict[str, Callable[[], Any]] = {
        "floor": _floor,
        "encoder": encoder.run,
        "pipeline": partial(pipeline.run, corpus, args.repeats, mode),
        "host": partial(host.run, NANO, min(args.pages, host.IN_FLIGHT)),
        "agreement": partial(agreement.run, model, corpus, min(args.pages, 64), mode, settings, args.out),
        "recipe": partial(recipe.run, model, corpus, args.pages, args.repeats, mode, save),
        "ours": partial(_ours, args, model, corpus, settings),
    }
    return parts[args.part]()


def _floor() -> Any:
    from bench.parts import floor

    rates = floor.measure()
    return rates | {"gundam": floor.bound(rates, "gundam", 912, 880, 512)}


def _ours(args: argparse.Namespace, model: Path, corpus: Path, settings: dict[str, Any]) -> Any:
    from bench.parts import ours, steps, trace

    extra, timings = json.loads(args.engine_args), args.work / "steps.jsonl"
    if args.profile:
        extra["profiler_config"] = {
            "profiler": "torch",
            "torch_profiler_dir": str(args.work / "trace"),
            "torch_profiler_with_stack": False,
            "torch_profiler_activities": ["CUDA"],
        }
    if args.steps:
        extra["distributed_executor_backend"] = "bench.parts.timed_executor.TimedExecutor"
        os.environ["OCR_BENCH_STEPS"] = str(timings)
        timings.unlink(missing_ok=True)
    save = partial(_save, args)
    if args.readings:
        settings = {"engine.drafts": "always"} | settings
    result = ours.run(
        *(model, corpus, args.pages, args.repeats, args.mode, settings, extra, save),
        readings=args.readings,
        errors=args.errors,
    )
    if args.profile:
        result["trace"] = trace.summary(args.work / "trace")
    if args.steps:
        result["steps"] = steps.summary(timings)
    for name in ("trace", "steps"):
        if name in result:
            print(json.dumps(result[name], indent=1), flush=True)
    return result


if __name__ == "__main__":
    raise SystemExit(main())
