"""Killable worker processes behind one queue: a job in, a future out.

Each worker belongs to a thread, which runs the job and has the worker do its dangerous parts. A call that
hangs, crashes or eats its memory costs one worker, and its job decides what comes of that.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from ocr_engine.processes.worker import Worker, WorkerDiedError, WorkerTimeoutError

T = TypeVar("T")


Call = Callable[[Callable[[], Any], float], Any]
"""How a job has its worker do something: a function to run there, which is pickled, and seconds it may take.

Raises what the function raises; WorkerTimeoutError, WorkerDiedError (the next call has a new worker) or
PoolStoppedError.
"""


class PoolStoppedError(WorkerDiedError):
    """The pool was killed while the call ran, or before it began."""


class WorkerPool:
    """At most `count` workers, started as work arrives. Usable from any thread; a context manager."""

    def __init__(self, count: int, memory_mb: int, preload: Sequence[str] = (), name: str = "worker") -> None:
        """`preload` are the modules a worker imports before its first call; `name` is for its thread."""
        self.count = count
        self._make = partial(Worker, memory_mb, preload)
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._slots: list[_Slot] = []

    def submit(self, job: Callable[[Call], T]) -> "Future[T]":
        """Run `job` in a thread that owns a worker; the future has its result, or raises what it raises.

        Raises RuntimeError where the pool is closed.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the worker pool is closed")
            self._jobs.put((future, job))
            if len(self._slots) < self.count:
                self._slots.append(_Slot(self._jobs, self._make, self._name))
        return future

    @property
    def waiting(self) -> int:
        """How many jobs no thread has begun."""
        return self._jobs.qsize()

    def cancel(self) -> None:
        """Cancel all jobs that no thread has begun."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job[0].cancel()

    def close(self, kill: bool = False) -> None:
        """Finish all jobs and end the workers; with `kill`, end them now and fail what they were doing."""
        with self._lock:
            self._closed = True
            slots = list(self._slots)
        if kill:
            self.cancel()
        for _ in slots:
            self._jobs.put(None)
        if kill:
            # All before the first is waited for: a large process takes a while to end.
            for slot in slots:
                slot.kill()
        for slot in slots:
            slot.thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(kill=kind is not None)


_Job = tuple["Future[Any]", Callable[[Call], Any]]


class _Slot:
    """A thread that owns one worker process at a time and feeds it."""

    def __init__(self, jobs: "queue.SimpleQueue[_Job | None]", make: Callable[[], Worker], name: str) -> None:
        self._jobs = jobs
        self._make = make
        self._worker: Worker | None = None
        self._stopping = False
        self.thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self.thread.start()

    def kill(self) -> None:
        self._stopping = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, function = job
            if future.set_running_or_notify_cancel():
                try:
                    result = function(self._call)
                except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who waits
                    future.set_exception(error)
                else:
                    future.set_result(result)
        self._drop_worker()

    def _call(self, function: Callable[[], Any], timeout_s: float) -> Any:
        try:
            if self._worker is None:
                self._worker = self._make()
            if self._stopping:
                raise PoolStoppedError("was stopped")
            result = self._worker.call(function, timeout_s)
        except (WorkerTimeoutError, WorkerDiedError):
            self._drop_worker()
            if self._stopping:
                raise PoolStoppedError("was stopped") from None
            raise
        if self._worker.retired:
            self._drop_worker()
        return result

    def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
