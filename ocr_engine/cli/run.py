"""A run from its arguments: its tools, its signals, the files about it, its report, exports and exit code."""

import argparse
import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from ocr_engine import log, urls
from ocr_engine.cli import arguments, drivers, metrics, signals, summary, survey, terminal
from ocr_engine.cli.arguments import Entry
from ocr_engine.cli.at_end import AtEnd
from ocr_engine.cli.output_root import output_root
from ocr_engine.cluster.conversion import ClusterRun
from ocr_engine.cluster.streams import connected
from ocr_engine.config import Config, as_dict, for_family
from ocr_engine.conversion import exports, report
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.planning import Redo
from ocr_engine.conversion.progress import Progress
from ocr_engine.conversion.source import Source
from ocr_engine.conversion.tools import Tools
from ocr_engine.engine.base import Engine, EngineInfo, stopping_s
from ocr_engine.engine.factory import create_engine
from ocr_engine.engine.log_folder import logs_of_run
from ocr_engine.engine.streamed import StreamedEngine
from ocr_engine.errors import ExitCode, OcrError, UsageError
from ocr_engine.log import logger
from ocr_engine.outputs import run_files
from ocr_engine.outputs.folder_lock import lock_output
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.names import OutputNames
from ocr_engine.outputs.own_files import OwnFiles
from ocr_engine.outputs.retry import Command
from ocr_engine.pages import sources
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.records import PageKey

Found = drivers.Items | Source
_CLOCK_S = 1.0


def main(entry: Entry, args: argparse.Namespace) -> ExitCode:
    """Do what the arguments ask for. What ends a run early is said in one line."""
    log.set_up(logging.ERROR if args.quiet else logging.DEBUG if args.verbose else logging.INFO)
    at_end = AtEnd()
    try:
        code = _run(entry, args, at_end)
    except (OcrError, KeyboardInterrupt, asyncio.CancelledError, BaseExceptionGroup) as error:
        code = signals.ended_by(entry.script, error)
    at_end.tell(code)
    return code


def _run(entry: Entry, args: argparse.Namespace, at_end: AtEnd) -> ExitCode:
    config = arguments.load_config(args)
    if not args.dry_run:
        at_end.watch, at_end.facts = config.watch, {"output": config.output.path}
    redo = arguments.redo_of(args.retry, everything=args.force)
    exports.check(config)
    given = arguments.inputs_of(config)
    command = arguments.command_of(entry, args, given, config.output.path)
    if config.drivers.claim and sources.STDIN in given:
        raise UsageError(
            "drivers.claim reads the inputs several times, which a list on stdin does not allow; name them"
        )
    own, folders = OwnFiles(config.output.path), config.input.gathers_folders
    find = partial(sources.find, given, entry.kinds(config), own, folders=folders)
    with ExitStack() as stack:
        part = stack.enter_context(drivers.part_of(config, find, to_write=not args.dry_run))
        config, found = part.config, part.found
        root = stack.enter_context(output_root(config, to_write=not args.dry_run, on_sync=part.on_sync))
        journal = stack.enter_context(contextlib.closing(Journal(root / "journal.jsonl")))
        if args.dry_run:
            return _survey(stack, config, root, journal, redo, cast(drivers.Items, found))
        stack.enter_context(lock_output(root))
        journal.open()
        if config.cluster.backend == "ray":
            config = stack.enter_context(connected(config))
        stack.enter_context(logs_of_run())
        engine = create_engine(config)
        if stream := getattr(args, "stream", False):
            # One image after the other, each from its start: what is done already would show nothing.
            engine = StreamedEngine(engine, terminal.open_view(raw=args.raw))
            redo = replace(redo, everything=True)
            config = replace(config, engine=replace(config.engine, in_flight=1))
        tools = _tools(stack, config, root, journal, engine, engine.identify(), quiet=args.quiet or stream)
        config = for_family(config, tools.info.family)
        logger.info(tools.info.reason)
        runner, conversion = _runner(config, tools, redo)
        stack.enter_context(metrics.served(config.watch, conversion, tools))
        stack.callback(_note_end, at_end, conversion, tools)
        return asyncio.run(_Run(config, runner, conversion, tools, command, part.is_whole).convert(found))


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
    pool = stack.enter_context(
        FetchingPool(config.render, config.input, bookmarks=config.text.wants_bookmarks)
    )
    progress = stack.enter_context(Progress(quiet=quiet))
    # A mirror may hold parts of what a killed run sent, which tell of no stranger.
    looked_at = None if urls.is_url(config.output.path) else root
    return Tools(root, engine, info, pool, journal, OutputNames(journal.claims(), looked_at), progress)


