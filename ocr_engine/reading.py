"""How one page is read: rendered and cut in a worker, asked of the engine, judged. Writes nothing.

Shared by every kind of run: the local pipeline, a cluster, an evaluation.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial

from ocr_engine import stages
from ocr_engine.config import Config
from ocr_engine.engine.base import Engine, OnText
from ocr_engine.errors import InputError, RequestError
from ocr_engine.figures import FigureReader, chosen
from ocr_engine.pages.pool import RenderPool
from ocr_engine.records import PageRecord, PageRef


@dataclass(frozen=True, slots=True)
class ReadPage:
    """What reading a page gave: its record, its raw text, and the seconds each stage took."""

    record: PageRecord
    raw: str
    seconds: dict[str, float]


class PageReader:
    """Reads pages with one config, one pool of renderers and one engine, any number at a time."""

    def __init__(self, config: Config, pool: RenderPool, engine: Engine, family: str) -> None:
        """`family` is the engine's model family. The first page starts the engine; the caller stops it.

        Raises UsageError where the family has no such mode.
        """
        self._config = config
        self._pool = pool
        self._engine = engine
        self._mode = stages.mode_of(config, family)
        self._figures = FigureReader(config, pool, engine, self._mode)
        self._engine_start: asyncio.Task[None] | None = None

    async def read(
        self, ref: PageRef, request_id: str, page_print: str, on_text: OnText | None = None
    ) -> ReadPage:
        """The page's record and raw text; a page that cannot be read has a record that says why.

        `request_id` is the page's place below the output folder, `page_print` the fingerprint its record
        carries. `on_text` gets the pieces of the answer as they appear.

        Raises:
            EngineError: the engine did not start, or died.
        """
        started = time.perf_counter()
        try:
            return await self._read(ref, request_id, page_print, on_text, started)
        except (InputError, RequestError) as error:
            return self.failed(ref, page_print, str(error), time.perf_counter() - started)

    def failed(self, ref: PageRef, page_print: str, reason: str, seconds: float = 0.0) -> ReadPage:
        """What stands for a page that could not be read."""
        record = stages.failed_record(self._config, ref, reason, page_print)
        return ReadPage(record, "", {"total": seconds} if seconds else {})

    def close(self) -> None:
        """Give up starting the engine, if it is still starting."""
        if self._engine_start is not None:
            self._engine_start.cancel()

    async def _read(
        self, ref: PageRef, request_id: str, page_print: str, on_text: OnText | None, started: float
    ) -> ReadPage:
        task = partial(stages.prepare, mode=self._mode, png=stages.sends_png(self._config))
        prepared = await asyncio.wrap_future(self._pool.run(ref, task))
        await self._engine_ready()
        request = stages.request_for(self._config, prepared.views, request_id)
        generation = await self._engine.generate(request, on_text)
        record = stages.read_record(self._config, ref, prepared.geometry, generation, page_print)
        seconds = {
            "render": prepared.render_s,
            "views": prepared.views_s,
            "engine": generation.seconds,
            "total": time.perf_counter() - started,
        }
        if chosen(self._config, record):
            texts, seconds["figures"] = await self._figures.read(ref, request_id, record, on_text)
            record = replace(record, figure_texts=texts)
        return ReadPage(record, generation.text, seconds | {"total": time.perf_counter() - started})

    async def _engine_ready(self) -> None:
        """Start the engine when the first page needs it: a run with nothing to read never does."""
        if self._engine_start is None:
            self._engine_start = asyncio.create_task(self._engine.start())
        await asyncio.shield(self._engine_start)
