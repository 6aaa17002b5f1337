"""One worker process with a pipe of its own: callables in, results out, killed when it takes too long.

A pool on one shared pipe stalls as a whole when a worker is killed in the middle of a result; here a dead
worker is an end of file on its own pipe. Knows neither documents nor pages.
"""

import contextlib
import ctypes
import importlib
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from ocr_engine.processes import shared_memory

START_TIMEOUT_S = 120.0
_ORPHAN_GRACE_S = 30.0
_RETIRE_SHARE = 0.5
_MB = 1_000_000
_M_ARENA_MAX = -8
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1 << 17
_PR_SET_PDEATHSIG = 1
_READY = "ready"
_BOOT = "import sys; sys.path[:] = {path!r}; from ocr_engine.processes.worker import serve; serve({args})"
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


class WorkerTimeoutError(Exception):
    """The call took longer than its time; the worker was killed."""


class WorkerDiedError(Exception):
    """The worker ended in the middle of a call; the message says how."""


@dataclass(frozen=True)
class _Reply:
    value: Any = None
    error: BaseException | None = None
    retiring: bool = False


class Worker:
    """A child process that runs one callable at a time. Use from one thread; `kill` from any."""

    def __init__(self, memory_mb: int, preload: Sequence[str] = (), *, dies_with_us: bool = False) -> None:
        """Start the process, which imports the modules of `preload` it finds. The first call waits for it.

        With `dies_with_us` the kernel kills it as soon as the thread that starts it ends, in the middle of a
        call, too (Linux); else what is being done is finished.
        """
        self._connection, theirs = Pipe()
        self._answers = select.poll()
        self._answers.register(self._connection, select.POLLIN)
        self._process = _started(theirs, memory_mb, preload, os.getpid() if dies_with_us else 0)
        theirs.close()
        self._ready = False
        self.retired = False

    def call(self, function: Callable[[], Any], timeout_s: float) -> Any:
        """The result of `function()`, run in the worker; its exception is raised here.

        Raises:
            WorkerTimeoutError: no result in `timeout_s`; the worker is gone.
            WorkerDiedError: the worker died, or was not ready in `START_TIMEOUT_S`; it is gone.
        """
        if not self._ready:
            self._wait_until_ready()
        message = shared_memory.pack((timeout_s + _ORPHAN_GRACE_S, function))
        try:
            shared_memory.send(self._connection, message)
        except OSError:
            raise WorkerDiedError(self._end()) from None
        reply = self._receive(timeout_s)
        self.retired = reply.retiring
        if reply.error is not None:
            raise reply.error
        return reply.value

    def kill(self) -> None:
        """End the process now, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """End the process and forget it."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _wait_until_ready(self) -> None:
        try:
            self._receive(START_TIMEOUT_S)
        except WorkerTimeoutError:
            # No call has taken long: what was to be done is not to blame.
            raise WorkerDiedError(f"did not start in {START_TIMEOUT_S:g} s (overloaded machine?)") from None
        self._ready = True

    def _receive(self, timeout_s: float) -> Any:
        try:
            if self._answers.poll(1_000 * timeout_s):
                return shared_memory.receive(self._connection)
        except (EOFError, OSError):
            raise WorkerDiedError(self._end()) from None
        self.close()
        raise WorkerTimeoutError(f"took longer than {timeout_s:g} s")

    def _end(self) -> str:
        """How the process ended, in words."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self.close()
            return "stopped answering"
        self._connection.close()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _started(
    theirs: Connection, memory_mb: int, preload: Sequence[str], parent: int
) -> "subprocess.Popen[bytes]":
    """The process, which serves the other end of this connection."""
    arguments = f"{theirs.fileno()}, {memory_mb}, {tuple(preload)!r}, {parent}"
    code = _BOOT.format(path=sys.path, args=arguments)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        pass_fds=[theirs.fileno()],
        env={**os.environ, **_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # MuPDF, PDFium and libtiff print what they think of a file
        stderr=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C is for the main process, which then ends its workers in order
    )


def serve(fd: int, memory_mb: int, preload: Sequence[str], parent: int = 0) -> None:
    """The worker's life: run callables from the pipe until it is closed, or until `parent` is gone."""
    if parent:
        die_with(parent)
    connection = Connection(fd)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Counts private memory, which is what a process takes from others; address space is a poor measure of it.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb * _MB, memory_mb * _MB))
    for module in preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    shared_memory.send(connection, shared_memory.pack(_READY))
    while True:
        try:
            message = shared_memory.arrival(connection)
        except (EOFError, OSError):
            return
        reply = _run(message, memory_mb)
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            shared_memory.send(connection, reply)
        except OSError:
            return


def die_with(parent: int) -> None:
    """End this process as soon as `parent`, its parent, has ended (Linux); at once where it already has.

    What writes files must not outlive a run that was killed: the next one writes the same files.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _run(message: shared_memory.Arrived, memory_mb: int) -> shared_memory.Packed:
    try:
        alarm_s, function = message.value()
        # If the main process dies while this one hangs in C code, nobody is left to kill it but the kernel.
        signal.setitimer(signal.ITIMER_REAL, alarm_s)
        reply = _Reply(function())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in the main process
        reply = _Reply(error=error)
    reply = _Reply(reply.value, reply.error, _has_grown(memory_mb))
    try:
        return shared_memory.pack(reply)
    except Exception as error:  # noqa: BLE001 - a result or an error that cannot travel
        return shared_memory.pack(
            _Reply(error=RuntimeError(f"{type(error).__name__}: {error}"), retiring=True)
        )


def _has_grown(memory_mb: int) -> bool:
    """Whether the process stays large once glibc, which hoards freed pieces, has given them back."""
    limit = _RETIRE_SHARE * memory_mb * _MB
    if _rss_bytes() <= limit:
        return False
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
    return _rss_bytes() > limit


def keep_heap_small() -> None:
    """Have glibc keep two heaps for all threads and return large blocks, which are pages, once they are free.

    Left alone it gives each thread a heap and keeps freed blocks up to 32 MB: the heaps fill with holes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _rss_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no /proc on macOS
        return 0
    return pages * resource.getpagesize()
