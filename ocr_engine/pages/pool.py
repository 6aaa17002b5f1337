"""Rendering in killable worker processes: documents and pages in, futures out.

A page that hangs, crashes or eats its memory costs one worker and one page, never the run. Knows neither
views nor figures: what is done with a page is the caller's callable.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, InputError, OcrError, PageError
from ocr_engine.pages import render
from ocr_engine.pages.image_folder import open_folder
from ocr_engine.processes.pool import Call, PoolStoppedError, WorkerPool
from ocr_engine.processes.sealed import Sealed
from ocr_engine.processes.shared_memory import allow_many_files
from ocr_engine.processes.worker import WorkerDiedError, WorkerTimeoutError, keep_heap_small
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageImage, PageRef

T = TypeVar("T")
MAX_WORKERS = 64
"""As many pages as eight of the fastest GPUs read are rendered by 40 to 60."""
PRELOAD = ("ocr_engine.pages.render", "pymupdf", "pypdfium2")
_HASH_BYTES_PER_S = 20_000_000
"""Opening reads the whole file once for its hash: large files get that much longer."""


class RenderPool(WorkerPool):
    """Worker processes that open documents and render pages. Usable from any thread; a context manager."""

    def __init__(
        self, config: RenderConfig, password: str, max_document_pages: int, *, bookmarks: bool = False
    ) -> None:
        """Workers start when the first work arrives: `config.workers`, or one a CPU (at most 64).

        With `bookmarks`, documents are opened with their outlines.
        """
        keep_heap_small()
        allow_many_files()
        count = config.workers or min(_cpu_count(), MAX_WORKERS)
        super().__init__(count, config.worker_memory_mb, PRELOAD, "render")
        self._config = config
        second = (replace(config, backend="pdfium"),) if config.backend == "auto" else ()
        self._configs = (config, *second)
        """Of the renderers that try in turn."""
        self._password = password
        self._drawing = self._drawing_at(config.dpi)
        self._max_document_pages = max_document_pages
        self._bookmarks = bookmarks

    def open(self, document: Document) -> "Future[OpenedDocument]":
        """Open a document; the future raises `DocumentError`."""
        if document.kind is DocumentKind.FOLDER:
            return open_folder(document, self.open, self._max_document_pages)
        timeout_s = self._config.timeout_s + document.size_bytes / _HASH_BYTES_PER_S
        attempts = [
            partial(render.open_document, document, config, self._password, self._max_document_pages)
            for config in self._suiting(document, self._configs)
        ]
        if self._bookmarks:
            # An outline over which a worker dies costs the document its outline, not its pages.
            attempts.insert(0, partial(attempts[0], bookmarks=True))
        return self._submit(attempts, timeout_s, DocumentError)

    def run(self, ref: PageRef, task: Callable[[PageImage], T], dpi: int = 0) -> "Future[T]":
        """Render a page and give it to `task`, both in a worker; the future has the task's result.

        `task` and its result are pickled; the page's pixels stay in the worker unless `task` returns them.
        `dpi` is that of the drawing, 0 the config's; `max_pixels` bounds it all the same. The future raises
        `PageError`.
        """
        if ref.file and ref.file.problem:
            return failed(PageError(ref.file.problem))
        ref = ref.in_file()
        drawing = self._drawing_at(dpi) if dpi else self._drawing
        attempts = [partial(_draw_and_run, ref, draw, task) for draw in self._suiting(ref.document, drawing)]
        return self._submit(attempts, self._config.timeout_s, PageError)

    def work(self, task: Callable[[], T]) -> "Future[T]":
        """Run a task in a worker that needs no page drawn; it and its result are pickled.

        The future raises `PageError`.
        """
        return self._submit((task,), self._config.timeout_s, PageError)

    def _drawing_at(self, dpi: int) -> "Sequence[Sealed[Callable[[PageRef], PageImage]]]":
        """What draws a page in a worker, by each renderer; pickled once, not with every page."""
        return [
            Sealed(partial(render.render_page, config=replace(config, dpi=dpi), password=self._password))
            for config in self._configs
        ]

    @staticmethod
    def _suiting(document: Document, by_renderer: Sequence[T]) -> Sequence[T]:
        """The renderers that a document has: only for PDFs there are two."""
        return by_renderer if document.kind is DocumentKind.PDF else by_renderer[:1]

    def _submit(
        self, attempts: Sequence[Callable[[], T]], timeout_s: float, error: type[InputError]
    ) -> "Future[T]":
        memory_mb = self._config.worker_memory_mb
        return self.submit(partial(_try_in_turn, attempts, timeout_s, error, memory_mb))


def failed(error: OcrError) -> "Future[Any]":
    """What comes of work that cannot be begun."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _try_in_turn(
    attempts: Sequence[Callable[[], T]], timeout_s: float, kind: type[InputError], memory_mb: int, call: Call
) -> T:
    """The result of the first attempt that neither hangs nor kills its worker; else an error of `kind`."""
    reasons = []
    for attempt in attempts:
        try:
            result: T = call(attempt, timeout_s)
            return result
        except InputError:
            raise
        except PoolStoppedError:
            reasons.append("the run was stopped")
            break
        except (WorkerTimeoutError, WorkerDiedError, MemoryError) as error:
            reasons.append(_reason(error, memory_mb))
        except Exception as error:
            raise kind(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    raise kind("; then ".join(reasons))


def _reason(error: Exception, memory_mb: int) -> str:
    if isinstance(error, MemoryError):
        return f"needs more memory than render.worker_memory_mb ({memory_mb})"
    if isinstance(error, WorkerTimeoutError):
        return f"rendering {error} (render.timeout_s)"
    return f"the renderer {error}"


def _draw_and_run(
    ref: PageRef, draw: "Sealed[Callable[[PageRef], PageImage]]", task: Callable[[PageImage], T]
) -> T:
    return task(draw(ref))


def _cpu_count() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
