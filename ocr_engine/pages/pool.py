"""Rendering in killable worker processes: documents and pages in, futures out.

A page that hangs, crashes or eats its memory costs one worker and one page, never the run. Knows neither
views nor figures: what is done with a page is the caller's callable.
"""

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, InputError, PageError
from ocr_engine.pages import render
from ocr_engine.processes.worker import Worker, WorkerDiedError, WorkerTimeoutError, keep_heap_small
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageImage, PageRef

T = TypeVar("T")
MAX_WORKERS = 16
PRELOAD = ("ocr_engine.pages.render", "pymupdf", "pypdfium2")
_HASH_BYTES_PER_S = 20_000_000
"""Opening reads the whole file once for its hash: large files get that much longer."""


@dataclass(frozen=True, slots=True)
class _Job:
    """`attempts` are tried in turn while workers hang or die."""

    future: "Future[Any]"
    attempts: tuple[Callable[[], Any], ...]
    timeout_s: float
    error: type[InputError]


class RenderPool:
    """Worker processes that open documents and render pages. Usable from any thread; a context manager."""

    def __init__(self, config: RenderConfig, password: str, max_document_pages: int) -> None:
        """Workers start when the first work arrives: `config.workers`, or one a CPU (at most 16)."""
        keep_heap_small()
        self._config = config
        self._password = password
        self._max_document_pages = max_document_pages
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._killed = False
        self._slots: list[_Slot] = []
        self._count = config.workers or min(_cpu_count(), MAX_WORKERS)

    def open(self, document: Document) -> "Future[OpenedDocument]":
        """Open a document; the future raises `DocumentError`."""
        timeout_s = self._config.timeout_s + document.size_bytes / _HASH_BYTES_PER_S
        attempts = tuple(
            partial(render.open_document, document, config, self._password, self._max_document_pages)
            for config in self._configs(document)
        )
        return self._submit(_Job(Future(), attempts, timeout_s, DocumentError))

    def run(self, ref: PageRef, task: Callable[[PageImage], T]) -> "Future[T]":
        """Render a page and give it to `task`, both in a worker; the future has the task's result.

        `task` and its result are pickled; the page's pixels stay in the worker unless `task` returns them.
        The future raises `PageError`.
        """
        attempts = tuple(
            partial(_render_and_run, ref, config, self._password, task)
            for config in self._configs(ref.document)
        )
        return self._submit(_Job(Future(), attempts, self._config.timeout_s, PageError))

    def cancel(self) -> None:
        """Cancel all work that no worker has begun."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job.future.cancel()

    def close(self, kill: bool = False) -> None:
        """Finish all work and end the workers; with `kill`, end them now and fail what they were doing."""
        with self._lock:
            self._closed = True
            self._killed = self._killed or kill
            slots = list(self._slots)
        if kill:
            self.cancel()
        for _ in slots:
            self._jobs.put(None)
        for slot in slots:
            if kill:
                slot.kill()
            slot.thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(kill=kind is not None)

    def _configs(self, document: Document) -> tuple[RenderConfig, ...]:
        if self._config.backend == "auto" and document.kind is DocumentKind.PDF:
            return (self._config, replace(self._config, backend="pdfium"))
        return (self._config,)

    def _submit(self, job: _Job) -> "Future[Any]":
        with self._lock:
            if self._closed:
                raise RuntimeError("the render pool is closed")
            self._jobs.put(job)
            if len(self._slots) < self._count:
                self._slots.append(_Slot(self._jobs, self._config.worker_memory_mb))
        return job.future


class _Slot:
    """A thread that owns one worker process at a time and feeds it."""

    def __init__(self, jobs: "queue.SimpleQueue[_Job | None]", memory_mb: int) -> None:
        self._jobs = jobs
        self._memory_mb = memory_mb
        self._worker: Worker | None = None
        self._stopping = False
        self.thread = threading.Thread(target=self._serve, name="render", daemon=True)
        self.thread.start()

    def kill(self) -> None:
        self._stopping = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.future.set_running_or_notify_cancel():
                try:
                    result = self._do(job)
                except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who waits
                    job.future.set_exception(error)
                else:
                    job.future.set_result(result)
        self._drop_worker()

    def _do(self, job: _Job) -> Any:
        reasons = []
        for attempt in job.attempts:
            try:
                return self._call(attempt, job.timeout_s)
            except InputError:
                raise
            except (WorkerTimeoutError, WorkerDiedError, MemoryError) as error:
                reasons.append(self._reason(error))
            except Exception as error:
                raise job.error(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
            if self._stopping:
                break
        raise job.error("; then ".join(reasons))

    def _call(self, function: Callable[[], Any], timeout_s: float) -> Any:
        if self._worker is None:
            self._worker = Worker(self._memory_mb, PRELOAD)
        if self._stopping:
            raise WorkerDiedError("was stopped")
        try:
            result = self._worker.call(function, timeout_s)
        except (WorkerTimeoutError, WorkerDiedError):
            self._drop_worker()
            raise
        if self._worker.retired:
            self._drop_worker()
        return result

    def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _reason(self, error: Exception) -> str:
        if self._stopping:
            return "the run was stopped"
        if isinstance(error, MemoryError):
            return f"needs more memory than render.worker_memory_mb ({self._memory_mb})"
        if isinstance(error, WorkerTimeoutError):
            return f"rendering {error} (render.timeout_s)"
        return f"the renderer {error}"


def _render_and_run(ref: PageRef, config: RenderConfig, password: str, task: Callable[[PageImage], T]) -> T:
    return task(render.render_page(ref, config, password))


def _cpu_count() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
