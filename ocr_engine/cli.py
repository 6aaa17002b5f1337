"""The command lines: arguments and config in, exit code out. The only module that prints and opens tools."""

import argparse
import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ocr_engine import __version__, cluster, exporting, finish, log, signals, summary, terminal, urls
from ocr_engine import config as config_module
from ocr_engine.config import Config
from ocr_engine.engine.base import Engine, EngineInfo
from ocr_engine.engine.factory import create_engine
from ocr_engine.errors import ExitCode, OcrError, UsageError
from ocr_engine.log import logger
from ocr_engine.outputs import mirror, run_files
from ocr_engine.outputs.files import OutputNames, lock_output
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.retry import Command
from ocr_engine.pages import sources
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.pipeline import Conversion, Tools
from ocr_engine.progress import Progress
from ocr_engine.records import Document, DocumentKind, PageStatus
from ocr_engine.resume import Plan, Redo
from ocr_engine.spec import MODES, MODES_OCR2, PROMPTS
from ocr_engine.streaming import StreamedEngine

Found = Iterable[Document | sources.Refused]


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the entry scripts: its name, what it reads, and its words for --help."""

    script: str
    kind: DocumentKind
    description: str
    example: str


PDF = Entry(
    "batch_pdf.py",
    DocumentKind.PDF,
    "Convert PDFs to markdown: one file a page, one merged file a document, figures, a journal.",
    "python batch_pdf.py papers/ --output out --pages 1-3 --mode base",
)
IMAGES = Entry(
    "batch_images.py",
    DocumentKind.IMAGE,
    "Convert images to markdown; a TIFF with several pages is one document.",
    'python batch_images.py scans/ --prompt locate --find "Total"',
)


def batch_pdf(argv: Sequence[str] | None = None) -> int:
    """Entry of `batch_pdf.py`; returns the exit code."""
    return _main(PDF, argv)


def batch_images(argv: Sequence[str] | None = None) -> int:
    """Entry of `batch_images.py`; returns the exit code."""
    return _main(IMAGES, argv)


def _main(entry: Entry, argv: Sequence[str] | None) -> int:
    args = _parser(entry).parse_args(argv)
    log.set_up(logging.ERROR if args.quiet else logging.DEBUG if args.verbose else logging.INFO)
    try:
        return _run(entry, args)
    except (OcrError, KeyboardInterrupt, asyncio.CancelledError, BaseExceptionGroup) as error:
        return _exit_code(entry, error)


def _exit_code(entry: Entry, error: BaseException) -> int:
    """Say in one line what ended the run. Anything unexpected is a bug of ours and keeps its traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OcrError):
        log.say(f"{entry.script}: {error}")
        return int(error.exit_code)
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
        log.say(f"{entry.script}: stopped; the same command goes on from here")
        return int(ExitCode.INTERRUPTED)
    raise error


def _parser(entry: Entry) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=entry.script,
        description=entry.description,
        epilog=f"Example: {entry.example}\n"
        "Every option is a key of config.yaml; running again does only what is missing.\n"
        "Exit codes: 0 all done, 2 arguments or config, 3 no readable input, 4 the engine did not start or\n"
        "kept dying, 5 finished with failed pages, 130 interrupted.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="*", metavar="INPUT", help="files, folders, globs, or - for a list on stdin")
    add("--config", type=Path, metavar="FILE", help="default: config.yaml here or beside the script")
    add("--output", metavar="DIR", help="output.path")
    add("--pages", metavar="RANGES", help="input.pages, such as 1-3,7,-1 (-1 is the last page)")
    add("--max-pages", type=int, metavar="N", help="input.max_pages: stop each document after N pages")
    add("--mode", metavar="MODE", help=f"mode: {', '.join(MODES)}; OCR-2: {', '.join(MODES_OCR2)}")
    add("--prompt", metavar="NAME", help=f"prompt: {', '.join(PROMPTS)}")
    add("--find", metavar="TEXT", help="find: the text that --prompt locate looks for; implies it")
    add("--model", metavar="MODEL", help="engine.model: auto, nano, a folder or a hub id")
    add(
        "--retry", metavar="STATUS,...", help="do pages again that ended so: failed, truncated, looped, blank"
    )
    add("--force", action="store_true", help="do everything again")
    add("--dry-run", action="store_true", help="say what would be done, and do nothing")
    if entry.kind is DocumentKind.IMAGE:
        add("--stream", action="store_true", help="show the text of each image as it appears, read it anew")
        add("--raw", action="store_true", help="with --stream: show the model's own text with its tags")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="any other key of config.yaml")
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("--quiet", action="store_true", help="errors only, no progress")
    loudness.add_argument("--verbose", action="store_true", help="more about what is going on")
    add("--version", action="version", version=__version__)
    return parser


