"""One run under a terminal: its signals, the files about it, its report and exports, its exit code."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from ocr_engine import log
from ocr_engine.cli import signals, summary
from ocr_engine.config import Config, as_dict
from ocr_engine.conversion import exports, report
from ocr_engine.conversion.pipeline import Conversion, Tools
from ocr_engine.engine.base import silent_s
from ocr_engine.engine.streamed import StreamedEngine
from ocr_engine.errors import ExitCode
from ocr_engine.log import logger
from ocr_engine.outputs import run_files
from ocr_engine.outputs.retry import Command
from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document, PageKey


@dataclass(frozen=True, slots=True)
class Session:
    """A conversion with its tools, and the command that was typed for it."""

    config: Config
    conversion: Conversion
    tools: Tools
    command: Command

    async def run(self, found: Iterable[Document | Refused]) -> ExitCode:
        """Convert, and write the files about the run however it ends.

        Raises what `Conversion.run` raises, and CancelledError where the user stopped it at once.
        """
        started = datetime.now(UTC)
        task = asyncio.ensure_future(self.conversion.run(found))
        signals.handle(partial(self._stop, task.cancel), task.cancel, partial(silent_s, self.tools.engine))
        self._write_run(started, ended=None)
        try:
            await task
        finally:
            self.tools.progress.close()
            await self.tools.engine.stop()
            self._write_run(started, ended=datetime.now(UTC))
            command = self.command
            run_files.write(
                self.tools.root, self.tools.journal, command.script, command.options, command.output,
                command.selection,
            )  # fmt: skip
            await self._report_and_export()
        self._summarise()
        return self._outcome()

    def _stop(self, cancel: Callable[[], object]) -> None:
        """Take up nothing new; an answer that is being shown ends here, with its text so far.

        An engine that is starting is not waited for: that takes minutes, and it has read nothing.
        """
        self.conversion.stop()
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
        if not counts.documents and not self.conversion.stopping:
            logger.error("nothing could be read; see %s for the reasons", tools.root / "journal.jsonl")
            return
        summary.say(counts, tools.progress, tools.root, quiet=not logger.isEnabledFor(logging.INFO))
        if isinstance(tools.engine, StreamedEngine):
            shown = [key for name in tools.engine.shown if (key := PageKey.parse(name))]
            for path in run_files.files_of(tools.root, tools.journal, shown):
                log.say(f"  {path}")

    def _outcome(self) -> ExitCode:
        counts = self.conversion.counts
        if self.conversion.stopping:
            return ExitCode.INTERRUPTED
        if not counts.documents:
            return ExitCode.NO_INPUT
        return ExitCode.OK if counts.all_well else ExitCode.PAGES_FAILED
