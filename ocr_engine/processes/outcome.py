"""What another thread's job comes to, awaited in the event loop: fewer wake-ups than `asyncio.wrap_future`.

Jobs that end while the loop is at work are taken in together.
"""

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class _Mailbox:
    """Jobs that have ended, for one event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: list[tuple[asyncio.Future[Any], Future[Any]]] = []

    def put(self, loop: asyncio.AbstractEventLoop, waiter: "asyncio.Future[T]", job: "Future[T]") -> None:
        """From any thread. The loop is called for the first; those that follow are taken in with it."""
        with self._lock:
            self._ended.append((waiter, job))
            is_first = len(self._ended) == 1
        if is_first:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._take_in)

    def _take_in(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for waiter, job in ended:
            _settle(waiter, job)


_mailboxes: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Mailbox]" = WeakKeyDictionary()


async def outcome(job: "Future[T]") -> T:
    """The result of the job, or what it raises. Where nobody waits any more, a job not begun never is."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[T] = loop.create_future()
    mailbox = _mailboxes.get(loop) or _mailboxes.setdefault(loop, _Mailbox())
    job.add_done_callback(lambda done: mailbox.put(loop, waiter, done))
    try:
        return await waiter
    except asyncio.CancelledError:
        job.cancel()
        raise


def _settle(waiter: "asyncio.Future[Any]", job: "Future[Any]") -> None:
    if waiter.done():
        return
    try:
        error = job.exception()
    except CancelledError:
        waiter.cancel()
        return
    if error is None:
        waiter.set_result(job.result())
    else:
        waiter.set_exception(error)