def _load_config(args: argparse.Namespace) -> Config:
    options = {
        "input.path": args.inputs or None,
        "input.pages": args.pages,
        "input.max_pages": args.max_pages,
        "output.path": args.output,
        "mode": args.mode,
        "prompt": args.prompt or ("locate" if args.find is not None else None),
        "find": args.find,
        "engine.model": args.model,
    }
    overrides: dict[str, Any] = dict(config_module.parse_override(text) for text in args.set)
    overrides |= {key: value for key, value in options.items() if value is not None}
    config = config_module.load(config_module.find_file(args.config), overrides)
    sources.validate_page_ranges(config.input.pages)
    return config


def _redo(args: argparse.Namespace) -> Redo:
    names = [name.strip() for name in (args.retry or "").split(",") if name.strip()]
    known = [status.value for status in PageStatus]
    for name in names:
        if name not in known:
            raise UsageError(f"--retry {name}: unknown status (one of: {', '.join(known)})")
    return Redo(everything=args.force, statuses=frozenset(PageStatus(name) for name in names))


def _run(entry: Entry, args: argparse.Namespace) -> int:
    config, redo = _load_config(args), _redo(args)
    exporting.check(config)
    paths = config.input.path
    given = [paths] if isinstance(paths, str) else list(paths)
    if not any(given):
        raise UsageError("nothing to read: give an INPUT or set input.path in config.yaml")
    found = sources.find(given, {entry.kind})
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(_output_root(config, to_write=not args.dry_run))
        journal = stack.enter_context(contextlib.closing(Journal(root / "journal.jsonl")))
        if not args.dry_run:
            stack.enter_context(lock_output(root))
            journal.open()
        if clustered := config.cluster.backend == "ray" and not args.dry_run:
            config = stack.enter_context(cluster.connected(config))
        engine = create_engine(config)
        if stream := getattr(args, "stream", False) and not args.dry_run:
            # One image after the other, each from its start: what is done already would show nothing.
            engine = StreamedEngine(engine, terminal.open_view(raw=args.raw))
            redo = replace(redo, everything=True)
            config = replace(config, engine=replace(config.engine, in_flight=1))
        info = summary.planned_engine(config, engine) if args.dry_run else engine.identify()
        pool = stack.enter_context(FetchingPool(config.render, config.input))
        progress = stack.enter_context(Progress(quiet=args.quiet or args.dry_run or stream))
        names = OutputNames(journal.claims())
        tools = Tools(root, engine, info, pool, journal, names, progress)
        conversion = (cluster.ClusterConversion if clustered else Conversion)(config, tools, redo)
        if args.dry_run:
            return asyncio.run(_print_survey(conversion, config, info, found))
        logger.info(info.reason)
        return asyncio.run(
            _convert(config, conversion, tools, found, _command(entry, args, given, config.output.path))
        )


@contextlib.contextmanager
def _output_root(config: Config, *, to_write: bool) -> Iterator[Path]:
    """The local folder to write to; for an output in an object store, its mirror."""
    path = config.output.path
    if not urls.is_url(path):
        yield Path(urls.local_path(path)).expanduser()
        return
    folder = Path(config.output.mirror).expanduser() if config.output.mirror else mirror.default_folder()
    with mirror.mirrored(path, folder, config.output.sync_s, to_write=to_write) as root:
        yield root


async def _print_survey(conversion: Conversion, config: Config, info: EngineInfo, found: Found) -> int:
    """Say what would be done; the exit code is that of a run that finds the same."""
    total, readable = dict.fromkeys(Plan, 0), 0
    for line in summary.plan_head(config, info):
        print(line)
    async for item in conversion.survey(found):
        counts = {plan: item.plans[plan] for plan in Plan}
        total = {plan: total[plan] + counts[plan] for plan in Plan}
        readable += not item.reason
        print(f"{log.printable(item.given)}: {item.reason or summary.plan_words(counts)}")
    print(f"in all: {summary.plan_words(total)}")
    return int(ExitCode.OK if readable else ExitCode.NO_INPUT)


