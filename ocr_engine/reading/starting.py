"""The engine's start, for all that read with it: once, with the first page that needs it."""

import asyncio
import time

from ocr_engine.engine.base import Engine
from ocr_engine.log import logger

NOTE_START_S = 2.0
"""After this long without a started engine, a line says that it is starting."""


class EngineStart:
    """Starts an engine for the first page. A run with nothing to read never starts it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether pages wait for an engine that has not started."""
        return self._task is not None and not self._task.done()

    def close(self) -> None:
        """Stop waiting for the engine, if it is still starting."""
        if self._task is not None:
            self._task.cancel()

    async def ready(self) -> float:
        """Wait until the engine is up; returns the seconds of waiting. Raises EngineError."""
        waiting = time.perf_counter()
        if self._task is None:
            self._task = asyncio.create_task(self._start())
        await asyncio.shield(self._task)
        return time.perf_counter() - waiting

    async def _start(self) -> None:
        """A line says so if it takes long, so that the run does not seem to hang."""
        started = time.perf_counter()
        words = "the engine is starting: it loads the weights and tests itself; a first start takes minutes"
        note = asyncio.get_running_loop().call_later(NOTE_START_S, logger.info, words)
        try:
            await self._engine.start()
        finally:
            note.cancel()
        if (took := time.perf_counter() - started) > NOTE_START_S:
            logger.info("the engine is ready after %.0f s", took)
