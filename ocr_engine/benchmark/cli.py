"""`eval_batch.py`: predictions made by the engine, or given, or both; scored and compared in one command."""

import argparse
import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocr_engine import config as config_module
from ocr_engine import log
from ocr_engine.cli import arguments, signals
from ocr_engine.config import options as config_options
from ocr_engine.errors import ExitCode, OcrError, UsageError
from ocr_engine.evaluation import cli as scoring
from ocr_engine.evaluation.request import Request, Run
from ocr_engine.families import MODES, PROMPTS
from ocr_engine.log import logger
from ocr_engine.records import DocumentKind, PageStatus

if TYPE_CHECKING:
    from ocr_engine.benchmark.run import BenchmarkRun
    from ocr_engine.config import Config

SCRIPT = "eval_batch.py"
_UNREAD = (*(status.value for status in PageStatus if not status.has_text), "no input")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    args = parser().parse_args(argv)
    log.set_up(logging.ERROR if args.quiet else logging.INFO)
    try:
        return int(_run(args))
    except (OcrError, KeyboardInterrupt, asyncio.CancelledError, BaseExceptionGroup) as error:
        return int(signals.ended_by(SCRIPT, error))


def parser() -> argparse.ArgumentParser:
    """All options."""
    made = argparse.ArgumentParser(
        prog=SCRIPT,
        usage="%(prog)s --benchmark NAME --ground-truth PATH [--images DIR] [--predictions DIR] [OPTIONS]",
        description="Score the engine, or predictions that exist, with the official protocols of "
        "OmniDocBench, Fox and olmOCR-bench.",
        epilog="Examples:\n"
        "  python eval_batch.py --benchmark omnidocbench --ground-truth OmniDocBench.json \\\n"
        "      --images images/ --mode tiny small base large gundam --html scores.html\n"
        "  python eval_batch.py --benchmark fox --ground-truth en_page_ocr.json --predictions out/a b=out/b\n"
        "Running again reads only pages that are missing. docs/benchmarks.md tells more.\n"
        "Exit codes: 0 scored, 2 arguments or config, 3 nothing to read or score, 4 engine did not start,\n"
        "5 scored, but some pages could not be read, 130 interrupted.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    scoring.add_arguments(made)
    _add_engine_arguments(made)
    return made


def _add_engine_arguments(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("predictions made by the engine").add_argument
    add("--images", type=Path, metavar="DIR", help="the page images (olmOCR-bench: the folder of PDFs)")
    add("--mode", nargs="+", default=[], metavar="MODE", help=f"one or several: {', '.join(MODES)}")
    add("--prompt", metavar="NAME", help=f"default: as the official script; {', '.join(PROMPTS)}")
    add("--model", metavar="MODEL", help="engine.model: auto, nano, a folder or a hub id")
    add(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for results, with one for each mode in it; default: outputs/BENCHMARK",
    )
    arguments.add_retry(add)
    config_options.add_options(add)


def _run(args: argparse.Namespace) -> ExitCode:
    request = scoring.request(args)
    if args.images is None and not request.runs:
        raise UsageError("nothing to score: give --images for the engine to read, or --predictions")
    if args.images is None:
        scoring.run(args, request)
        return ExitCode.OK
    runs, request = _made_by_engine(args, request)
    if runs is None:
        raise KeyboardInterrupt
    request = replace(request, runs=(*runs, *request.runs))
    scoring.check_runs(request.runs, args)
    scoring.run(args, request)
    unread = sum(run.made.statuses.get(status, 0) for run in runs if run.made for status in _UNREAD)
    return ExitCode.PAGES_FAILED if unread else ExitCode.OK


def _made_by_engine(args: argparse.Namespace, request: Request) -> tuple[list[Run] | None, Request]:
    """The finished runs (None where the user stopped them), and the request with the engine's defaults."""
    # Not above: benchmarks load SciPy and lxml, which --help does not need.
    from ocr_engine.benchmark.inputs import find_inputs, report_problems
    from ocr_engine.benchmark.run import BenchmarkRun, load_configs
    from ocr_engine.engine.factory import create_engine
    from ocr_engine.engine.log_folder import logs_of_run
    from ocr_engine.engine.shared import SharedEngine
    from ocr_engine.evaluation.wanted import wanted_pages
    from ocr_engine.pages.pool import RenderPool

    root = (args.output or Path("outputs") / args.benchmark).expanduser()
    configs = load_configs(args.benchmark, config_module.find_file(args.config), args.mode, _options(args))
    pages = wanted_pages(args.benchmark, request)
    kind = DocumentKind.PDF if args.benchmark == "olmocr-bench" else DocumentKind.IMAGE
    inputs = find_inputs(pages, args.images, kind)
    report_problems(inputs)
    first = configs[0]
    engine = SharedEngine(create_engine(first))
    info = engine.identify()
    logger.info(info.reason)
    with RenderPool(first.render, first.input.password, first.input.max_document_pages) as pool:
        run = BenchmarkRun(
            args.benchmark, root, engine, info, pool, arguments.redo_of(args.retry), args.quiet
        )
        with logs_of_run():
            runs = asyncio.run(_make(run, configs, pages, inputs))
    if request.official_dir is None:
        request = replace(request, official_dir=root / "official")
    if request.tokenizer is None:
        request = replace(request, tokenizer=_tokenizer(first))
    return (None if run.stopping else runs), request


async def _make(run: "BenchmarkRun", configs: "list[Config]", pages: Any, inputs: Any) -> list[Run]:
    task = asyncio.ensure_future(run.make(configs, pages, inputs))
    signals.handle(run.stop, task.cancel, run.engine.stopping_s)
    try:
        return await task
    finally:
        await run.engine.stop()


def _options(args: argparse.Namespace) -> dict[str, Any]:
    return config_options.overrides(args, {"prompt": args.prompt, "engine.model": args.model})


def _tokenizer(config: "Config") -> str | None:
    """The model's own, to count text tokens with; None where no model answers."""
    from ocr_engine.engine.checkpoint import resolve

    if config.engine.backend != "vllm":
        return None
    return str(resolve(config.engine.model, config.engine.revision).folder)
