"""A run on a Ray cluster: documents are opened and pages read on its nodes, everything is written here.

The run is the local one (`Conversion`) with two streams of Ray Data in place of the render pool and the
engine: so what is written, and what a rerun does, are the same. Results come in any order; a page that the
cluster lost is sent again.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import ParamSpec

from ocr_engine.cluster.nodes import Opened, Result
from ocr_engine.cluster.streams import ClusterLostError, open_all, read_all
from ocr_engine.config import Config
from ocr_engine.conversion.pipeline import Conversion, Tools
from ocr_engine.conversion.planning import Page
from ocr_engine.conversion.resume import Plan, Redo
from ocr_engine.engine.base import OnText
from ocr_engine.errors import EngineError, OcrError
from ocr_engine.log import logger
from ocr_engine.pages.sources import Refused
from ocr_engine.reading.reader import PageReader, ReadPage
from ocr_engine.records import Document, OpenedDocument, PageKey, PageRef

P = ParamSpec("P")
WAVE_DOCUMENTS, WAVE_PAGES = 20_000, 200_000
"""What is opened, and read, in one stream: bounds the memory of the driver (about 3 KB a page)."""
MAX_ROUNDS = 3
"""How often a page that the cluster lost is sent before it fails."""
_STREAM_END_S = 10.0


class ClusterConversion(Conversion):
    """A conversion whose documents are opened, and whose pages are read, elsewhere."""

    def __init__(self, config: Config, tools: Tools, redo: Redo) -> None:
        """`config` is what `connected` gave; the engine of `tools` is never started."""
        super().__init__(config, tools, redo)
        self._reader: ClusterReader = ClusterReader(config, tools)
        self._opened: dict[str, Opened] = {}
        self._halt = asyncio.Event()
        # The cluster's streams bound what is in flight, not this window.
        self._documents = asyncio.Semaphore(WAVE_DOCUMENTS)
        self._window = asyncio.Semaphore(WAVE_PAGES)

    def stop(self) -> None:
        """Take nothing more from the cluster; pages on their way are read again by the next run."""
        super().stop()
        self._reader.stop()
        self._halt.set()

    async def _convert_all(self, found: Iterable[Document | Refused]) -> None:
        for wave in _waves(found):
            if self.stopping:
                return
            await self._open_wave([item for item in wave if isinstance(item, Document)])
            for part in self._parts(wave):
                if self.stopping:
                    return
                await self._convert_part(part)
            self._opened.clear()

    async def _open_wave(self, documents: list[Document]) -> None:
        """What the cluster opens, until it is through or the run is stopped. Raises EngineError."""

        def work() -> None:
            for opened in open_all(self._config, documents):
                self._opened[opened.document.given] = opened

        opening, halted = _in_thread(work), asyncio.ensure_future(self._halt.wait())
        await asyncio.wait((opening, halted), return_when=asyncio.FIRST_COMPLETED)
        halted.cancel()
        if opening.done():
            opening.result()

    def _parts(self, wave: list[Document | Refused]) -> Iterator[list[Document | Refused]]:
        """The wave in pieces of at most WAVE_PAGES pages, or one document."""
        part: list[Document | Refused] = []
        pages = 0
        for item in wave:
            known = self._opened.get(item.given)
            count = known.opened.page_count if known and known.opened else 0
            if part and pages + count > WAVE_PAGES:
                yield part
                part, pages = [], 0
            part.append(item)
            pages += count
        yield part

    async def _convert_part(self, part: list[Document | Refused]) -> None:
        pages = [page for item in part if isinstance(item, Document) async for page in self._to_read(item)]
        feeding = asyncio.create_task(self._reader.feed(pages))
        try:
            await super()._convert_all(part)
        finally:
            # A stream that brings something ends by itself; of a silent one nothing more is to be had.
            await asyncio.wait((feeding,), timeout=_STREAM_END_S)
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def _to_read(self, document: Document) -> AsyncIterator[Page]:
        """The document's pages that have to be read."""
        try:
            opened, indexes = await self._open(document)
        except OcrError:
            return  # recorded when the document is converted
        for page in self._planner.pages(opened, indexes):
            if self._planner.plan(page) is Plan.READ:
                yield page

    def _open_anywhere(self, document: Document) -> "Future[OpenedDocument]":
        known = self._opened.get(document.given)
        future: Future[OpenedDocument] = Future()
        if known is None or (known.opened is None and known.error is None):
            return super()._open_anywhere(document)
        if known.error is not None:
            future.set_exception(known.error)
        elif known.opened is not None:
            future.set_result(known.opened)
        return future


