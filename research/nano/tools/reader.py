"""Pages read through the project's own engine, with its defaults, and what that took."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from PIL import Image

from ocr_engine.config import Config, EngineConfig, guard_of
from ocr_engine.engine.base import Engine
from ocr_engine.engine.factory import create_engine
from ocr_engine.engine.replicas import ReplicaSet
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.families.views import make_views
from ocr_engine.records import FinishReason, Generation, GenerationRequest


@dataclass(frozen=True)
class Cost:
    """Wall seconds, and CPU seconds of this process and its children, of which the engine is one."""

    wall_s: float
    cpu_s: float


class Meter:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), cpu_s()

    def read(self) -> Cost:
        """Return the cost so far."""
        return Cost(time.perf_counter() - self._wall_s, cpu_s() - self._cpu_s)


def _processes() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def cpu_s() -> float:
    """Return the CPU seconds that this process and its living children have used."""
    return sum(p.cpu_times().user + p.cpu_times().system for p in _processes())


def peak_bytes() -> int:
    """Return the sum of the most memory that this process and each living child have held; Linux."""
    found = 0
    for process in _processes():
        lines = Path(f"/proc/{process.pid}/status").read_text("ascii", "replace").split("\n")
        found += next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)
    return found


class Reader:
    """A started engine, or as many as `config.replicas` says; `async with` it."""

    def __init__(self, config: EngineConfig, in_flight: int = 8) -> None:
        self.config = config
        several = config.replicas not in ("auto", 1)
        self.engine: Engine = create_engine(Config(engine=config)) if several else VllmEngine(config)
        self._places = asyncio.Semaphore(in_flight)
        self.start = Cost(0.0, 0.0)

    async def __aenter__(self) -> "Reader":
        """Start the engine and measure that."""
        self.engine.identify()
        meter = Meter()
        await self.engine.start()
        if isinstance(self.engine, ReplicaSet):
            await self.engine.settled()
        self.start = meter.read()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the engine."""
        await self.engine.stop()

    async def read(self, image: Image.Image, mode: str, prompt: str, name: str = "page") -> Generation:
        """Read one page; waits while as many as are allowed in flight are being read."""
        guard = guard_of(self.config.ngram)
        async with self._places:
            views = make_views(image, mode)
            return await self.engine.generate(
                GenerationRequest(name, views, prompt, self.config.max_tokens, *guard)
            )

    async def read_all(self, images: Sequence[Image.Image], mode: str, prompt: str) -> list[Generation]:
        """Read pages together, in the order given."""
        return list(await asyncio.gather(*(self.read(image, mode, prompt) for image in images)))


def ended(generation: Generation) -> bool:
    """Return whether the model ended its answer by itself."""
    return generation.finish_reason is FinishReason.STOP
