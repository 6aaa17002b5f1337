"""A run from its arguments: opens the tools, then converts (`session`), or prints what would be done."""

import argparse
import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ocr_engine import log, urls
from ocr_engine.cli import arguments, signals, summary, terminal
from ocr_engine.cli.arguments import Entry
from ocr_engine.cli.session import Session
from ocr_engine.cluster.conversion import ClusterConversion
from ocr_engine.cluster.streams import connected
from ocr_engine.config import Config
from ocr_engine.conversion import exports
from ocr_engine.conversion.pipeline import Conversion, Tools
from ocr_engine.conversion.progress import Progress
from ocr_engine.conversion.resume import Plan, Redo
from ocr_engine.engine.base import Engine, EngineInfo
from ocr_engine.engine.factory import create_engine
from ocr_engine.engine.log_folder import logs_of_run
from ocr_engine.engine.streamed import StreamedEngine
from ocr_engine.errors import ExitCode, OcrError
from ocr_engine.log import logger
from ocr_engine.outputs import mirror
from ocr_engine.outputs.files import lock_output
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.names import OutputNames
from ocr_engine.outputs.own_files import OwnFiles
from ocr_engine.pages import sources
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.records import Document

Found = Iterable[Document | sources.Refused]


def main(entry: Entry, args: argparse.Namespace) -> ExitCode:
    """Do what the arguments ask for. What ends a run early is said in one line."""
    log.set_up(logging.ERROR if args.quiet else logging.DEBUG if args.verbose else logging.INFO)
    try:
        return _run(entry, args)
    except (OcrError, KeyboardInterrupt, asyncio.CancelledError, BaseExceptionGroup) as error:
        return signals.ended_by(entry.script, error)


def _run(entry: Entry, args: argparse.Namespace) -> ExitCode:
    config = arguments.load_config(args)
    redo = arguments.redo_of(args.retry, everything=args.force)
    exports.check(config)
    given = arguments.inputs_of(config)
    found = sources.find(given, {entry.kind}, OwnFiles(config.output.path))
    with ExitStack() as stack:
        root = stack.enter_context(_output_root(config, to_write=not args.dry_run))
        journal = stack.enter_context(contextlib.closing(Journal(root / "journal.jsonl")))
        if args.dry_run:
            return _survey(stack, config, root, journal, redo, found)
        stack.enter_context(lock_output(root))
        journal.open()
        kind = Conversion
        if config.cluster.backend == "ray":
            kind = ClusterConversion
            config = stack.enter_context(connected(config))
        stack.enter_context(logs_of_run())
        engine = create_engine(config)
        if stream := getattr(args, "stream", False):
            # One image after the other, each from its start: what is done already would show nothing.
            engine = StreamedEngine(engine, terminal.open_view(raw=args.raw))
            redo = replace(redo, everything=True)
            config = replace(config, engine=replace(config.engine, in_flight=1))
        tools = _tools(stack, config, root, journal, engine, engine.identify(), quiet=args.quiet or stream)
        logger.info(tools.info.reason)
        command = arguments.command_of(entry, args, given, config.output.path)
        return asyncio.run(Session(config, kind(config, tools, redo), tools, command).run(found))


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


def _tools(
    stack: ExitStack,
    config: Config,
    root: Path,
    journal: Journal,
    engine: Engine,
    info: EngineInfo,
    *,
    quiet: bool,
) -> Tools:
    pool = stack.enter_context(FetchingPool(config.render, config.input))
    progress = stack.enter_context(Progress(quiet=quiet))
    # A mirror may hold parts of what a killed run sent, which tell of no stranger.
    looked_at = None if urls.is_url(config.output.path) else root
    return Tools(root, engine, info, pool, journal, OutputNames(journal.claims(), looked_at), progress)


def _survey(
    stack: ExitStack, config: Config, root: Path, journal: Journal, redo: Redo, found: Found
) -> ExitCode:
    engine = create_engine(config)
    info = summary.planned_engine(config, engine)
    tools = _tools(stack, config, root, journal, engine, info, quiet=True)
    return asyncio.run(_print_survey(Conversion(config, tools, redo), config, info, found))


async def _print_survey(conversion: Conversion, config: Config, info: EngineInfo, found: Found) -> ExitCode:
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
    return ExitCode.OK if readable else ExitCode.NO_INPUT