class ClusterReader(PageReader):
    """Gives out pages as the cluster's stream brings them."""

    def __init__(self, config: Config, tools: Tools) -> None:
        super().__init__(config, tools.pool, tools.engine, tools.info.family)
        self._family = tools.info.family
        self._waiting: dict[PageRef, asyncio.Future[ReadPage]] = {}
        self._stopping = False

    async def read(
        self, ref: PageRef, key: PageKey, page_print: str, on_text: OnText | None = None
    ) -> ReadPage:
        """The page, once the cluster has read it. Cancelled where the run is stopped before."""
        try:
            return await self._future(ref)
        finally:
            self._waiting.pop(ref, None)

    def _settle(self, ref: PageRef, outcome: ReadPage | EngineError) -> None:
        future = self._future(ref)
        if future.done():
            return
        if isinstance(outcome, EngineError):
            future.set_exception(outcome)
            # Nobody may wait for it any more: the first page that hears of it ends the run.
            future.exception()
        else:
            future.set_result(outcome)

    def _future(self, ref: PageRef) -> "asyncio.Future[ReadPage]":
        return self._waiting.setdefault(ref, asyncio.get_running_loop().create_future())

    def stop(self) -> None:
        """Let go of the stream and of every page that waits for it."""
        self._stopping = True
        for future in self._waiting.values():
            future.cancel()

    async def feed(self, pages: list[Page]) -> None:
        """Send pages until each came back, at most MAX_ROUNDS times."""
        missing = {page.ref: page for page in pages}
        lost: ClusterLostError | None = None
        for _ in range(MAX_ROUNDS):
            if missing and not self._stopping:
                lost = await self._round(missing)
        for ref, page in missing.items():
            reason = f"the cluster lost this page {MAX_ROUNDS} times"
            self._settle(ref, lost or self.failed(ref, page.fingerprint, reason))

    async def _round(self, missing: dict[PageRef, Page]) -> ClusterLostError | None:
        """One stream of what is missing; takes out what came back, and says what ended the stream early."""
        loop = asyncio.get_running_loop()

        def take(result: Result) -> None:
            """What comes twice counts once."""
            if missing.pop(result.page.ref, None) is not None and not self._stopping:
                self._settle(result.page.ref, result.read)

        def work(pages: list[Page]) -> None:
            for result in read_all(self._config, self._family, pages):
                if self._stopping:
                    return
                loop.call_soon_threadsafe(take, result)

        try:
            await _in_thread(work, list(missing.values()))
        except ClusterLostError as error:
            logger.warning("%s; %d pages are sent again", error, len(missing))
            return error
        except EngineError as error:
            for ref in missing:
                self._settle(ref, error)
            missing.clear()
        return None


def _in_thread(function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[None]":
    """As `asyncio.to_thread`; but at the end nobody waits for the thread, which Ray may hold for long."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def work() -> None:
        error = None
        try:
            function(*args, **kwargs)
        except Exception as caught:  # noqa: BLE001 - belongs to the one who waits
            error = caught
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=work, name="cluster", daemon=True).start()
    return future


def _absolute(item: Document | Refused) -> Document | Refused:
    """Nodes have working folders of their own. What is in a store is there for all."""
    if isinstance(item, Refused) or item.url:
        return item
    return replace(item, path=item.path.absolute())


def _waves(found: Iterable[Document | Refused]) -> Iterator[list[Document | Refused]]:
    wave: list[Document | Refused] = []
    for item in found:
        wave.append(_absolute(item))
        if len(wave) >= WAVE_DOCUMENTS:
            yield wave
            wave = []
    if wave:
        yield wave
