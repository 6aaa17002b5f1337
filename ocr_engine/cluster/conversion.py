"""A run on a Ray cluster: documents are opened and pages read on its nodes, everything is written here.

The run is the local one (`Conversion`), its opener and its reader fed by two streams of Ray Data: so what is
written, and what a rerun does, are the same. Results come in any order; a page that the cluster lost is sent
again.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import ParamSpec

from ocr_engine.cluster.nodes import Opened, Result, SentPage
from ocr_engine.cluster.streams import ClusterLostError, open_all, read_all
from ocr_engine.config import Config
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.planning import Redo
from ocr_engine.conversion.source import Source
from ocr_engine.conversion.tools import Opener, Tools, Window
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.log import logger
from ocr_engine.pages.sources import Refused
from ocr_engine.reading.reader import ReadPage, failed_page
from ocr_engine.records import Document, OpenedDocument, PageKey, PageRef

P = ParamSpec("P")
WAVE_DOCUMENTS, WAVE_PAGES = 20_000, 200_000
"""What is opened, and read, in one stream: bounds the memory of the driver (about 3 KB a page)."""
SAID_BYTES = 256 << 20
"""Of compressed raw texts of earlier runs that the pages of a stream bring (about 1 KB each)."""
MAX_ROUNDS = 3
"""How often a page that the cluster lost is sent before it fails."""
_STREAM_END_S = 10.0


class ClusterRun:
    """A conversion whose documents are opened, and whose pages are read, on the cluster."""

    def __init__(self, config: Config, tools: Tools, redo: Redo) -> None:
        """`config` is what `connected` gave; the engine of `tools` is never started."""
        self._opener = ClusterOpener(config, tools.pool)
        self._reader = ClusterReader(config, tools.info.family)
        # The cluster's streams bound what is in flight, not this window.
        window = Window(WAVE_DOCUMENTS, WAVE_PAGES)
        self.conversion = Conversion(
            config, tools, redo, opener=self._opener, reader=self._reader, window=window
        )

    def stop(self) -> None:
        """Take nothing more from the cluster; pages on their way are read again by the next run."""
        self.conversion.stop()
        self._reader.stop()
        self._opener.stop()

    async def run(self, found: Iterable[Document | Refused] | Source) -> None:
        """Convert everything found. Raises as `Conversion.run`; UsageError for what is no plain list."""
        if not isinstance(found, Iterable):
            raise UsageError(
                "drivers.claim: cannot be combined with cluster.backend: ray, which gives out documents"
            )
        try:
            for wave in _waves(found):
                if not self.conversion.stopping:
                    await self._convert_wave(wave)
        finally:
            self.conversion.close()

    async def _convert_wave(self, wave: list[Document | Refused]) -> None:
        await self._opener.open_all([item for item in wave if isinstance(item, Document)])
        for part in self._parts(wave):
            if self.conversion.stopping:
                return
            await self._convert_part(part)

    def _parts(self, wave: list[Document | Refused]) -> Iterator[list[Document | Refused]]:
        """The wave in pieces of at most WAVE_PAGES pages, or one document."""
        part: list[Document | Refused] = []
        pages = 0
        for item in wave:
            count = self._opener.page_count(item.given)
            if part and pages + count > WAVE_PAGES:
                yield part
                part, pages = [], 0
            part.append(item)
            pages += count
        yield part

    async def _convert_part(self, part: list[Document | Refused]) -> None:
        documents = [item for item in part if isinstance(item, Document)]
        feeding = asyncio.create_task(self._reader.feed(await self._asked(documents)))
        try:
            await self.conversion.convert(part)
        finally:
            # A stream that brings something ends by itself; of a silent one nothing more is to be had.
            await asyncio.wait((feeding,), timeout=_STREAM_END_S)
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def _asked(self, documents: list[Document]) -> list[SentPage]:
        """The pages to read, with what an earlier run read on them while there is room for it."""
        asked: list[SentPage] = []
        room = SAID_BYTES
        for document in documents:
            async for page, said_before in self.conversion.to_read(document):
                asked.append(SentPage.of(page, said_before if room > 0 else ""))
                room -= len(asked[-1].packed_text)
        return asked


class ClusterOpener:
    """Gives out the documents of a wave as the cluster has opened them."""

    def __init__(self, config: Config, here: Opener) -> None:
        """`here` opens what the cluster has not."""
        self._config = config
        self._here = here
        self._opened: dict[str, Opened] = {}
        self._halt = asyncio.Event()

    def stop(self) -> None:
        """Let go of the stream."""
        self._halt.set()

    def page_count(self, given: str) -> int:
        """Pages of a document of the wave; 0 where the cluster could not open it."""
        known = self._opened.get(given)
        return known.opened.page_count if known and known.opened else 0

    async def open_all(self, documents: list[Document]) -> None:
        """The next wave: what the cluster opens, until it is through or stopped. Raises EngineError."""
        self._opened = opened = {}

        def work() -> None:
            for one in open_all(self._config, documents):
                opened[one.document.given] = one

        opening, halted = _in_thread(work), asyncio.ensure_future(self._halt.wait())
        await asyncio.wait((opening, halted), return_when=asyncio.FIRST_COMPLETED)
        halted.cancel()
        if opening.done():
            opening.result()

    def open(self, document: Document) -> "Future[OpenedDocument]":
        """As the cluster opened it."""
        known = self._opened.get(document.given)
        future: Future[OpenedDocument] = Future()
        if known is None or (known.opened is None and known.error is None):
            return self._here.open(document)
        if known.error is not None:
            future.set_exception(known.error)
        elif known.opened is not None:
            future.set_result(known.opened)
        return future


class ClusterReader:
    """Gives out pages as the cluster's stream brings them."""

    starting = False
    """Whether pages wait for an engine: those of the cluster start unseen."""

    def __init__(self, config: Config, family: str) -> None:
        self._config = config
        self._family = family
        self._waiting: dict[PageRef, asyncio.Future[ReadPage]] = {}
        self._stopping = False

    async def read(self, ref: PageRef, key: PageKey, page_print: str, *, said_before: str = "") -> ReadPage:
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

    def close(self) -> None:
        """Nothing is held."""

    def stop(self) -> None:
        """Let go of the stream and of every page that waits for it."""
        self._stopping = True
        for future in self._waiting.values():
            future.cancel()

    async def feed(self, pages: list[SentPage]) -> None:
        """Send pages until each came back, at most MAX_ROUNDS times."""
        missing = {asked.page.ref: asked for asked in pages}
        lost: ClusterLostError | None = None
        for _ in range(MAX_ROUNDS):
            if missing and not self._stopping:
                lost = await self._round(missing)
        for ref, asked in missing.items():
            reason = f"the cluster lost this page {MAX_ROUNDS} times"
            self._settle(ref, lost or failed_page(self._config, ref, asked.page.fingerprint, reason))

    async def _round(self, missing: dict[PageRef, SentPage]) -> ClusterLostError | None:
        """One stream of what is missing; takes out what came back, and says what ended the stream early."""
        loop = asyncio.get_running_loop()

        def take(result: Result) -> None:
            """What comes twice counts once."""
            if missing.pop(result.page.ref, None) is not None and not self._stopping:
                self._settle(result.page.ref, result.read)

        def work(pages: list[SentPage]) -> None:
            for result in read_all(self._config, self._family, pages):
                if self._stopping:
                    return
                loop.call_soon_threadsafe(take, result)

        try:
            await _in_thread(work, list(missing.values()))
        except ClusterLostError as error:
            logger.warning("%s; sending %d pages again", error, len(missing))
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
