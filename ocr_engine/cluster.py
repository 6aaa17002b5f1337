"""A run on a Ray cluster: documents are opened and pages read on its nodes, everything is written here.

The run is the local one (`Conversion`) with two streams of Ray Data in place of the render pool and the
engine: so what is written, and what a rerun does, are the same. Results come in any order; a page that the
cluster lost is sent again.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from ocr_engine import cluster_stages as nodes
from ocr_engine.cluster_stages import Opened, Result
from ocr_engine.config import Config
from ocr_engine.engine.base import OnText
from ocr_engine.engine.checkpoint import AUTO, AUTO_HUB_ID, NANO
from ocr_engine.errors import EngineError, OcrError, UsageError
from ocr_engine.log import logger, printable
from ocr_engine.pages.sources import Refused
from ocr_engine.pipeline import Conversion, Tools
from ocr_engine.planning import Page
from ocr_engine.reading import PageReader, ReadPage
from ocr_engine.records import Document, OpenedDocument, PageRef
from ocr_engine.resume import Plan, Redo

WAVE_DOCUMENTS, WAVE_PAGES = 20_000, 200_000
"""What is opened, and read, in one stream: bounds the memory of the driver (about 3 KB a page)."""
MAX_ROUNDS = 3
"""How often a page that the cluster lost is sent before it fails."""
_RENDER_CPUS = 1.0
_ENGINE_BLOCKS = 2
"""Blocks of pages an engine has waiting beside those it works on."""


@contextlib.contextmanager
def connected(config: Config) -> Iterator[Config]:
    """Be part of the cluster; gives the config with what only the cluster can tell filled in.

    Raises:
        UsageError: Ray is not installed.
        EngineError: there is no such cluster.
    """
    ray = _ray()
    # Ray reports usage to its makers unless told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    address = None if config.cluster.address == "local" else config.cluster.address
    try:
        _reach(config.cluster.address)
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        cause = printable(str(error).strip().partition("\n")[0])
        raise EngineError(
            f"cluster.address: {config.cluster.address}: {cause}; start one with `ray start --head`, or set"
            " cluster.address: local"
        ) from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    if config.engine.model != AUTO or config.engine.backend != "vllm":
        model = config.engine.model
    else:
        # The driver may have no GPU: what `auto` means is the cluster's to say.
        model = AUTO_HUB_ID if _total("GPU") else NANO
    try:
        yield replace(config, engine=replace(config.engine, model=model))
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError soon where nobody listens: Ray itself goes on trying for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _ray() -> Any:
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError:
        raise UsageError("cluster.backend: ray needs Ray: pip install 'ray[data]' on every node") from None
    return ray


def _total(resource: str) -> float:
    return float(_ray().cluster_resources().get(resource, 0))


def cpus_for_engines(wanted: float, engines: int, cpus: float) -> float:
    """CPU cores to set aside for each engine: less than asked for where that would leave none to render."""
    most = max(0.0, (cpus - _RENDER_CPUS) / engines)
    if wanted > most:
        logger.warning(
            "the cluster has %g CPU cores for rendering and %d engines: %g are set aside for each engine, not"
            " cluster.cpus_per_engine (%g)", cpus, engines, most, wanted,
        )  # fmt: skip
    return min(wanted, most)


def open_all(config: Config, documents: Sequence[Document]) -> Iterator[Opened]:
    """Open documents on the cluster, in any order."""
    rows = [nodes.packed(document) for document in documents]
    stream = _dataset(rows, per_block=4).map(partial(nodes.open_document, config=config), num_cpus=0.5)
    return map(nodes.unpacked, stream.iter_rows())


def read_all(config: Config, family: str, pages: Sequence[Page]) -> Iterator[Result]:
    """Read pages on the cluster, in any order: CPU tasks around a pool of engines."""
    from ray.data import ActorPoolStrategy

    cluster = config.cluster
    gpus = cluster.gpus_per_engine if _total("GPU") and config.engine.backend == "vllm" else 0
    most = cluster.engines or (max(1, int(_total("GPU") / gpus)) if gpus else 1)
    at_once = max(1, -(-cluster.pages_per_engine // cluster.pages_per_task))
    engines = ActorPoolStrategy(
        min_size=1,
        max_size=most,
        initial_size=most,
        max_tasks_in_flight_per_actor=at_once + _ENGINE_BLOCKS,
        max_concurrent_calls_per_actor=at_once,
    )
    stream = (
        _dataset([nodes.packed(page) for page in pages], cluster.pages_per_task)
        .map(partial(nodes.prepare, config=config, family=family), num_cpus=_RENDER_CPUS)
        .map(
            nodes.ReadPages,
            fn_constructor_kwargs={"config": config, "family": family},
            compute=engines,
            num_cpus=cpus_for_engines(cluster.cpus_per_engine, most, _total("CPU")),
            num_gpus=gpus,
        )
        .map(partial(nodes.draw, config=config), num_cpus=0.5)
    )
    return map(nodes.unpacked, stream.iter_rows())


def _dataset(rows: list[nodes.Row], per_block: int) -> Any:
    return _ray().data.from_items(rows, override_num_blocks=max(1, -(-len(rows) // per_block)))


class ClusterConversion(Conversion):
    """A conversion whose documents are opened, and whose pages are read, elsewhere."""

    def __init__(self, config: Config, tools: Tools, redo: Redo) -> None:
        """`config` is what `connected` gave; the engine of `tools` is never started."""
        super().__init__(config, tools, redo)
        self._reader: ClusterReader = ClusterReader(config, tools)
        self._opened: dict[str, Opened] = {}
        # The cluster's streams bound what is in flight, not this window.
        self._documents = asyncio.Semaphore(WAVE_DOCUMENTS)
        self._window = asyncio.Semaphore(WAVE_PAGES)

    def stop(self) -> None:
        """Take nothing more from the cluster; pages on their way are read again by the next run."""
        super().stop()
        self._reader.stop()

    async def _convert_all(self, found: Iterable[Document | Refused]) -> None:
        for wave in _waves(found):
            if self.stopping:
                return
            documents = [item for item in wave if isinstance(item, Document)]
            await asyncio.to_thread(self._open_wave, documents)
            for part in self._parts(wave):
                await self._convert_part(part)
            self._opened.clear()

    def _open_wave(self, documents: list[Document]) -> None:
        for opened in open_all(self._config, documents):
            self._opened[opened.document.given] = opened

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
        self, ref: PageRef, request_id: str, page_print: str, on_text: OnText | None = None
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
        for _ in range(MAX_ROUNDS):
            if missing and not self._stopping:
                await self._round(missing)
        for ref, page in missing.items():
            reason = f"the cluster lost this page {MAX_ROUNDS} times"
            self._settle(ref, self.failed(ref, page.fingerprint, reason))

    async def _round(self, missing: dict[PageRef, Page]) -> None:
        loop = asyncio.get_running_loop()

        def take(result: Result) -> None:
            """What comes twice counts once."""
            if missing.pop(result.page.ref, None) is not None and not self._stopping:
                self._settle(result.page.ref, result.read)

        try:
            await asyncio.to_thread(
                self._drain, list(missing.values()), lambda result: loop.call_soon_threadsafe(take, result)
            )
        except EngineError as error:
            for ref in missing:
                self._settle(ref, error)
            missing.clear()

    def _drain(self, pages: list[Page], take: Callable[[Result], object]) -> None:
        """In a thread. Raises EngineError with the cause that a node met."""
        from ray.exceptions import RayError

        try:
            for result in read_all(self._config, self._family, pages):
                if self._stopping:
                    return
                take(result)
        except (RayError, EngineError) as error:
            raise EngineError(f"the cluster gave up: {printable(_cause(error))}") from error


def _cause(error: BaseException) -> str:
    """The last line of a remote traceback says what it was."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


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
