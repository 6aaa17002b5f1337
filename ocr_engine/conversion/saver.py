"""Writes what a run puts on disk: first a page's files, then its journal line. One thread sees to all of it.

It knows no engine. It renders a page a second time only to draw from it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import ParamSpec, TypeVar

from ocr_engine.config import Config
from ocr_engine.conversion.groups import PageGroups
from ocr_engine.conversion.healing import Healer
from ocr_engine.conversion.page_saving import EndedDocument, PageToSave
from ocr_engine.errors import InputError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.checksums import Checksums
from ocr_engine.outputs.document_folder import ReadyPage
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.names import OutputNames
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.outputs.writer import open_writer
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.aside import aside
from ocr_engine.processes.outcome import outcome
from ocr_engine.processes.sealed import Sealed
from ocr_engine.reading.draw import draw_task
from ocr_engine.reading.finish import Finished
from ocr_engine.reading.reader import ReadPage
from ocr_engine.reading.record import undrawn_record
from ocr_engine.reading.texts import page_joiner, texts_of
from ocr_engine.records import (
    Document,
    JournalRow,
    OpenedDocument,
    PageRecord,
    PageRef,
    PageStatus,
)

P = ParamSpec("P")
T = TypeVar("T")


_ToSave = tuple[PageRecord, Sealed[ReadyPage], DrawnPage | None]
"""A page's record, or its brief; the whole, to be written; what was drawn from it."""


