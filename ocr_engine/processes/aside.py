"""Work beside the event loop, for which nobody waits at the end of a run.

What a stranger wrote may take seconds to clean. Meanwhile other pages go on and Ctrl-C is heard; a second one
ends the run at once, as the threads are daemons.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from ocr_engine.processes.outcome import outcome

P = ParamSpec("P")
T = TypeVar("T")
MAX_THREADS = 4
"""One long text does not hold up the others."""
_jobs: "SimpleQueue[Callable[[], None]]" = SimpleQueue()
_threads: list[threading.Thread] = []


async def aside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns or raises, called in another thread; not called where nobody waits any more."""
    future: Future[T] = Future()
    _jobs.put(partial(_settle, future, partial(function, *args, **kwargs)))
    if len(_threads) < MAX_THREADS:
        _threads.append(threading.Thread(target=_work, name="aside", daemon=True))
        _threads[-1].start()
    return await outcome(future)


def _work() -> None:
    while True:
        _jobs.get()()


def _settle(future: "Future[Any]", function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001 - belongs to the one who waits
        future.set_exception(error)
