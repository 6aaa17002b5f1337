"""The order of the stages and the window of pages in flight. The stages do the work; nothing flows back.

found -> opened -> planned -> read (`reading`: rendered, cut into views, generated, parsed) -> drawn -> saved
-> journal. Pages of many documents share one window and end in any order; each carries its own index.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from ocr_engine import stages
from ocr_engine.config import Config
from ocr_engine.drawings import draw_task, not_drawn
from ocr_engine.engine.base import Engine, EngineInfo
from ocr_engine.errors import EngineError, InputError, OutputError, UsageError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.document_folder import PageWriter
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.files import OutputNames
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.writer import open_writer
from ocr_engine.pages.pool import RenderPool
from ocr_engine.pages.sources import Refused, parse_page_ranges
from ocr_engine.progress import Progress
from ocr_engine.reading import PageReader, ReadPage
from ocr_engine.records import Document, JournalRow, OpenedDocument, PageRecord, PageRef, PageStatus
from ocr_engine.resume import Plan, Redo, plan_page

P = ParamSpec("P")
T = TypeVar("T")
DOCUMENTS_AHEAD = 32
"""Documents open at one time: enough one-page documents to keep the window full."""
PAGES_AHEAD = 16
"""Pages rendered beyond what the engine takes at once, so that it never waits for one."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a conversion works with; the caller opens and closes them."""

    root: Path
    engine: Engine
    info: EngineInfo
    pool: RenderPool
    journal: Journal
    names: OutputNames
    progress: Progress