class Saver:
    """Writes the results of pages and documents. Every method may raise OutputError."""

    def __init__(
        self, config: Config, root: Path, pool: RenderPool, names: OutputNames, journal: Journal
    ) -> None:
        """`journal` is open; the caller closes it after `close`."""
        self._config = config
        self._root = root
        self._pool = pool
        self._names = names
        self._journal = journal
        self.earlier: Mapping[tuple[str, int | None], JournalRow] = journal.latest()
        """The last row of every page and document (page None) from before this run."""
        self._checksums = Checksums(root)
        self._healer = Healer(root, journal, self.earlier)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._groups = PageGroups(config, root, journal, self._checksums, self._thread)

    def close(self) -> None:
        """Wait for writing to end, and log what had to be mended. Raises OutputError."""
        self._thread.submit(self._groups.close)
        self._thread.shutdown()
        self._healer.healed.say()
        self._checksums.close()

    @property
    def waiting(self) -> int:
        """How many pages wait to be written."""
        return self._groups.waiting

    def writer_for(self, document: Document, root: Path | None = None) -> PageWriter:
        """The writer of a document's pages, here or below another run's `root`. Use it through `call`."""
        return self._writer(root or self._root, self._names.folder_for(document), document.relative.name)

    def writer_of(self, given: str, name: str) -> PageWriter:
        """That of a document which has its folder: as it was given, and what its file is called."""
        return self._writer(self._root, self._names.folder_of(given), name)

    def _writer(self, root: Path, folder: PurePosixPath, name: str) -> PageWriter:
        return open_writer(root, folder, self._config.output, name, page_joiner(self._config))

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in the writing thread, after everything given to it before."""
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def save_page(self, ref: PageRef, read: ReadPage) -> PageRecord:
        """Write a page's files and journal line; returns the record as it was written."""
        record, ready, drawn = await (
            self._ready(ref, read) if read.finished is None else self._drawn(ref, read.finished)
        )
        document = ref.document
        folder, name = self._names.folder_for(document), document.relative.name
        await self._groups.write(
            PageToSave(
                document.given,
                ref.content_id,
                folder,
                name,
                ready,
                drawn,
                read.seconds,
                read.tokens_a_step,
                read.same_as,
            )
        )
        return record

    async def _drawn(self, ref: PageRef, page: Finished) -> _ToSave:
        """A page that a worker has made ready, and what is drawn from it."""
        if page.drawing is None:
            return page.brief, page.ready, None
        try:
            drawn = await outcome(self._pool.run(ref, page.drawing))
        except InputError as error:
            ready = page.ready.opened()
            record = undrawn_record(ready.record, error)
            return record, Sealed(ReadyPage(record, ready.texts)), None
        return page.brief, page.ready, drawn

    async def _ready(self, ref: PageRef, read: ReadPage) -> _ToSave:
        drawn, record = read.drawn, read.record
        if drawn is None:
            drawn, record = await self._draw(ref, record)
        if (texts := read.texts) is None:
            texts = await aside(texts_of, self._config, record, read.raw)
        return record, Sealed(ReadyPage(record, texts)), drawn

    async def _draw(self, ref: PageRef, record: PageRecord) -> tuple[DrawnPage | None, PageRecord]:
        """Draw from a page. Its record comes back too, with a reason if drawing failed."""
        # Cards alone need what a stranger wrote.
        task = (
            await aside(draw_task, self._config, record)
            if record.figure_texts
            else draw_task(self._config, record)
        )
        if task is None:
            return None, record
        try:
            return await outcome(self._pool.run(ref, task)), record
        except InputError as error:
            return None, undrawn_record(record, error)

    async def lost_records(
        self, opened: OpenedDocument, indexes: Iterable[int], *, write: bool
    ) -> set[tuple[str, int | None]]:
        """Find pages whose records are gone or changed and have to be read again.

        With `write`, records that can be are made again from stored text. `indexes` are the 0-based pages
        that this run reads if it must.
        """
        given, records = opened.document.given, self.writer_for(opened.document).records
        is_new = not self._healer.knows(given) and not records.exists()
        if is_new or self._checksums.seem_right(records):
            return set()
        if not write:
            lost = self._healer.lost(given, records)
        elif await self.call(self._checksums.hold, records):
            return set()
        else:
            selected = {index + 1 for index in indexes}
            lost = await self.call(self._healer.heal, given, records, selected, opened.page_count)
        return {(given, page) for page in lost}

    async def finish_document(self, document: Document, writer: PageWriter, *, changed: bool) -> None:
        """Make the files made of all pages, if a page changed or a file is not as it was left."""
        if changed or not writer.merged or not await self._are_right((writer.records, *writer.made)):
            folder = self._names.folder_for(document)
            await self._groups.write(EndedDocument(folder, document.relative.name))

    async def _are_right(self, paths: Sequence[Path]) -> bool:
        return self._checksums.seem_right(*paths) or await self.call(self._checksums.hold, *paths)

    async def make_room(self, opened: OpenedDocument, writer: PageWriter, indexes: Iterable[int]) -> None:
        """Remove what must not stand beside the new pages: the merged file, and pages of older content."""
        if not any(path.exists() for path in (writer.records, *writer.made)):
            return
        # Out of date from here on; gone, it cannot pass for done.
        await self.call(writer.unmerge)
        stale = await self.call(writer.drop_other_content, opened.content_of)
        for number in set(stale) - {index + 1 for index in indexes}:
            gone = number > opened.page_count
            words = "it has no such page any more" if gone else "this page was not asked for again"
            reason = f"the file changed; {words}"
            row = JournalRow(opened.document.given, number, PageStatus.SKIPPED, reason, "")
            await self.call(self._journal.append, row)

    async def account_for_cap(self, opened: OpenedDocument) -> None:
        """Record that pages past the cap are not read; else take back what an earlier run recorded."""
        given, cap = opened.document.given, opened.page_count
        if opened.claimed_pages > cap:
            reason = (
                f"it claims {opened.claimed_pages:,} pages; those after page {cap:,} are not read"
                " (input.max_document_pages)"
            )
            logger.warning("%s: %s", printable(given), reason)
            await self._note_document(JournalRow(given, None, PageStatus.SKIPPED, reason, ""))
        elif (given, None) in self.earlier:
            await self._note_document(JournalRow(given, None, PageStatus.DONE, "", ""))

    async def end_document(self, given: str, status: PageStatus, reason: str) -> None:
        """Record a document of which no page is read."""
        logger.warning("%s: %s", printable(given), reason)
        await self._note_document(JournalRow(given, None, status, reason, ""))

    async def _note_document(self, row: JournalRow) -> None:
        """Write a document's row, unless its last row is equal."""
        if self.earlier.get((row.document, None)) != row:
            await self.call(self._journal.append, row)
