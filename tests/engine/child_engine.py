"""Engines for the tests of replicas, importable by a child process."""

import asyncio
import os
import signal
import time
from collections.abc import Callable

from ocr_engine.engine.base import EngineInfo, OnText
from ocr_engine.errors import EngineError, RequestError, UsageError
from ocr_engine.records import FinishReason, Generation, GenerationRequest

DEVICE = "CUDA_VISIBLE_DEVICES"


class ChildEngine:
    """Does what the prompt says: `die`, `refuse`, `bug`, `hang`, or answers with facts about itself."""

    def __init__(self, start: str = "") -> None:
        self._start = start
        self.steps = 0

    def identify(self) -> EngineInfo:
        return EngineInfo("child", "model: child", "none", 100, 3, "child-id")

    async def start(self) -> None:
        if self._start == "usage":
            raise UsageError("cannot be carried out")
        if self._start == "fails":
            raise EngineError("no memory")
        if self._start == "dies":
            os.kill(os.getpid(), signal.SIGKILL)

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        self.steps += 1
        if request.prompt == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if request.prompt == "refuse":
            raise RequestError("refused")
        if request.prompt == "bug":
            raise KeyError("bug")
        if request.prompt == "hang":
            await asyncio.sleep(600)
        await asyncio.sleep(0.02)
        pixels = int(request.views.global_view.sum()) + int(request.views.tiles.sum())
        text = (
            f"{os.environ.get(DEVICE, '')} {pixels} {request.views.global_view.flags.writeable} {os.getpid()}"
        )
        for piece in text if on_text is not None else "":
            assert on_text is not None
            on_text(piece)
        return Generation(text, FinishReason.STOP, 1, 1, 1, 0.0)

    async def stop(self) -> None:
        pass


class HangsAtOnce:
    """Makes an engine, but a process that unpickles it hangs, before any code of ours has run there."""

    def __call__(self) -> ChildEngine:
        return ChildEngine()

    def __reduce__(self) -> tuple[Callable[[float], None], tuple[float]]:
        return time.sleep, (600.0,)