@dataclass(slots=True)
class Counts:
    """What became of this run's documents and pages."""

    pages: dict[PageStatus, int] = field(default_factory=lambda: dict.fromkeys(PageStatus, 0))
    unchanged: int = 0
    retried: int = 0
    suspect: int = 0
    from_text_layer: int = 0
    documents: int = 0
    unreadable: int = 0

    def add(self, record: PageRecord) -> None:
        """Count a page that has its record."""
        self.pages[record.status] += 1
        self.retried += record.attempts > 1
        self.suspect += record.suspect
        self.from_text_layer += record.from_text_layer

    @property
    def all_well(self) -> bool:
        """Whether no page or document needs a second look."""
        bad = (PageStatus.FAILED, PageStatus.TRUNCATED, PageStatus.LOOPED)
        return not self.unreadable and not any(self.pages[status] for status in bad)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a run would do with one input: why it cannot be read, or how many pages need what."""

    given: str
    reason: str
    plans: Counter[Plan] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Page:
    """A page on its way: what it is, its name below the output folder, the fingerprint it will carry."""

    ref: PageRef
    request_id: str
    fingerprint: str


class Conversion:
    """One run over some inputs."""

    def __init__(self, config: Config, tools: Tools, redo: Redo) -> None:
        self._config = config
        self._tools = tools
        self._redo = redo
        self._reader = PageReader(config, tools.pool, tools.engine, tools.info.family)
        self._rows = tools.journal.latest()
        self._documents = asyncio.Semaphore(DOCUMENTS_AHEAD)
        self._window = asyncio.Semaphore(config.engine.in_flight or tools.info.capacity + PAGES_AHEAD)
        # One thread writes: the files of a page, then its journal line, never interleaved.
        self._writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self.stopping = False
        """Whether `stop` was asked for."""
        self.counts = Counts()
        self.refused: set[str] = set()
        """Documents, as given, of which this run could not read any page."""

    def stop(self) -> None:
        """Take up nothing new; pages in flight end normally."""
        self.stopping = True

    async def run(self, found: Iterable[Document | Refused]) -> None:
        """Convert everything found.

        Raises:
            EngineError: the engine did not start or died; what is done is in the journal.
            OutputError: the output folder cannot be written.
        """
        try:
            await self._convert_all(found)
        finally:
            self._reader.close()
            self._writing.shutdown()

    async def _convert_all(self, found: Iterable[Document | Refused]) -> None:
        async with asyncio.TaskGroup() as group:
            for item in found:
                if self.stopping:
                    break
                if isinstance(item, Refused):
                    await self._end_document(item.given, PageStatus.FAILED, item.reason)
                    continue
                await self._documents.acquire()
                group.create_task(self._convert_document(item))

    async def survey(self, found: Iterable[Document | Refused]) -> AsyncIterator[Surveyed]:
        """What `run` would do, document by document, doing none of it."""
        for item in found:
            if isinstance(item, Refused):
                yield Surveyed(item.given, item.reason)
                continue
            try:
                opened, indexes = await self._open(item)
            except (InputError, UsageError) as error:
                yield Surveyed(item.given, str(error))
            else:
                pages = self._pages(opened, indexes)
                yield Surveyed(item.given, "", Counter(self._plan(page) for page in pages))

    async def _convert_document(self, document: Document) -> None:
        try:
            opened, indexes = await self._open(document)
        except InputError as error:
            await self._end_document(document.given, PageStatus.FAILED, str(error))
        except UsageError as error:
            await self._end_document(document.given, PageStatus.SKIPPED, str(error))
        else:
            self.counts.documents += 1
            await self._account_for_cap(opened)
            self._tools.progress.add_total(len(indexes))
            await self._convert_pages(opened, indexes)
        finally:
            self._documents.release()

    async def _open(self, document: Document) -> tuple[OpenedDocument, tuple[int, ...]]:
        opened = await asyncio.wrap_future(self._open_anywhere(document))
        indexes = parse_page_ranges(self._config.input.pages, opened.page_count)
        return opened, indexes[: self._config.input.max_pages or None]

    def _open_anywhere(self, document: Document) -> "Future[OpenedDocument]":
        return self._tools.pool.open(document)

    def _pages(self, opened: OpenedDocument, indexes: tuple[int, ...]) -> Iterator[Page]:
        folder = self._tools.names.folder_for(opened.document)
        for index in indexes:
            ref = PageRef(opened.document, opened.content_id, index, opened.page_count, opened.backend)
            page_print = stages.page_fingerprint(self._config, ref, self._tools.info.model_id)
            yield Page(ref, f"{folder}/pages/{ref.number:04d}", page_print)

    def _plan(self, page: Page) -> Plan:
        return plan_page(self._row(page), page.fingerprint, self._tools.root, self._redo)

    def _row(self, page: Page) -> JournalRow | None:
        return self._rows.get((page.ref.document.given, page.ref.number))

    async def _convert_pages(self, opened: OpenedDocument, indexes: tuple[int, ...]) -> None:
        writer = self._writer(opened.document)
        changed = False
        cancelled = False

        def note(task: "asyncio.Task[None]") -> None:
            nonlocal cancelled
            cancelled = cancelled or task.cancelled()

        async with asyncio.TaskGroup() as group:
            for page in self._pages(opened, indexes):
                plan = self._plan(page)
                if plan is Plan.NOTHING:
                    self._count_unchanged(page)
                    continue
                await self._window.acquire()
                if self.stopping:
                    self._window.release()
                    return
                if not changed:
                    await self._make_room(opened, writer, indexes)
                    changed = True
                group.create_task(self._convert_page(page, writer, plan)).add_done_callback(note)
        if cancelled:
            return
        if changed or not writer.merged:
            await self._write(writer.merge)

    async def _make_room(self, opened: OpenedDocument, writer: PageWriter, indexes: tuple[int, ...]) -> None:
        """Take away what must not stand beside the pages to come: the merged file, pages of older content."""
        # Out of date from here on; gone, it cannot pass for done.
        await self._write(writer.unmerge)
        stale = await self._write(writer.drop_other_content, opened.content_id)
        for number in set(stale) - {index + 1 for index in indexes}:
            gone = number > opened.page_count
            words = "it has no such page any more" if gone else "this page was not asked for again"
            row = JournalRow(
                opened.document.given, number, PageStatus.SKIPPED, f"the file changed; {words}", ""
            )
            await self._write(self._tools.journal.append, row)

    async def _account_for_cap(self, opened: OpenedDocument) -> None:
        """Record pages claimed beyond the cap; take back what an earlier run said of the document."""
        given, cap = opened.document.given, opened.page_count
        earlier = self._rows.get((given, None))
        if opened.claimed_pages > cap:
            reason = (
                f"it claims {opened.claimed_pages:,} pages; those after page {cap:,} are not read"
                " (input.max_document_pages)"
            )
            logger.warning("%s: %s", printable(given), reason)
            row = JournalRow(given, None, PageStatus.SKIPPED, reason, "")
        elif earlier is not None:
            row = JournalRow(given, None, PageStatus.DONE, "", "")
        else:
            return
        if row != earlier:
            await self._write(self._tools.journal.append, row)

    def _writer(self, document: Document) -> PageWriter:
        folder = self._tools.names.folder_for(document)
        join_pages = stages.page_joiner(self._config)
        return open_writer(self._tools.root, folder, self._config.output, document.relative.name, join_pages)

    async def _convert_page(self, page: Page, writer: PageWriter, plan: Plan) -> None:
        try:
            await self._save(page, writer, await self._obtain(page, writer, plan))
        except (EngineError, OutputError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours that one page meets must not end the night
            logger.debug("%s: internal error", printable(str(page.ref)), exc_info=error)
            failed = self._reader.failed(page.ref, page.fingerprint, f"internal error: {error!r}")
            await self._save(page, writer, failed)
        finally:
            self._window.release()

    async def _obtain(self, page: Page, writer: PageWriter, plan: Plan) -> ReadPage:
        """The page's record and raw text: from disk where only the writing changed, else from the model."""
        stored = await self._write(writer.stored, page.ref.number) if plan is Plan.WRITE else None
        if stored is not None:
            record, raw = stored
            return ReadPage(stages.parsed_again(record, raw, page.fingerprint), raw, {})
        return await self._reader.read(page.ref, page.request_id, page.fingerprint)

    async def _save(self, page: Page, writer: PageWriter, read: ReadPage) -> None:
        drawn, record = await self._draw(page, read.record)
        texts = stages.texts_of(self._config, record, read.raw)
        outputs = await self._write(writer.save_page, record, texts, drawn)
        row = stages.journal_row(page.ref, record, outputs, read.seconds, len(texts.markdown))
        await self._write(self._tools.journal.append, row)
        self.counts.add(record)
        self._tools.progress.page_ended(record.status, record.text_tokens)
        if record.status is PageStatus.FAILED:
            logger.warning("%s: %s", printable(str(page.ref)), record.reason)
        if places := stages.located(self._config, record):
            logger.info("%s: %s", printable(str(page.ref)), places)

    async def _draw(self, page: Page, record: PageRecord) -> tuple[DrawnPage | None, PageRecord]:
        task = draw_task(self._config, record)
        if task is None:
            return None, record
        try:
            return await asyncio.wrap_future(self._tools.pool.run(page.ref, task)), record
        except InputError as error:
            return None, not_drawn(record, error)

    def _count_unchanged(self, page: Page) -> None:
        row = self._row(page)
        assert row is not None, "only a page with a row needs nothing"
        self.counts.unchanged += 1
        self.counts.pages[row.status] += 1
        self._tools.progress.page_unchanged()

    async def _end_document(self, given: str, status: PageStatus, reason: str) -> None:
        """Record a document without pages, once: a rerun adds no equal line."""
        self.refused.add(given)
        self.counts.unreadable += status is PageStatus.FAILED
        logger.warning("%s: %s", printable(given), reason)
        row = JournalRow(given, None, status, reason, fingerprint="")
        if self._rows.get((given, None)) != row:
            await self._write(self._tools.journal.append, row)

    async def _write(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writing, call)
