"""Keeps an engine running: if it dies or hangs, it is started again, and no page is lost.

Pages in flight at a death are asked for again. Pages in flight at two deaths are suspects: they run apart
from all others, in ever smaller groups, until the page that kills the engine is alone. Only that page is
refused.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ocr_engine.engine.base import Engine, EngineInfo, OnText
from ocr_engine.engine.flights import Flight, Flights, TextOnce
from ocr_engine.errors import EngineError, OcrError, RequestError
from ocr_engine.log import logger, printable
from ocr_engine.records import Generation, GenerationRequest

_LOOKS = 10
"""Looks at the engine per hang timeout. Looks are counted, not seconds: a suspended run is no hang."""
_STOP_TIMEOUT_S = 60.0
_ABORT_TIMEOUT_S = 10.0


class WatchableEngine(Engine, Protocol):
    """An engine that can be watched. Each instance is started once; after a death another takes its place."""

    @property
    def steps(self) -> int:
        """Counts all that comes from the engine, tokens or pages. It stands still if the engine hangs."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """When an engine counts as hung, when the run is given up, and how long restarts wait."""

    hang_timeout_s: float
    max_deaths: int
    """The most deaths in a row without an answered page."""
    backoff_s: float = 1.0
    max_backoff_s: float = 60.0


@dataclass(eq=False, slots=True)
class _Life:
    """One start of the engine. `ended` is done once the engine died."""

    engine: WatchableEngine
    ended: "asyncio.Future[None]"
    watch: "asyncio.Task[None] | None" = None


class SupervisedEngine:
    """Serves many concurrent `generate` calls from one engine at a time; an `Engine`."""

    def __init__(self, make: Callable[[], WatchableEngine], rules: Rules) -> None:
        """`make` makes a new engine, not yet started, each time."""
        self._make = make
        self._rules = rules
        self._flights = Flights()
        self._engine: WatchableEngine | None = None
        self._life: _Life | None = None
        self._restart: asyncio.Task[None] | None = None
        self._started = False
        self._final: OcrError | None = None
        self._answers = 0
        self._deaths = 0
        self._cause = ""

    def identify(self) -> EngineInfo:
        """What the engine tells about itself."""
        if self._engine is None:
            self._engine = self._make()
        return self._engine.identify()

    async def start(self) -> None:
        """Start the engine. If this first start fails, it is not tried again."""
        if self._engine is None:
            self._engine = self._make()
        await self._engine.start()
        self._started = True
        self._begin(self._engine)

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """Ask for one page, restarting the engine as often as needed.

        Raises:
            RequestError: the page was refused, or it kills the engine.
            EngineError: the engine died `max_deaths` times in a row without answering any page.
        """
        if not self._started:
            raise EngineError("the engine is not running")
        stream = TextOnce(on_text) if on_text is not None else None
        flight = Flight(request, stream, asyncio.get_running_loop().create_future())
        self._flights.add(flight)
        try:
            while True:
                self._dispatch()
                answer = await self._attempt(flight, await flight.turn)
                if answer is not None:
                    return answer
        finally:
            self._flights.drop(flight)
            self._dispatch()

    async def stop(self) -> None:
        """Stop the engine and everything that watches it."""
        self._final = self._final or EngineError("the engine was stopped")
        life, self._life = self._life, None
        for task in (self._restart, life.watch if life else None):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait((task,))
        self._dispatch()
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.stop()

    def _begin(self, engine: WatchableEngine) -> None:
        life = _Life(engine, asyncio.get_running_loop().create_future())
        life.watch = asyncio.create_task(self._watch(life))
        self._life = life

    def _dispatch(self) -> None:
        """Give turns to pages that may run now. Start the engine again if it is gone and a page waits."""
        if self._final is not None:
            for flight in self._flights:
                _fail(flight, self._final)
        elif self._life is not None:
            for flight in self._flights.next():
                flight.turn.set_result(self._life)
        elif self._flights.any_waiting and self._restart is None:
            self._restart = asyncio.create_task(self._start_again())
        if not self._flights.any_waiting and not self._flights.running:
            self._refuse_poisonous()

    async def _attempt(self, flight: Flight, life: _Life) -> Generation | None:
        """Try once: the answer, or None if the engine died meanwhile."""
        if life.ended.done():
            return None
        task = self._asked(flight, life)
        try:
            await asyncio.wait((task, life.ended), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,), timeout=_ABORT_TIMEOUT_S)
            raise
        if life.ended.done():
            task.cancel()
            return None
        try:
            answer = task.result()
        except RequestError:
            raise
        except EngineError as error:
            self._die(life, str(error))
            return None
        self._answers += 1
        self._deaths = 0
        self._refuse_poisonous()
        return answer

    @staticmethod
    def _asked(flight: Flight, life: _Life) -> "asyncio.Task[Generation]":
        if flight.on_text is not None:
            flight.on_text.begin()
        task = asyncio.create_task(life.engine.generate(flight.request, flight.on_text))
        # At a death all pages in flight fail at once and one is told: nobody asks for the others' errors.
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return task

    async def _watch(self, life: _Life) -> None:
        """Watch for a hang: pages are in flight, and nothing comes from the engine."""
        seen, still = (-1, -1), 0
        while True:
            await asyncio.sleep(self._rules.hang_timeout_s / _LOOKS)
            now = life.engine.steps, self._answers
            still = still + 1 if self._flights.running and now == seen else 0
            seen = now
            if still >= _LOOKS:
                limit = f"{self._rules.hang_timeout_s:g} s (engine.hang_timeout_s)"
                self._die(life, f"the engine hung: nothing came from it for {limit}")
                return

    def _die(self, life: _Life, cause: str) -> None:
        """Record a death, once, and decide about the pages in flight."""
        if life.ended.done():
            return
        life.ended.set_result(None)
        if life.watch is not None and life.watch is not asyncio.current_task():
            life.watch.cancel()
        self._life = None
        for flight in self._flights.running:
            flight.turn = asyncio.get_running_loop().create_future()
        self._flights.died()
        self._count_death(cause)
        self._dispatch()

    def _count_death(self, cause: str) -> None:
        self._cause = cause
        self._deaths += 1
        if self._deaths >= self._rules.max_deaths:
            self._final = EngineError(
                f"the engine died {self._deaths} times in a row without reading a page; the last time:"
                f" {cause}. All finished pages are kept; the same command goes on from there"
            )

    def _refuse_poisonous(self) -> None:
        """Refuse pages that kill the engine, once it worked without them or no other page is left."""
        for flight in self._flights.poisonous():
            _fail(flight, RequestError(f"the engine died {flight.deaths} times on this page: {self._cause}"))

    async def _start_again(self) -> None:
        """Replace the dead engine, waiting longer after each death in a row."""
        try:
            while self._final is None and self._life is None:
                pause_s = min(self._rules.backoff_s * 2 ** (self._deaths - 1), self._rules.max_backoff_s)
                after = f"starting it again in {pause_s:g} s; its pages are read again"
                logger.warning("%s; %s", self._cause, after)
                await _stopped(self._engine)
                await asyncio.sleep(pause_s)
                await self._try_start()
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            self._final = error if isinstance(error, OcrError) else EngineError(f"{error!r}")
        self._restart = None
        self._dispatch()

    async def _try_start(self) -> None:
        self._engine = self._make()
        try:
            await self._engine.start()
        except EngineError as error:
            self._count_death(str(error))
        else:
            self._begin(self._engine)


def _fail(flight: Flight, error: OcrError) -> None:
    if not flight.turn.done():
        flight.turn.set_exception(error)


async def _stopped(engine: WatchableEngine | None) -> None:
    """Stop what is left of a dead engine. Errors are only logged: they must not end the run."""
    if engine is None:
        return
    try:
        await asyncio.wait_for(engine.stop(), _STOP_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - it is dead already, and its successor is waiting
        logger.debug("stopping the dead engine: %s", printable(repr(error)))
