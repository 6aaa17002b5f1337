"""An engine in a process of its own, with its own view of the GPUs: requests and pixels go over a pipe.

One process an engine, rather than several engines in one: each has its own environment, log, event loop and
front end, and its death takes nothing else along. The child leads a session, so that it is killed with all it
started; it ends by itself when the pipe closes.
"""

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any

from ocr_engine.engine.base import Engine, EngineInfo, OnText
from ocr_engine.errors import EngineError, OcrError
from ocr_engine.log import logger
from ocr_engine.processes import shared_memory
from ocr_engine.records import Generation, GenerationRequest

_STOP_TIMEOUT_S = 30.0
"""Less than what a supervisor gives a whole stop: a child that hangs is killed within it."""
_KILL_TIMEOUT_S = 10.0
_STEPS_EVERY_S = 1.0
_Message = tuple[str, int, object, bool]
"""What to do, the number of the call, its argument, and whether text is wanted as it appears."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A call that waits for the child's answer."""

    answer: "asyncio.Future[Any]"
    on_text: OnText | None


class EngineProcess:
    """The engine that `make` gives, elsewhere. Started once; serves many concurrent `generate` calls."""

    def __init__(self, make: Callable[[], Engine], environment: Mapping[str, str]) -> None:
        """`make` is pickled; `environment` is added to the child's before it imports anything heavy."""
        self._make = make
        self._environment = dict(environment)
        self._spawning: asyncio.Future[BaseProcess] | None = None
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._numbers = itertools.count(1)
        self._outbox: SimpleQueue[_Message | None] = SimpleQueue()
        self._death = ""
        self._steps = 0

    def identify(self) -> EngineInfo:
        """What the engine says of itself, asked here without starting anything."""
        return self._make().identify()

    @property
    def steps(self) -> int:
        """What the engine counted last, for a watchdog."""
        return self._steps

    async def start(self) -> None:
        """Start the process and the engine in it. Raises what the engine's `start` raises."""
        self._pipe, theirs = multiprocessing.Pipe()
        loop = asyncio.get_running_loop()
        for work in (self._listen, self._speak):
            threading.Thread(target=work, args=(self._pipe, loop), daemon=True).start()
        self._spawning = asyncio.ensure_future(
            asyncio.to_thread(_spawn, theirs, self._make, self._environment)
        )
        # A thread cannot be cancelled: what it starts meanwhile is left to `stop`.
        self._process = await asyncio.shield(self._spawning)
        await self._call("start", None, None)

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The engine's answer; cancelling the call cancels it there."""
        answer = await self._call("generate", request, on_text)
        assert isinstance(answer, Generation)
        return answer

    async def _call(self, what: str, argument: object, on_text: OnText | None) -> object:
        if self._pipe is None or self._death:
            raise EngineError(self._death or "the engine is not running")
        number = next(self._numbers)
        waiting = _Waiting(asyncio.get_running_loop().create_future(), on_text)
        self._waiting[number] = waiting
        try:
            self._outbox.put((what, number, argument, on_text is not None))
            return await waiting.answer
        except asyncio.CancelledError:
            self._outbox.put(("cancel", number, None, False))
            raise
        finally:
            self._waiting.pop(number, None)

    def _speak(self, pipe: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: everything the child is told. What cannot be sent ends its call."""
        while (message := self._outbox.get()) is not None:
            try:
                send(pipe, message)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who waits
                gone = EngineError(self._death or f"the engine's process is gone ({error})")
                failed = gone if isinstance(error, OSError) else error
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(self._take, ("error", message[1], failed))

    def _listen(self, pipe: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: everything the child says, until it is gone."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for an answer any more
            try:
                while True:
                    loop.call_soon_threadsafe(self._take, shared_memory.receive(pipe))
            except (EOFError, OSError, pickle.UnpicklingError):
                self._outbox.put(None)
                loop.call_soon_threadsafe(self._died)

    def _take(self, message: tuple[str, int, Any]) -> None:
        what, number, value = message
        if what == "steps":
            self._steps = value
            return
        waiting = self._waiting.get(number)
        if waiting is None or waiting.answer.done():
            return
        if what == "text" and waiting.on_text is not None:
            waiting.on_text(value)
        elif what == "answer":
            waiting.answer.set_result(value)
        elif what == "error":
            waiting.answer.set_exception(value)

    def _died(self) -> None:
        if self._process is not None:
            self._process.join(_STEPS_EVERY_S)
        code = self._process.exitcode if self._process is not None else None
        self._death = self._death or f"the engine's process died (exit code {code})"
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(EngineError(self._death))

    async def stop(self) -> None:
        """End the engine and its process, by force where it does not end by itself."""
        process = await self._spawned()
        if process is None:
            return
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._ask_to_end(process)
        except TimeoutError:
            logger.debug("the engine's process did not end within %g s: it is killed", _STOP_TIMEOUT_S)
        finally:
            # However a stop ends, cancelled too: nobody else knows of the process.
            self._death = self._death or "the engine was stopped"
            _kill_session(process)
        await asyncio.to_thread(process.join, _KILL_TIMEOUT_S)
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()

    async def _spawned(self) -> BaseProcess | None:
        """The process, once; that of a start which was cancelled too."""
        spawning, self._spawning = self._spawning, None
        if spawning is None:
            return None
        await asyncio.wait((spawning,))
        return None if spawning.exception() else spawning.result()

    async def _ask_to_end(self, process: BaseProcess) -> None:
        if not self._death:
            self._outbox.put(("stop", 0, None, False))
        self._death = self._death or "the engine was stopped"
        await asyncio.to_thread(process.join, _STOP_TIMEOUT_S)


def _spawn(theirs: Connection, make: Callable[[], Engine], environment: Mapping[str, str]) -> BaseProcess:
    """Start the child with its end of the pipe. Blocks. Raises EngineError."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_main, args=(theirs, make, environment), name="replica")
    try:
        process.start()
    except OSError as error:
        raise EngineError(f"the engine's process could not be started: {error}") from None
    finally:
        theirs.close()
    return process


def _kill_session(process: BaseProcess) -> None:
    """The child and whatever it started and left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if process.pid is not None:
            os.killpg(process.pid, signal.SIGKILL)
    # One that hangs before it leads a session is in this process's group still.
    process.kill()


def send(pipe: Connection, message: object) -> None:
    """Write a message; pixels go through memory that both processes map. Blocks."""
    shared_memory.send(pipe, shared_memory.pack(message))


def _main(pipe: Connection, make: Callable[[], Engine], environment: Mapping[str, str]) -> None:
    """The child: serve until told to stop, or until the parent is gone."""
    os.setsid()
    os.environ.update(environment)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_Child(pipe, make()).serve())


class _Child:
    """The other end of the pipe."""

    def __init__(self, pipe: Connection, engine: Engine) -> None:
        self._pipe = pipe
        self._engine = engine
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._outbox: asyncio.Queue[tuple[str, int, object]] = asyncio.Queue()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        threading.Thread(target=self._listen, args=(loop, inbox), daemon=True).start()
        speaking = [asyncio.create_task(self._speak()), asyncio.create_task(self._count())]
        while (message := await inbox.get()) is not None:
            what, number, argument, streamed = message
            if what == "stop":
                break
            if what == "cancel":
                if (task := self._tasks.get(number)) is not None:
                    task.cancel()
                continue
            self._tasks[number] = asyncio.create_task(self._answer(what, number, argument, streamed))
        for task in [*self._tasks.values(), *speaking]:
            task.cancel()
        await self._engine.stop()

    def _listen(self, loop: asyncio.AbstractEventLoop, inbox: "asyncio.Queue[Any]") -> None:
        with contextlib.suppress(RuntimeError):
            try:
                while True:
                    loop.call_soon_threadsafe(inbox.put_nowait, shared_memory.receive(self._pipe))
            except (EOFError, OSError):
                loop.call_soon_threadsafe(inbox.put_nowait, None)

    async def _answer(self, what: str, number: int, argument: Any, streamed: bool) -> None:
        try:
            if what == "start":
                await self._engine.start()
                self._say("answer", number, None)
            else:
                on_text = self._text_of(number) if streamed else None
                self._say("answer", number, await self._engine.generate(argument, on_text))
        except OcrError as error:
            self._say("error", number, type(error)(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who waits
            self._say("error", number, EngineError(f"{type(error).__name__}: {error}"))
        finally:
            self._tasks.pop(number, None)

    def _text_of(self, number: int) -> OnText:
        return lambda piece: self._say("text", number, piece)

    def _say(self, what: str, number: int, value: object) -> None:
        self._outbox.put_nowait((what, number, value))

    async def _speak(self) -> None:
        while True:
            await asyncio.to_thread(send, self._pipe, await self._outbox.get())

    async def _count(self) -> None:
        while True:
            self._say("steps", 0, getattr(self._engine, "steps", 0))
            await asyncio.sleep(_STEPS_EVERY_S)
