"""One engine for several conversions in a row: started once, stopped only by who made it."""

import asyncio
import time

from ocr_engine.engine.base import Engine, EngineInfo, OnText, stopping_s
from ocr_engine.records import Generation, GenerationRequest


class SharedEngine:
    """An `Engine` whose `start` may be called again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._started: asyncio.Task[None] | None = None
        self.start_s = 0.0
        """Seconds that callers have waited for the start."""

    @property
    def stopping_s(self) -> float:
        """As of the engine."""
        return stopping_s(self._engine)

    def identify(self) -> EngineInfo:
        """As the engine says."""
        return self._engine.identify()

    async def start(self) -> None:
        """Start the engine, or wait until an earlier call has. Raises what the start raised."""
        if self._started is None:
            self._started = asyncio.create_task(self._engine.start())
        began_s = time.perf_counter()
        try:
            await asyncio.shield(self._started)
        finally:
            self.start_s += time.perf_counter() - began_s

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The engine's answer."""
        return await self._engine.generate(request, on_text)

    async def stop(self) -> None:
        """Stop the engine; it is not started again."""
        if self._started is not None:
            self._started.cancel()
        await self._engine.stop()
