"""The pages of a run that are read in one request: which they are, and their reading on its way."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ocr_engine.config import Config, pages_together
from ocr_engine.conversion.planning import PageNeeds, PagePlanner, PlannedPage
from ocr_engine.engine.base import Engine, EngineInfo
from ocr_engine.errors import EngineError, OutputError
from ocr_engine.log import logger, printable
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.reader import PageReader, ReadPage
from ocr_engine.reading.together import AskedPage, TogetherReader
from ocr_engine.records import OpenedDocument

ReadTogether = Mapping[PlannedPage, ReadPage]
"""Pages of one request that were read; those that are not in it are read alone."""
Reading = asyncio.Task[ReadTogether] | None
"""The same on its way; None for a page that is a request of its own."""


class PageWindow:
    """Room for so many pages on their way at one time."""

    def __init__(self, pages: int) -> None:
        self._room = asyncio.Semaphore(pages)
        self._entering = asyncio.Lock()

    async def enter(self, count: int) -> None:
        """Wait for room for so many pages together."""
        async with self._entering:  # two that wait with half of their room in hand would wait for ever
            for _ in range(count):
                await self._room.acquire()

    def leave(self, count: int = 1) -> None:
        """Give the room of pages back."""
        for _ in range(count):
            self._room.release()


@dataclass(frozen=True, slots=True)
class Requests:
    """A run's pages by request."""

    pages_each: int
    """At most."""
    reader: TogetherReader | None
    """None where each page is a request."""

    @classmethod
    def of_run(
        cls, config: Config, info: EngineInfo, pool: RenderPool, engine: Engine, alone: object
    ) -> "Requests":
        """As the config asks; `alone` reads single pages. Raises UsageError where the family cannot do it."""
        pages = pages_together(config, info.family, info.max_model_len)
        if pages == 1 or not isinstance(alone, PageReader):
            return cls(1, None)
        return cls(pages, TogetherReader(config, pool, engine, info.family, alone))

    def split(
        self, planner: PagePlanner, opened: OpenedDocument, indexes: Iterable[int]
    ) -> Iterator[dict[PlannedPage, PageNeeds]]:
        """The pages of each request, 0-based indexes in order, and what each needs."""
        for pages in planner.requests(opened, indexes, self.pages_each):
            yield {page: planner.needs(page) for page in pages}

    def begin(self, group: asyncio.TaskGroup, pages: Mapping[PlannedPage, PageNeeds]) -> Reading:
        """Begin to read the pages of one request; None where none of them is to be read, or there is but one.

        Pages that are there already are asked for with the others: so the answer does not depend on when a
        run was stopped.
        """
        if self.reader is None or len(pages) < 2 or PageNeeds.READ not in pages.values():
            return None
        return group.create_task(self._read(self.reader, pages))

    async def _read(self, reader: TogetherReader, pages: Mapping[PlannedPage, PageNeeds]) -> ReadTogether:
        asked = {page: AskedPage(page.ref, page.key, page.fingerprint) for page in pages}
        wanted = [page for page, needs in pages.items() if needs is PageNeeds.READ]
        try:
            read = await reader.read(list(asked.values()), [asked[page] for page in wanted])
        except (EngineError, OutputError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours: each of them is read alone
            logger.debug("%s: internal error", printable(str(next(iter(pages)).ref)), exc_info=error)
            return {}
        return dict(zip(wanted, read, strict=True))
