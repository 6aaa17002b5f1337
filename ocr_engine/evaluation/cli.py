"""The part of `eval_batch.py` that scores: its arguments, a `Request` from them, tables and files out."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ocr_engine.errors import UsageError
from ocr_engine.evaluation import made_file
from ocr_engine.evaluation import report as reports
from ocr_engine.evaluation.report import Report
from ocr_engine.evaluation.request import BENCHMARK_NAMES, Request, Run
from ocr_engine.log import logger


def add_arguments(made: argparse.ArgumentParser) -> None:
    """Options of scoring alone; an entry that also makes predictions adds its own."""
    _add_inputs(made)
    _add_outputs(made)
    _add_options(made)


def _add_inputs(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("what is scored").add_argument
    add("--benchmark", required=True, choices=BENCHMARK_NAMES)
    add("--version", default="1.5", help="OmniDocBench's version: 1.5 (default) or 1.0")
    add(
        "--ground-truth",
        required=True,
        type=Path,
        metavar="PATH",
        help="OmniDocBench or Fox: the JSON file; olmOCR-bench: the folder of .jsonl files",
    )
    add(
        "--predictions",
        default=[],
        nargs="+",
        metavar="[LABEL=]DIR",
        help="folders with a markdown file for each page; several are compared in one table",
    )
    add(
        "--filter",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="score only pages with this attribute",
    )
    add("--limit", type=int, metavar="N", help="score a sample of N pages only, to try it out")


def _add_outputs(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("what is written (the summary goes to stdout)").add_argument
    add("--json", type=Path, metavar="FILE", help="write all numbers, unrounded")
    add("--csv", type=Path, metavar="FILE", help="write the tables, unrounded")
    add("--markdown", type=Path, metavar="FILE", help="write what is printed")
    add("--html", type=Path, metavar="FILE", help="write tables and plots as one web page")
    add("--plot", type=Path, metavar="FILE", help="write the plots as FILE.png, FILE-2.png, ...")
    add("--samples", action="store_true", help="add every compared pair to the JSON file")
    add(
        "--official-dir",
        type=Path,
        metavar="DIR",
        help="write result files as the official scripts do, for OmniDocBench with the CDM export",
    )


def _add_options(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("how").add_argument
    add("--match-method", default="quick_match", choices=["quick_match", "simple_match"])
    add(
        "--match-timeout",
        type=float,
        metavar="SECONDS",
        help="OmniDocBench: plain matching for a page after this long (official: 30; default: never, "
        "because it makes scores depend on the machine)",
    )
    add("--cdm", type=Path, metavar="FILE", help="use these formula scores, made by the official CDM tool")
    add("--tokenizer", metavar="PATH", help="Fox: the model's tokenizer, to bin pages by text tokens")
    add(
        "--vision-tokens",
        metavar="N|MODE",
        help="Fox: vision tokens a page, or a mode without tiles (tiny 64, small 100, base 256, large 400)",
    )
    add("--force", action="store_true", help="olmOCR-bench: score even where predictions are missing")
    add(
        "--katex",
        type=Path,
        metavar="DIR",
        help="olmOCR-bench: folder with katex.min.js and katex.min.css, to run the math tests in Chromium",
    )
    add("--workers", type=int, metavar="N", help="number of processes (default: one per core)")
    add("--quiet", action="store_true", help="show errors only, no progress")


def request(args: argparse.Namespace) -> Request:
    """What the arguments ask for; UsageError where they contradict themselves."""
    runs = tuple(_run(text) for text in args.predictions)
    check_runs(runs, args)
    if args.limit is not None and args.limit < 1:
        raise UsageError("--limit: at least 1")
    if args.workers is not None and args.workers < 1:
        raise UsageError("--workers: at least 1")
    return Request(
        ground_truth=args.ground_truth,
        runs=runs,
        version=args.version,
        match_method=args.match_method,
        match_timeout_s=args.match_timeout,
        page_filter=dict(_pair(text, "--filter") for text in args.filter),
        limit=args.limit,
        cdm=args.cdm,
        official_dir=args.official_dir,
        tokenizer=args.tokenizer,
        vision_tokens=args.vision_tokens,
        force=args.force,
        katex=args.katex,
        samples=args.samples,
        workers=args.workers,
        quiet=args.quiet,
    )


def check_runs(runs: Sequence[Run], args: argparse.Namespace) -> None:
    """UsageError where two runs could not be told apart, or CDM scores not be told whose they are."""
    labels = [run.label for run in runs]
    if len(set(labels)) < len(labels):
        raise UsageError("--predictions: two folders have the same name; label them: first=DIR second=DIR")
    if args.cdm and len(runs) > 1:
        raise UsageError("--cdm: its scores belong to one folder of predictions")


def _run(text: str) -> Run:
    if "=" in text and not Path(text).exists():
        label, folder = _pair(text, "--predictions")
    else:
        label, folder = "", text
    path = Path(folder).resolve()
    if made_file.is_run(path):
        return made_file.run_of(label or path.parent.name, path.parent)
    return Run(label or path.name, Path(folder))


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise UsageError(f"{option} {text}: KEY=VALUE is expected")
    return key, value


def run(args: argparse.Namespace, wanted: Request) -> Report:
    """Run the benchmark, print its tables, and write the files that were asked for."""
    # Not above: the benchmarks load SciPy and lxml, which --help does not need.
    from ocr_engine.evaluation.benchmarks import BENCHMARKS

    report = BENCHMARKS[args.benchmark](wanted)
    text = reports.to_markdown(report)
    sys.stdout.write(text)
    if args.markdown:
        reports.write_text(args.markdown, text)
    if args.json:
        reports.write_json(args.json, report.details)
    if args.csv:
        reports.write_text(args.csv, reports.to_csv(report.tables))
    if args.html:
        reports.write_text(args.html, reports.to_html(report))
    if args.plot:
        _write_plot(args.plot, report)
    return report


def _write_plot(path: Path, report: Report) -> None:
    if not report.plots:
        logger.warning("%s: not written, because these predictions give no plot", path)
        return
    for number, png in enumerate(report.plots.values()):
        target = path if not number else path.with_name(f"{path.stem}-{number + 1}{path.suffix}")
        reports.write_bytes(target, png)
