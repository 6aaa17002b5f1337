"""Workers forked from a process that has their imports, which are most of a worker's time on a short file.

For tests of what runs do with workers' answers. Tests of a worker's process, and of commands, start it as the
product does.
"""

import multiprocessing
import os
import subprocess
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from ocr_engine.pages.pool import PRELOAD
from ocr_engine.processes import worker

IMPORTED = (
    *PRELOAD, "ocr_engine.conversion.pipeline", "ocr_engine.conversion.export_workers",
    "ocr_engine.outputs.thumbnail", "markdown_it",
    "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin", __name__,
)  # fmt: skip
"""What a worker imports before its first page has come back."""

spawned = worker._started
_forking = multiprocessing.get_context("forkserver")
# Whoever starts a process asks after all others, and what ended is told once.
_asking = threading.Lock()


class ForkedWorker:
    """What a `Worker` asks of its process."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid

    def kill(self) -> None:
        with _asking:
            self._process.kill()

    def wait(self, timeout_s: float | None = None) -> int | None:
        wait([self._process.sentinel], timeout_s)
        with _asking:
            code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("worker", timeout_s or 0)
        return code


def started(theirs: Connection, memory_mb: int, preload: Sequence[str], parent: int) -> object:
    """As `worker._started`; one that dies with its parent has to be its child."""
    if parent:
        return spawned(theirs, memory_mb, preload, parent)
    arguments = (theirs, memory_mb, tuple(preload), dict(os.environ))
    process = _forking.Process(target=_serve, args=arguments, daemon=True)
    with _asking:
        process.start()
    return ForkedWorker(process)


def start_server() -> None:
    """Have the process from which workers are forked begin to import, with the environment of a worker."""
    before = dict(os.environ)
    os.environ |= worker._ENVIRONMENT
    try:
        _forking.set_forkserver_preload(list(IMPORTED))
        multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(theirs: Connection, memory_mb: int, preload: Sequence[str], environment: dict[str, str]) -> None:
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment | worker._ENVIRONMENT)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nowhere, fd)
    worker.serve(os.dup(theirs.fileno()), memory_mb, preload)
