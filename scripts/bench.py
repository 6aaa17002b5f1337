"""Measures this project on this machine, beside the published vLLM recipe, and the bound the card sets.

    python scripts/bench.py                       # all of it: floor, encoder, recipe, ours
    python scripts/bench.py --parts ours --modes base gundam --set engine.max_num_seqs=256
    python scripts/bench.py --cpu                 # on a CPU: nano, and what everything around the model costs

Full-size random weights, real rendered pages, answers of fixed log-normal lengths (mean 880 tokens). Every
part runs in a process of its own, all in one run; rates are medians of --repeats. Writes bench.json.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from ocr_engine.config import parse_override  # noqa: E402 - after the project is on the path
from ocr_engine.spec import OCR, OCR2  # noqa: E402

PARTS = ("floor", "encoder", "recipe", "ours")
NANO = ROOT / "ocr_engine/model/nano"
FOLDERS = {OCR: "model", OCR2: "model-2"}


def main() -> int:
    args = _parser().parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.part:
        result = _part(args)
        (args.out / f"{_file(args.name or args.part)}.json").write_text(json.dumps(result, indent=1))
        return 0
    from scripts.bench_parts import workload

    if args.cpu:
        args.parts, args.modes = ["pipeline", "ours"], ["base"]
        args.work.mkdir(parents=True, exist_ok=True)
        (args.work / FOLDERS[OCR]).symlink_to(NANO) if not (args.work / FOLDERS[OCR]).exists() else None
    if {"recipe", "ours", "pipeline"} & set(args.parts):
        from scripts.full_size import write_full_size

        workload.corpus(args.work / "corpus", args.pages)
        for family in {OCR} | ({OCR2} if args.second_model else set()):
            if not (args.work / FOLDERS[family]).exists():
                write_full_size(args.work / FOLDERS[family], family)
    results = {name: _in_process(args, name, extra) for name, extra in _runs(args)}
    (args.out / "bench.json").write_text(json.dumps(results, indent=1))
    print(_table(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", nargs="+", default=list(PARTS), choices=[*PARTS, "moe", "attention", "pipeline"])
    add("--cpu", action="store_true", help="nano and the pipeline, for a machine without a GPU")
    add("--modes", nargs="+", default=["gundam", "base"])
    add("--pages", type=int, default=512, help="pages a conversion")
    add("--repeats", type=int, default=3)
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="config keys of ours")
    add("--variant", action="append", default=[], metavar="NAME:KEY=VALUE,...", help="ours once more, so")
    add("--engine-args", default="{}", metavar="JSON", help="further arguments of vLLM's engine, for ours")
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
    runs = [
        (part, ["--part", part]) for part in args.parts if part in ("floor", "encoder", "attention", "moe")
    ]
    if "recipe" in args.parts:
        runs.append(("recipe gundam", ["--part", "recipe", "--mode", "gundam"]))
    if "ours" in args.parts:
        families = [OCR, *([OCR2] if args.second_model else [])]
        for family in families:
            for mode in args.modes:
                name = f"ours {mode}" + ("" if family == OCR else " OCR-2")
                runs.append((name, ["--part", "ours", "--mode", mode, "--family", family]))
        for variant in args.variant:
            name, _, values = variant.partition(":")
            settings = [word for value in values.split(",") for word in ("--set", value)]
            runs.append((f"ours gundam, {name}", ["--part", "ours", "--mode", "gundam", *settings]))
    return runs


def _in_process(args: argparse.Namespace, name: str, extra: list[str]) -> Any:
    base = ["--out", args.out, "--work", args.work, "--pages", args.pages, "--repeats", args.repeats]
    shared = [word for value in args.set for word in ("--set", value)]
    base += ["--engine-args", args.engine_args, *(["--profile"] if args.profile else [])]
    command = [sys.executable, __file__, "--name", _file(name), *base, *shared, *extra]
    started = time.perf_counter()
    code = subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode
    print(f"{name}: exit {code}, {time.perf_counter() - started:.0f} s", flush=True)
    path = args.out / f"{name.replace(' ', '_')}.json"
    return json.loads(path.read_text()) if code == 0 else {"exit": code}


def _file(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


def _part(args: argparse.Namespace) -> Any:
    from scripts.bench_parts import encoder, floor, moe

    if args.part == "floor":
        rates = floor.measure()
        return rates | {"gundam": floor.bound(rates, "gundam", 912, 880, 512)}
    if args.part == "encoder":
        return encoder.run()
    if args.part == "attention":
        from scripts.bench_parts import attention

        return attention.run()
    if args.part == "moe":
        return moe.run(args.out / "moe")
    if args.part == "pipeline":
        from scripts.bench_parts import pipeline

        return pipeline.run(args.work / "corpus", args.repeats, args.mode or "gundam")
    model, corpus = args.work / FOLDERS[args.family or OCR], args.work / "corpus"
    if args.part == "recipe":
        from scripts.bench_parts import recipe

        return recipe.run(model, corpus, args.pages, args.repeats, args.mode)
    from scripts.bench_parts import ours

    settings = dict(parse_override(text) for text in args.set)
    extra = json.loads(args.engine_args)
    if args.profile:
        extra["profiler_config"] = {
            "profiler": "torch",
            "torch_profiler_dir": str(args.work / "trace"),
            "torch_profiler_with_stack": False,
            "torch_profiler_activities": ["CUDA"],
        }
    result = ours.run(model, corpus, args.pages, args.repeats, args.mode, settings, extra)
    if args.profile:
        from scripts.bench_parts import trace

        result["trace"] = trace.summary(args.work / "trace")
        print(json.dumps(result["trace"], indent=1), flush=True)
    return result


def _table(results: dict[str, Any]) -> str:
    """Pages a second of every conversion, and how often the recipe's."""
    rates = {name: _rate(result) for name, result in results.items() if "runs" in result}
    recipe = rates.get("recipe gundam")
    lines = [
        "| what | pages/s | steady pages/s | tokens/s | GPU busy | GPU GB | times the recipe |",
        "|---|---|---|---|---|---|",
    ]
    for name, rate in rates.items():
        median = {
            key: statistics.median(run.get(key, 0.0) for run in results[name]["runs"])
            for key in ("steady_pages_per_s", "tokens_per_s", "gpu_busy", "gpu_gb")
        }
        ratio = f"{rate / recipe:.2f}" if recipe else ""
        lines.append(
            f"| {name} | {rate:.2f} | {median['steady_pages_per_s']:.2f} | {median['tokens_per_s']:.0f} |"
            f" {median['gpu_busy']:.0%} | {median['gpu_gb']:.0f} | {ratio} |"
        )
    return "\n".join(lines)


def _rate(result: dict[str, Any]) -> float:
    return statistics.median(run["pages_per_s"] for run in result["runs"])


if __name__ == "__main__":
    raise SystemExit(main())
