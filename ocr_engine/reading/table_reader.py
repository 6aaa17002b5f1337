"""Reads the dense tables of a page again: each is cut out, drawn larger and asked about alone, in turn."""

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from ocr_engine.config import Config
from ocr_engine.engine.base import Engine
from ocr_engine.errors import EngineError, OcrError, RequestError
from ocr_engine.families import Mode
from ocr_engine.log import logger
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.aside import aside
from ocr_engine.processes.outcome import outcome
from ocr_engine.reading.answer import PageAnswer, answer_to_page
from ocr_engine.reading.attempts import AskedFor
from ocr_engine.reading.close_look import closer_views
from ocr_engine.reading.dense_tables import DenseTable, failed, with_table
from ocr_engine.reading.ladder import Kept
from ocr_engine.reading.request import request_for, sends_png

PROMPT = "markdown"
"""What a table alone is asked for with: it gives tables as HTML."""


class TableReader:
    """Reads tables of pages with the engine, and in the mode, that read the pages."""

    def __init__(self, config: Config, pool: RenderPool, engine: Engine) -> None:
        self._config, self._pool, self._engine = replace(config, prompt=PROMPT), pool, engine

    async def read(
        self, page: AskedFor, kept: Kept, tables: Iterable[DenseTable], mode: Mode
    ) -> tuple[Kept, float]:
        """The page with each table's better reading, and the seconds it took.

        A table that cannot be read again stays as it was, and the record says why. Raises EngineError.
        """
        started_s = time.perf_counter()
        for table in tables:
            try:
                answer = await self._answer(page, table, mode)
                kept = await aside(with_table, kept, table, answer, page.facts.text_layer, page.key.stem)
            except Exception as error:  # whatever goes wrong, what was read before it is kept
                if isinstance(error, EngineError) and not isinstance(error, RequestError):
                    raise
                logger.debug("%s: table %d", page.key.request_id, table.block, exc_info=error)
                reason = str(error) if isinstance(error, OcrError) else f"internal error: {error!r}"
                kept = failed(kept, table, reason)
        return kept, time.perf_counter() - started_s

    async def _answer(self, page: AskedFor, table: DenseTable, mode: Mode) -> PageAnswer:
        task = partial(closer_views, look=table.look, mode=mode, png=sends_png(self._config))
        views = await outcome(self._pool.run(page.ref, task, table.look.dpi))
        request_id = page.key.table_id(table.block)
        request = request_for(self._config, views, request_id, family=mode.family)
        return await aside(answer_to_page, await self._engine.generate(request, None), 0, page.key.stem)