def _survey(
    stack: ExitStack, config: Config, root: Path, journal: Journal, redo: Redo, found: drivers.Items
) -> ExitCode:
    engine = create_engine(config)
    info = survey.planned_engine(config, engine)
    tools = _tools(stack, config, root, journal, engine, info, quiet=True)
    config = for_family(config, info.family)
    return asyncio.run(survey.print_survey(Conversion(config, tools, redo), config, info, found))


def _note_end(at_end: AtEnd, conversion: Conversion, tools: Tools) -> None:
    at_end.facts |= {
        "counts": conversion.counts.as_dict(),
        "stopped_by": conversion.limit,
        "seconds": round(tools.progress.elapsed_s, 1),
        "pages_per_s": round(tools.progress.pages_per_s, 3),
    }


class Runner(Protocol):
    """Does a conversion; the `Conversion` itself does, where all is done on this machine."""

    async def run(self, found: Found) -> None:
        """Convert everything found."""

    def stop(self) -> None:
        """Take up nothing new."""


def _runner(config: Config, tools: Tools, redo: Redo) -> tuple[Runner, Conversion]:
    if config.cluster.backend == "ray":
        on_cluster = ClusterRun(config, tools, redo)
        return on_cluster, on_cluster.conversion
    conversion = Conversion(config, tools, redo)
    return conversion, conversion


@dataclass(frozen=True, slots=True)
class _Run:
    """A conversion with its tools, and the command that was typed for it."""

    config: Config
    runner: Runner
    conversion: Conversion
    tools: Tools
    command: Command
    is_whole: bool = True
    """Whether it does the whole corpus; a part of it may be empty."""

    async def convert(self, found: Found) -> ExitCode:
        """Convert, and write the files about the run however it ends.

        Raises what `Conversion.run` raises, and CancelledError where the user stopped it at once.
        """
        started = datetime.now(UTC)
        task = asyncio.ensure_future(self.runner.run(found))
        signals.handle(partial(self._stop, task.cancel), task.cancel, stopping_s(self.tools.engine))
        self.conversion.on_limit = self.runner.stop
        clock = asyncio.ensure_future(self._watch_clock())
        self._write_run(started, ended=None)
        try:
            await task
        finally:
            clock.cancel()
            self.tools.progress.close()
            await self.tools.engine.stop()
            self._write_run(started, ended=datetime.now(UTC))
            run_files.write(self.tools.root, self.tools.journal, self.command)
            await self._report_and_export()
        self._summarise()
        return self._outcome()

    async def _watch_clock(self) -> None:
        """A limit of time holds also while no page ends."""
        while True:
            await asyncio.sleep(_CLOCK_S)
            self.conversion.heed_limits()

    def _stop(self, cancel: Callable[[], object]) -> None:
        """Take up nothing new; an answer that is being shown ends here, with its text so far.

        An engine that is starting is not waited for: that takes minutes, and it has read nothing.
        """
        self.runner.stop()
        engine = self.tools.engine
        shows_nothing = isinstance(engine, StreamedEngine) and not engine.interrupt()
        if shows_nothing or self.conversion.starting:
            cancel()

    def _write_run(self, started: datetime, ended: datetime | None) -> None:
        run_files.write_run(
            self.tools.root,
            config=as_dict(self.config),
            model=dataclasses.asdict(self.tools.info),
            counts=self.conversion.counts.as_dict(),
            started=started,
            ended=ended,
            stopped_by=self.conversion.limit,
        )

    async def _report_and_export(self) -> None:
        """A run that is being stopped takes no time for pictures and exports."""
        config, tools, stopping = self.config, self.tools, self.conversion.stopping
        if config.output.report:
            pool = None if stopping else tools.pool
            await asyncio.to_thread(
                report.write_report,
                tools.root, tools.journal, config, self.command, pool, tools.info.model_id,
            )  # fmt: skip
        if not self.conversion.stopping:
            await asyncio.to_thread(
                exports.make, tools.root, tools.journal, config, lambda: self.conversion.stopping
            )

    def _summarise(self) -> None:
        counts, tools = self.conversion.counts, self.tools
        if not counts.documents and self.is_whole and not self.conversion.stopping:
            logger.error("no page could be read; the reasons are in %s", tools.root / "journal.jsonl")
            return
        summary.say(counts, tools.progress, tools.root, quiet=not logger.isEnabledFor(logging.INFO))
        if isinstance(tools.engine, StreamedEngine):
            shown = [key for name in tools.engine.shown if (key := PageKey.parse(name))]
            for path in run_files.files_of(tools.root, tools.journal, shown):
                log.say(f"  {path}")

    def _outcome(self) -> ExitCode:
        counts = self.conversion.counts
        if self.conversion.limit:
            return ExitCode.LIMIT
        if self.conversion.stopping:
            return ExitCode.INTERRUPTED
        if not counts.documents and (self.is_whole or counts.unreadable):
            return ExitCode.NO_INPUT
        return ExitCode.OK if counts.all_well else ExitCode.PAGES_FAILED
