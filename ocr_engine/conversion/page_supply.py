"""Where a page's text comes from: the disk, a folder with equal bytes, a shared request, the model."""

import asyncio
from dataclasses import dataclass

from ocr_engine.config import Config
from ocr_engine.conversion.counts import Counts
from ocr_engine.conversion.planning import PageNeeds, PlannedPage
from ocr_engine.conversion.said_before import SaidBefore
from ocr_engine.conversion.saver import Saver
from ocr_engine.conversion.together import Reading
from ocr_engine.conversion.tools import Reader, Tools
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.reading.reader import ReadPage
from ocr_engine.reading.rewriting import rewritten


@dataclass(frozen=True, slots=True)
class Other:
    """A folder with pages of the same bytes: another document's, or the same one's in another run."""

    given: str
    """The other document's name; "" for the same one."""
    writer: PageWriter


class PageSupply:
    """Gets pages, each from the cheapest place that has it."""

    def __init__(
        self,
        config: Config,
        tools: Tools,
        reader: Reader,
        saver: Saver,
        said: SaidBefore | None,
        counts: Counts,
    ) -> None:
        """Without `said` the reader has what was said before of each page already."""
        self._config, self._pool, self._reader = config, tools.pool, reader
        self._saver, self._said, self._counts = saver, said, counts

    async def get(
        self, page: PlannedPage, writer: PageWriter, needs: PageNeeds, source: Other | Reading
    ) -> ReadPage:
        """Get the page's record and raw text: from disk if only its writing changed, else from the model."""
        stored = None
        if needs is PageNeeds.WRITE:
            stored = await self._saver.call(writer.stored, page.ref.number, page.fingerprint)
        if stored is not None:
            record, raw = stored
            return await rewritten(self._config, self._pool, page.ref, page.fingerprint, record, raw)
        if (read := await self._read_with_others(page, source)) is not None:
            return read
        said_before = await self._said.of(page, writer) if self._said else ""
        return await self._reader.read(page.ref, page.key, page.fingerprint, said_before=said_before)

    async def _read_with_others(self, page: PlannedPage, source: Other | Reading) -> ReadPage | None:
        """The page as it was read elsewhere, or with others of its request; None where it is read alone."""
        if isinstance(source, Other):
            return await self._read_before(page, source)
        return None if source is None else (await asyncio.shield(source)).get(page)

    async def _read_before(self, page: PlannedPage, other: Other) -> ReadPage | None:
        """The page as it was read before; None where it is not there as it should.

        A record names no document, so it is this page's, too.
        """
        stored = await self._saver.call(other.writer.stored, page.ref.number, page.fingerprint)
        if stored is None or stored[0].fingerprint != page.fingerprint:
            return None
        self._counts.same_bytes += bool(other.given)
        return ReadPage(*stored, {}, same_as=other.given)
