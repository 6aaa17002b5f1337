"""One page at a time, its text handed on as it appears, and kept when the user stops in the middle of it."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Protocol

from ocr_engine.engine.base import Engine, EngineInfo, OnText, vision_tokens
from ocr_engine.errors import RequestError
from ocr_engine.records import FinishReason, Generation, GenerationRequest


class Audience(Protocol):
    """Who sees the text of a page grow."""

    def begin(self, request_id: str) -> None:
        """An answer starts; a page that is read again starts again."""

    def add(self, piece: str) -> None:
        """The next piece of its raw text."""

    def end(self) -> None:
        """It has ended, by itself or not."""


class StreamedEngine:
    """An `Engine` that shows every answer to an audience, token by token, and can be interrupted."""

    def __init__(self, engine: Engine, audience: Audience) -> None:
        self._engine = engine
        self._audience = audience
        self._interrupted = asyncio.Event()
        self._reading = 0
        self.shown: list[str] = []
        """The request ids of what was shown, in order."""

    def identify(self) -> EngineInfo:
        """What the engine says of itself."""
        return self._engine.identify()

    async def start(self) -> None:
        """Start the engine."""
        await self._engine.start()

    async def stop(self) -> None:
        """Stop the engine."""
        await self._engine.stop()

    def interrupt(self) -> bool:
        """End the answer that is growing; False where none is, so that there is nothing to keep."""
        self._interrupted.set()
        return self._reading > 0

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The answer, or after `interrupt` its text so far with `FinishReason.ABORT`.

        Raises:
            RequestError: refused, or asked for after `interrupt`.
            EngineError: the engine has died.
        """
        if self._interrupted.is_set():
            raise RequestError("interrupted before it was read")
        pieces: list[str] = []

        def hand_on(piece: str) -> None:
            pieces.append(piece)
            self._audience.add(piece)
            if on_text is not None:
                on_text(piece)

        self._reading += 1
        self.shown.append(request.request_id)
        self._audience.begin(request.request_id)
        try:
            started_s = time.perf_counter()
            answer = await self._until_interrupted(
                self._engine.generate(replace(request, stream_interval=1), hand_on)
            )
            return answer or self._so_far(request, pieces, time.perf_counter() - started_s)
        finally:
            self._reading -= 1
            self._audience.end()

    async def _until_interrupted(self, answer: Coroutine[Any, Any, Generation]) -> Generation | None:
        reading = asyncio.ensure_future(answer)
        stop = asyncio.ensure_future(self._interrupted.wait())
        try:
            await asyncio.wait((reading, stop), return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            for task in (reading, stop):
                task.cancel()
            await asyncio.wait((reading, stop))

    def _so_far(self, request: GenerationRequest, pieces: list[str], seconds: float) -> Generation:
        tokens = vision_tokens(request.views, self._engine.identify().family)
        return Generation("".join(pieces), FinishReason.ABORT, tokens, tokens, len(pieces), seconds)
