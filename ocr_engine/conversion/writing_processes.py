"""Processes that write pages and merge documents for one run. A document is always the same one's.

So the pages of a document keep their order, and no two processes write to one folder.
"""

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path, PurePosixPath

from ocr_engine.config import Config
from ocr_engine.conversion.page_saving import EndedDocument, PageToSave, Written, write_here
from ocr_engine.processes.worker import Worker
from ocr_engine.reading.finish import frozen

MAX_PROCESSES, CORES_EACH = 4, 16
"""One keeps up with a GPU or four; a machine with eight has the cores for more."""
_TIMEOUT_S = 600.0
_Share = tuple[list[int], list[int]]
"""Which of the pages, and which of the documents, are a process's."""
_PRELOAD = ("ocr_engine.conversion.page_saving",)


def wanted(cores: int | None = None) -> int:
    """How many a run has on a machine of so many cores, or on this one."""
    return max(1, min(MAX_PROCESSES, (cores or os.cpu_count() or 1) // CORES_EACH))


class WritingProcesses:
    """The processes of one run. Use from one thread."""

    def __init__(self, config: Config, root: Path, count: int) -> None:
        """They start now; the first calls wait for them."""
        self._root, self._frozen = root, frozen(config)
        # A worker dies with the thread that started it: these live until `close`.
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="writing")
        start = partial(Worker, config.render.worker_memory_mb, _PRELOAD, dies_with_us=True)
        self._workers: list[Worker] = [self._threads.submit(start).result() for _ in range(count)]

    def write(self, pages: Sequence[PageToSave], ended: Sequence[EndedDocument]) -> Written:
        """As `PageFiles.write`, shared among the processes by document.

        Raises what that raises, and WorkerDiedError or WorkerTimeoutError; `close` is then all that is left.
        """
        written = Written([b""] * len(pages), [[] for _ in ended])
        calls = [
            (share, self._threads.submit(self._call, worker, share, pages, ended))
            for worker, share in zip(self._workers, self._shares(pages, ended), strict=True)
            if any(share)
        ]
        wait([call for _, call in calls])  # a process that still writes must not be closed
        for (some_pages, some_ended), call in calls:
            part = call.result()
            for at, line in zip(some_pages, part.lines, strict=True):
                written.lines[at] = line
            for at, made in zip(some_ended, part.made, strict=True):
                written.made[at] = made
        return written

    def close(self) -> None:
        """End them, whatever they do."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown()

    def _shares(self, pages: Sequence[PageToSave], ended: Sequence[EndedDocument]) -> list[_Share]:
        shares: list[_Share] = [([], []) for _ in self._workers]
        for at, page in enumerate(pages):
            shares[_number(page.folder) % len(shares)][0].append(at)
        for at, document in enumerate(ended):
            shares[_number(document.folder) % len(shares)][1].append(at)
        return shares

    def _call(
        self, worker: Worker, share: _Share, pages: Sequence[PageToSave], ended: Sequence[EndedDocument]
    ) -> Written:
        items = [pages[at] for at in share[0]], [ended[at] for at in share[1]]
        written: Written = worker.call(partial(write_here, self._root, self._frozen, *items), _TIMEOUT_S)
        return written


def _number(folder: PurePosixPath) -> int:
    return zlib.crc32(str(folder).encode("utf-8", "surrogatepass"))
