"""Pages that are written together: they share their waits for the disk, and their lines one sync.

In a longer run a process of its own writes them, as that takes a good part of the main process's time. Where
it dies, this process writes what it had in hand once more: the same files.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from ocr_engine.config import Config
from ocr_engine.conversion.page_saving import PageFiles, PageToSave, write_here
from ocr_engine.errors import OutputError
from ocr_engine.log import logger
from ocr_engine.outputs.journal import Journal
from ocr_engine.processes.worker import Worker, WorkerDiedError, WorkerTimeoutError

GROUP_PAGES, GROUP_BYTES = 64, 64 << 20
"""What is written together at most."""
PROCESS_FROM_PAGES = 64
"""A shorter run pays for no second process."""
MAX_DEATHS = 3
_TIMEOUT_S = 600.0
_PRELOAD = ("ocr_engine.conversion.page_saving",)
Outcome = BaseException | None


class PageGroups:
    """Takes pages one by one, writes them in groups in the given thread, tells each when it is done."""

    def __init__(self, config: Config, root: Path, journal: Journal, thread: Executor) -> None:
        """`thread` is the only one that writes below `root`, in the order in which it is given work."""
        self._config = config
        self._root = root
        self._journal = journal
        self._thread = thread
        self._files = PageFiles(root, config.output)
        self._waiting: deque[tuple[PageToSave, asyncio.Future[None]]] = deque()
        self._worker: Worker | None = None
        self._written, self._deaths = 0, 0

    async def write(self, page: PageToSave) -> None:
        """Returns once the page's files and then its journal line are on disk. Raises OutputError."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((page, future))
        if len(self._waiting) == 1:  # else a call that is on its way will take it
            self._thread.submit(self._write_waiting, loop)
        await future

    @property
    def waiting(self) -> int:
        """How many pages wait for their group."""
        return len(self._waiting)

    def close(self) -> None:
        """End the process that writes. Called from the thread, after the last page."""
        self._drop_worker()

    def _write_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        group = self._take()
        outcomes = self._outcomes([page for page, _ in group]) if group else []
        with contextlib.suppress(RuntimeError):  # the loop or the thread is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, [future for _, future in group], outcomes)
            if self._waiting:  # behind what else the thread was given meanwhile
                self._thread.submit(self._write_waiting, loop)

    def _take(self) -> list[tuple[PageToSave, "asyncio.Future[None]"]]:
        group: list[tuple[PageToSave, asyncio.Future[None]]] = []
        nbytes = 0
        while self._waiting and len(group) < GROUP_PAGES and nbytes < GROUP_BYTES:
            group.append(self._waiting.popleft())
            nbytes += group[-1][0].nbytes
        return group

    def _outcomes(self, pages: Sequence[PageToSave]) -> list[Outcome]:
        """Write a group. A page that meets a bug of ours is found by writing each on its own."""
        try:
            self._journal.append_lines(self._lines(pages))
        except OutputError as error:
            return [error] * len(pages)
        except Exception as error:  # noqa: BLE001 - belongs to the page that it is about
            return [error] if len(pages) == 1 else [self._outcomes([page])[0] for page in pages]
        self._written += len(pages)
        return [None] * len(pages)

    def _lines(self, pages: Sequence[PageToSave]) -> list[bytes]:
        if self._written >= PROCESS_FROM_PAGES and self._deaths < MAX_DEATHS:
            try:
                return self._lines_of_worker(pages)
            except (WorkerTimeoutError, WorkerDiedError) as error:
                logger.debug("the process that writes pages %s; they are written here", error)
                self._deaths += 1
                self._drop_worker()
        return self._files.write(pages)

    def _lines_of_worker(self, pages: Sequence[PageToSave]) -> list[bytes]:
        if self._worker is None:
            self._worker = Worker(self._config.render.worker_memory_mb, _PRELOAD, dies_with_us=True)
        task = partial(write_here, self._root, self._config.output, pages)
        lines: list[bytes] = self._worker.call(task, _TIMEOUT_S)
        return lines

    def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


def _settle(futures: Sequence["asyncio.Future[None]"], outcomes: Sequence[Outcome]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():
            continue  # nobody waits any more
        if outcome is None:
            future.set_result(None)
        else:
            future.set_exception(outcome)