async def _convert(
    config: Config, conversion: Conversion, tools: Tools, found: Found, command: Command
) -> int:
    """Run a conversion under this terminal's signals, and write the files about the run."""
    started = datetime.now(UTC)
    task = asyncio.ensure_future(conversion.run(found))
    signals.handle(partial(_stop, conversion, tools.engine, task.cancel), task.cancel)
    _write_run(config, conversion, tools, started, ended=None)
    try:
        await task
    finally:
        tools.progress.close()
        await tools.engine.stop()
        _write_run(config, conversion, tools, started, ended=datetime.now(UTC))
        run_files.write(tools.root, tools.journal, command.script, command.options, command.output)
        await _finish(config, conversion, tools, command)
    _summarise(conversion, tools)
    return int(_outcome(conversion))


def _stop(conversion: Conversion, engine: Engine, cancel: Callable[[], object]) -> None:
    """Take up nothing new; an answer that is being shown ends here, with its text so far."""
    conversion.stop()
    if isinstance(engine, StreamedEngine) and not engine.interrupt():
        cancel()


def _command(entry: Entry, args: argparse.Namespace, inputs: Sequence[str], output: str) -> Command:
    """What a rerun has to be told to mean the same."""
    names = ("config", "mode", "prompt", "find", "model")
    options = [word for name in names for word in _option(args, name)]
    for text in args.set:
        # A report is shown around: whoever reruns knows the password.
        options += ["--set", "input.password=PASSWORD" if "password" in text else text]
    selection = [*_option(args, "pages"), *_option(args, "max_pages")]
    return Command(entry.script, output, tuple(inputs), tuple(options), tuple(selection))


def _option(args: argparse.Namespace, name: str) -> list[str]:
    value = getattr(args, name)
    # With `=`, so that a value such as -1 is not taken for an option.
    return [] if value is None else [f"--{name.replace('_', '-')}={value}"]


async def _finish(config: Config, conversion: Conversion, tools: Tools, command: Command) -> None:
    """The report and the exports; a run that is being stopped takes no time for pictures and exports."""
    if config.output.report:
        pool = None if conversion.stopping else tools.pool
        job = partial(
            finish.write_report, tools.root, tools.journal, config, command, pool, tools.info.model_id
        )
        await asyncio.to_thread(job)
    if not conversion.stopping:
        job = partial(exporting.make, tools.root, tools.journal, config, lambda: conversion.stopping)
        await asyncio.to_thread(job)


def _write_run(
    config: Config, conversion: Conversion, tools: Tools, started: datetime, ended: datetime | None
) -> None:
    counts = conversion.counts
    run_files.write_run(
        tools.root,
        config=config_module.as_dict(config),
        model=dataclasses.asdict(tools.info),
        counts={
            **{status.value: number for status, number in counts.pages.items()},
            "unchanged": counts.unchanged,
            "retried": counts.retried,
            "suspect": counts.suspect,
            "from_text_layer": counts.from_text_layer,
            "documents": counts.documents,
            "documents_unreadable": counts.unreadable,
        },
        started=started,
        ended=ended,
    )


def _outcome(conversion: Conversion) -> ExitCode:
    counts = conversion.counts
    if conversion.stopping:
        return ExitCode.INTERRUPTED
    if not counts.documents:
        return ExitCode.NO_INPUT
    return ExitCode.OK if counts.all_well else ExitCode.PAGES_FAILED


def _summarise(conversion: Conversion, tools: Tools) -> None:
    counts = conversion.counts
    if not counts.documents and not conversion.stopping:
        logger.error("nothing could be read; see %s for the reasons", tools.root / "journal.jsonl")
        return
    summary.say(counts, tools.progress, tools.root, quiet=not logger.isEnabledFor(logging.INFO))
    if isinstance(tools.engine, StreamedEngine):
        for path in run_files.files_of(tools.root, tools.journal, tools.engine.shown):
            log.say(f"  {path}")
