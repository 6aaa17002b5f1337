"""Runs a conversion: takes documents and their pages through the stages, many pages at a time.

The stages are: found -> opened -> planned (`planning`) -> read (`reading`) -> drawn, written, journalled
(`saver`). Pages of many documents share one window of pages in flight and end in any order. Each page carries
its own index.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from ocr_engine.config import Config, for_family
from ocr_engine.conversion.counts import Counts
from ocr_engine.conversion.limits import pages_used_up, used_up
from ocr_engine.conversion.page_supply import Other, PageSupply
from ocr_engine.conversion.planning import PageNeeds, PagePlanner, PlannedPage, Redo, Surveyed
from ocr_engine.conversion.said_before import SaidBefore
from ocr_engine.conversion.same_bytes import FirstRead, SameBytes
from ocr_engine.conversion.saver import Saver
from ocr_engine.conversion.source import Listed, Source
from ocr_engine.conversion.together import PageWindow, Reading, Requests
from ocr_engine.conversion.tools import Opener, Reader, Tools, Window
from ocr_engine.errors import EngineError, InputError, OcrError, OutputError, UsageError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.links import link_in_the_way
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.pages.sources import Refused, parse_page_ranges
from ocr_engine.processes.outcome import outcome
from ocr_engine.reading.draft import BY_ENGINE
from ocr_engine.reading.reader import PageReader, ReadPage, failed_page
from ocr_engine.reading.record import located
from ocr_engine.records import (
    Document,
    OpenedDocument,
    PageStatus,
)


class Conversion:
    """One run over some inputs."""

    def __init__(
        self,
        config: Config,
        tools: Tools,
        redo: Redo,
        *,
        opener: Opener | None = None,
        reader: Reader | None = None,
        window: Window | None = None,
    ) -> None:
        """Without `opener` and `reader` documents are opened and pages read on this machine, by the tools."""
        self._config = config = for_family(config, tools.info.family)
        self._tools = tools
        self._opener = opener or tools.pool
        self._reader = reader or PageReader(
            config, tools.pool, tools.engine, tools.info.family, tools.info.tokenizer, saved_elsewhere=True
        )
        window = window or Window.of_run(config, tools.info)
        self._saver = Saver(config, tools.root, tools.pool, tools.names, tools.journal)
        self._planner = PagePlanner(
            config, tools.root, tools.names, tools.info.model_id, redo, self._saver.earlier
        )
        self._same = SameBytes()
        # A cluster's stream has been given all pages, and what they bring, before any is written.
        self._reads_once = config.input.same_once and config.output.raw and reader is None
        self._documents = asyncio.Semaphore(window.documents)
        self._requests = Requests.of_run(config, tools.info, tools.pool, tools.engine, self._reader)
        self._window = PageWindow(max(window.pages, self._requests.pages_each))
        self.stopping = False
        """Whether `stop` was asked for."""
        self.limit = ""
        """The limit that was reached, in words; "" where none was."""
        self.on_limit: Callable[[], None] = self.stop
        """What is done when one is."""
        self.stage_s: Counter[str] = Counter()
        """Seconds of pages by stage."""
        self._taken = self._pages_in_hand = self._documents_open = 0
        self._steps, self._stepped_tokens = 0.0, 0
        self.counts = Counts()
        tokenizer = tools.info.tokenizer if reader is None else BY_ENGINE
        self._said = SaidBefore(self._planner, self._saver, tokenizer)
        said = self._said if reader is None else None
        self._supply = PageSupply(config, tools, self._reader, self._saver, said, self.counts)
        self.refused: set[str] = set()
        """Documents, as given, of which this run could not read any page."""

    @property
    def starting(self) -> bool:
        """Whether the engine is still starting, so that stopping now loses nothing."""
        return self._reader.starting

    def stop(self) -> None:
        """Begin no new page; pages in flight end normally."""
        self.stopping = True

    def queues(self) -> dict[str, int]:
        """How much is on its way: documents, pages, work for renderers, pages to be written."""
        return {
            "documents": self._documents_open,
            "pages": self._pages_in_hand,
            "render": self._tools.pool.waiting,
            "write": self._saver.waiting,
        }

    @property
    def pace(self) -> float:
        """Tokens decoded at once, of the pages of which that is known; 0 without any."""
        return self._stepped_tokens / self._steps if self._steps else 0.0

    def heed_limits(self) -> None:
        """Stop the run where a limit of the config is reached. Also to be called when time has passed."""
        progress = self._tools.progress
        failed = progress.counts[PageStatus.FAILED]
        self._heed(
            used_up(
                self._config.limits,
                pages=progress.ended, failed=failed, tokens=progress.tokens, seconds=progress.elapsed_s,
            )
        )  # fmt: skip

    def _heed(self, limit: str) -> None:
        if limit and not self.stopping:
            self.limit = limit
            logger.warning("stopping: %s; pages that are being read are finished first", limit)
            self.on_limit()

    async def run(self, found: Iterable[Document | Refused] | Source) -> None:
        """Convert everything found, or all that a source gives out.

        Raises:
            EngineError: the engine did not start or died; what is done is in the journal.
            OutputError: the output folder cannot be written.
        """
        try:
            await self.convert(found)
        finally:
            self.close()

    def close(self) -> None:
        """End what is still on its way: the engine's start, what is being written. Raises OutputError."""
        self._reader.close()
        self._saver.close()

    async def survey(self, found: Iterable[Document | Refused]) -> AsyncIterator[Surveyed]:
        """Tell what `run` would do, document by document, without doing it."""
        for item in found:
            if isinstance(item, Refused):
                yield Surveyed(item.given, item.reason)
                continue
            try:
                opened, indexes = await self._open(item)
                await self._find_lost(opened, indexes, write=False)
            except (InputError, UsageError) as error:
                yield Surveyed(item.given, str(error))
            else:
                pages = self._planner.pages(opened, indexes)
                yield Surveyed(item.given, "", Counter(map(self._planner.needs, pages)))

    async def convert(self, found: Iterable[Document | Refused] | Source) -> None:
        """A part of `run`, which may be followed by others; the caller closes. Raises as `run`."""
        source = Listed(found) if isinstance(found, Iterable) else found
        async with asyncio.TaskGroup() as group:
            await self._documents.acquire()
            async for item in source.documents(lambda: self.stopping):
                if isinstance(item, Refused):
                    await self._end_document(item.given, PageStatus.FAILED, item.reason)
                    source.ended(item)
                    continue
                group.create_task(self._convert_document(item, source))
                # Before the next one is asked for: it may go to another run meanwhile.
                await self._documents.acquire()
            self._documents.release()

    async def to_read(self, document: Document) -> AsyncIterator[tuple[PlannedPage, str]]:
        """The pages of a document that have to be read, in order, and their raw texts of an earlier run."""
        try:
            opened, indexes = await self._open(document)
            await self._find_lost(opened, indexes)
        except OcrError:
            return  # recorded when the document is converted
        writer = self._saver.writer_for(document)
        for page in self._planner.pages(opened, indexes):
            if self._planner.needs(page) is PageNeeds.READ:
                yield page, await self._said.of(page, writer)

    async def _convert_document(self, document: Document, source: Source) -> None:
        self._documents_open += 1
        try:
            with ExitStack() as place:
                place.callback(self._documents.release)
                if await self._convert_opened(document, source.before(document), place):
                    source.ended(document)
        finally:
            self._documents_open -= 1

    async def _convert_opened(self, document: Document, before: Path | None, place: ExitStack) -> bool:
        """Whether nothing of the document is left to do. `before` as `Source.before` gives it.

        `place` is given back when the document's pages have all begun.
        """
        try:
            opened, indexes = await self._open(document)
        except InputError as error:
            await self._end_document(document.given, PageStatus.FAILED, str(error))
        except UsageError as error:
            await self._end_document(document.given, PageStatus.SKIPPED, str(error))
        else:
            # In the order in which they are opened: what is asked of the disk next takes some longer.
            first = self._same.begin(opened) if self._reads_once else None
            await self._find_lost(opened, indexes)
            self.counts.documents += 1
            await self._saver.account_for_cap(opened)
            self._tools.progress.add_total(len(indexes))
            return await self._convert_once(opened, indexes, before, place, first)
        return True

    async def _convert_once(
        self,
        opened: OpenedDocument,
        indexes: tuple[int, ...],
        before: Path | None,
        place: ExitStack,
        first: FirstRead | None,
    ) -> bool:
        """Convert a document's pages; one of the bytes of `first` waits until that is read."""
        if first:
            await first.ended.wait()
            same = Other(first.given, self._saver.writer_of(first.given, first.name))
            return await self._convert_pages(opened, indexes, same, place)
        left = Other("", self._saver.writer_for(opened.document, before)) if before else None
        try:
            return await self._convert_pages(opened, indexes, left, place)
        finally:
            if self._reads_once:
                self._same.end(opened)

    async def _open(self, document: Document) -> tuple[OpenedDocument, tuple[int, ...]]:
        """The document, and the 0-based indexes of the pages that are asked for."""
        if link := link_in_the_way(self._tools.root, self._tools.names.folder_for(document)):
            raise InputError(
                f"not written: {printable(str(link))} is a symbolic link, and runs write through none;"
                " move it away, or choose another folder with --output"
            )
        opened = await outcome(self._opener.open(document))
        indexes = parse_page_ranges(self._config.input.pages, opened.page_count)
        return opened, indexes[: self._config.input.max_pages or None]

    async def _find_lost(
        self, opened: OpenedDocument, indexes: tuple[int, ...], *, write: bool = True
    ) -> None:
        """See that the document's records are in order; those that cannot be mended are read again."""
        self._planner.lost.update(await self._saver.lost_records(opened, indexes, write=write))

    async def _convert_pages(
        self, opened: OpenedDocument, indexes: tuple[int, ...], other: Other | None, place: ExitStack
    ) -> bool:
        """Whether all of them were converted. `other` may hold pages that were read already."""
        writer = self._saver.writer_for(opened.document)
        changed = False
        cancelled = False

        def note(task: "asyncio.Task[None]") -> None:
            nonlocal cancelled
            cancelled = cancelled or task.cancelled()

        async with asyncio.TaskGroup() as group:
            for pages in self._requests.split(self._planner, opened, indexes):
                todo = [page for page in pages if pages[page] is not PageNeeds.NOTHING]
                self._count_unchanged(page for page in pages if page not in todo)
                if not todo:
                    continue
                await self._window.enter(len(todo))
                self._heed(pages_used_up(self._config.limits, self._taken))
                if self.stopping:
                    self._window.leave(len(todo))
                    return False
                if not changed:
                    await self._saver.make_room(opened, writer, indexes)
                    changed = True
                self._taken += len(todo)
                source = other or self._requests.begin(group, pages)
                for page in todo:
                    task = self._convert_page(page, writer, pages[page], source)
                    group.create_task(task).add_done_callback(note)
            place.close()
        if not cancelled:
            await self._saver.finish_document(opened.document, writer, changed=changed)
        return not cancelled

    async def _convert_page(
        self, page: PlannedPage, writer: PageWriter, needs: PageNeeds, source: Other | Reading
    ) -> None:
        self._pages_in_hand += 1
        try:
            await self._save(page, await self._supply.get(page, writer, needs, source))
        except (EngineError, OutputError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours that one page meets must not end the night
            logger.debug("%s: internal error", printable(str(page.ref)), exc_info=error)
            reason = f"internal error: {error!r}"
            await self._save(page, failed_page(self._config, page.ref, page.fingerprint, reason))
        finally:
            self._pages_in_hand -= 1
            self._window.leave()

    async def _save(self, page: PlannedPage, read: ReadPage) -> None:
        record = await self._saver.save_page(page.ref, read)
        self.counts.add(record)
        self._tools.progress.page_ended(record.status, 0 if read.same_as else record.text_tokens)
        self.stage_s.update(read.seconds)
        if read.tokens_a_step:
            self._stepped_tokens += record.text_tokens
            self._steps += record.text_tokens / read.tokens_a_step
        self.heed_limits()
        if record.status is PageStatus.FAILED:
            logger.warning("%s: %s", printable(str(page.ref)), record.reason)
        if places := located(self._config, record):
            logger.info("%s: %s", printable(str(page.ref)), places)

    def _count_unchanged(self, pages: Iterable[PlannedPage]) -> None:
        for page in pages:
            row = self._planner.row(page)
            assert row is not None, "only a page with a row needs nothing"
            self.counts.add_unchanged(row.status)
            self._tools.progress.page_unchanged()

    async def _end_document(self, given: str, status: PageStatus, reason: str) -> None:
        self.refused.add(given)
        self.counts.unreadable += status is PageStatus.FAILED
        await self._saver.end_document(given, status, reason)
