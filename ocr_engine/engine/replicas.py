"""Several engines behind one: a page goes to the replica with the fewest; one that dies for good is out.

On a GPU all start at once. On a CPU, where a start takes the work of a dozen pages, `auto` begins with one
engine and starts another each time that the run turns out to be longer.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_engine.engine.base import Engine, EngineInfo, OnText
from ocr_engine.engine.devices import DEVICES_VARIABLE
from ocr_engine.engine.flights import TextOnce
from ocr_engine.errors import EngineError, OcrError, RequestError, UsageError
from ocr_engine.log import logger, printable
from ocr_engine.records import Generation, GenerationRequest

THREADS_VARIABLE = "OMP_NUM_THREADS"
PAGES_AN_ENGINE = 16
"""Pages asked for, per engine there is, before `auto` starts another on a CPU."""
_CPU_ENGINE_BYTES, _MAX_CPU_ENGINES = 4 << 30, 4
"""Free memory that each nano engine on a CPU must find, and the most engines that `auto` runs there."""


def cpu_engines(cores: int, free_bytes: int) -> int:
    """How many nano engines `auto` runs beside one another on a CPU: one a core, where memory allows."""
    return max(1, min(cores, free_bytes // _CPU_ENGINE_BYTES, _MAX_CPU_ENGINES))


def environments(replicas: int | str, gpus: Sequence[str], cpus: int) -> list[dict[str, str]]:
    """What each replica's process finds in its environment: a GPU of its own, or a share of the CPU.

    `auto` is one a GPU; without a GPU, one (`cpu_engines` says how many of nano).

    Raises:
        UsageError: more replicas than GPUs.
    """
    if not gpus:
        count = 1 if isinstance(replicas, str) else replicas
        return [{THREADS_VARIABLE: str(max(1, cpus // count))} for _ in range(count)]
    count = len(gpus) if isinstance(replicas, str) else replicas
    if count > len(gpus):
        raise UsageError(
            f"engine.replicas: {count}: at most one per GPU, and {len(gpus)} are visible; lower it"
        )
    return [{DEVICES_VARIABLE: gpu} for gpu in gpus[:count]]


@dataclass(eq=False, slots=True)
class _Replica:
    number: int
    engine: Engine
    in_flight: int = 0


class ReplicaSet:
    """An `Engine` of equal engines. Starts with the first that is up; the others join as they come."""

    def __init__(self, engines: Sequence[Engine], *, pages_each: int = 0) -> None:
        """With `pages_each`, one starts at first, and the next after each so many pages asked for."""
        self._all = [_Replica(number, engine) for number, engine in enumerate(engines, start=1)]
        self._waiting = list(self._all)
        self._pages_each = pages_each
        self._asked = 0
        self._live: list[_Replica] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._last_error: OcrError = EngineError("the engine is not running")

    def identify(self) -> EngineInfo:
        """As one replica says, with the capacity of all."""
        info = self._all[0].engine.identify()
        count = len(self._all)
        many = f"up to {count} engines" if self._pages_each else f"{count} replicas"
        return replace(info, reason=f"{info.reason}; {many}", capacity=info.capacity * count)

    async def start(self) -> None:
        """Start all, or the first; returns when one is up. Raises what the last one raised where all fail."""
        self._start_next(1 if self._pages_each else len(self._all))
        if not await self._any_live():
            raise self._last_error

    def _start_next(self, count: int) -> None:
        starting, self._waiting = self._waiting[:count], self._waiting[count:]
        self._starting |= {asyncio.create_task(self._start(replica)) for replica in starting}

    def _start_another_if_worth_it(self) -> None:
        started = len(self._all) - len(self._waiting)
        if self._pages_each and self._asked >= self._pages_each * started:
            self._start_next(1)

    async def settled(self) -> int:
        """Wait for the replicas that are starting; returns how many are up."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._starting)
        return len(self._live)

    async def _start(self, replica: _Replica) -> None:
        try:
            await replica.engine.start()
        except OcrError as error:
            self._drop(replica, error, "did not start")
        else:
            self._live.append(replica)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._starting.discard(task)
            async with self._changed:
                self._changed.notify_all()

    async def _any_live(self) -> bool:
        """Whether a replica is up, once one is or all have failed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._live or not self._starting)
        return bool(self._live)

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The answer of the replica with the fewest pages; of another one where that one dies for good.

        Raises:
            RequestError: refused.
            EngineError: no replica is left.
        """
        text = TextOnce(on_text) if on_text is not None else None
        self._asked += 1
        self._start_another_if_worth_it()
        while self._live or await self._any_live():
            replica = min(self._live, key=lambda live: live.in_flight)
            replica.in_flight += 1
            try:
                if text is not None:
                    text.begin()
                return await replica.engine.generate(request, text)
            except RequestError:
                raise
            except EngineError as error:
                if replica in self._live:
                    self._live.remove(replica)
                    self._drop(replica, error, "is left out")
            finally:
                replica.in_flight -= 1
        raise self._last_error

    def _drop(self, replica: _Replica, error: OcrError, what: str) -> None:
        self._last_error = error
        if len(self._all) - len(self._waiting) > 1:
            logger.warning("replica %d %s: %s", replica.number, what, printable(str(error)))

    async def stop(self) -> None:
        """Stop all."""
        self._live, self._waiting = [], []
        starting = list(self._starting)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        await asyncio.gather(*(replica.engine.stop() for replica in self._all))
