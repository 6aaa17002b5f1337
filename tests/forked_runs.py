"""batch_pdf in processes forked from one that has imported vLLM: one import for the runs of all tests.

`python -m tests.forked_runs` is that process. pytest starts it with the first of its own, and it imports vLLM
when it is first asked for a run. pytest's own processes fork none: they have threads that write files, which
a child would wait for.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.places import ROOT

VARIABLE = "OCR_TESTS_FORKED_RUNS"
"""Environment variable with the socket of the process that forks; pytest's workers inherit it."""
_IMPORT_S = 240


@contextlib.contextmanager
def server() -> Iterator[None]:
    """The process that forks, for this process and all that it starts. Without effect where there is one."""
    if VARIABLE in os.environ:
        yield
        return
    with (
        # Not below TMPDIR: a socket's path has at most 107 bytes.
        tempfile.TemporaryDirectory(prefix="forked-runs-", dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX) as listening,
    ):
        os.environ[VARIABLE] = str(Path(folder) / "socket")
        listening.bind(os.environ[VARIABLE])
        listening.listen()
        command = [sys.executable, "-m", __name__, str(listening.fileno())]
        # It ends when nobody can write to it any more: also where this process is killed.
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[listening.fileno()]):
            yield


class ForkedRun:
    """A run of batch_pdf that forks its engines, too."""

    def __init__(self, words: Sequence[str | Path], stderr: Path) -> None:
        """Start it; what it says goes into the file `stderr`."""
        self._server = socket.socket(socket.AF_UNIX)
        self._server.settimeout(_IMPORT_S)
        self._server.connect(os.environ[VARIABLE])
        asked = {"words": list(map(str, words)), "stderr": str(stderr), "environment": dict(os.environ)}
        self._answers = self._server.makefile("rw")
        self._answers.write(json.dumps(asked) + "\n")
        self._answers.flush()
        self.pid, self.stderr = int(self._answers.readline()), stderr

    def poll(self) -> int | None:
        """The exit code of a run that has ended."""
        ended, _, _ = select.select([self._server], [], [], 0)
        return self.wait(1) if ended else None

    def wait(self, timeout_s: float) -> int:
        """The exit code, once. Kills it, and raises TimeoutError, where it does not end in time."""
        self._server.settimeout(timeout_s)
        try:
            return int(self._answers.readline())
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            raise TimeoutError(self.stderr.read_text()) from None
        finally:
            self._answers.close()
            self._server.close()


def _serve(listening: socket.socket) -> int:
    """Fork a run for each connection, until standard input ends; in a run, its exit code."""
    # The terminal's Ctrl-C is for the runs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        with connection:
            _import()
            _reap()
            if not os.fork():
                listening.close()
                return _watched_run(connection)
    return 0


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _import() -> None:
    from tests.forked_engines import import_engine

    import_engine()
    gc.freeze()


def _watched_run(connection: socket.socket) -> int:
    """A run, and who waits for it and says how it ended: both come back from here."""
    answers = connection.makefile("rw")
    asked = json.loads(answers.readline())
    pid = os.fork()
    if not pid:
        answers.close()
        connection.close()
        return _run(asked)
    print(pid, file=answers, flush=True)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # nobody waits any more
        print(code, file=answers, flush=True)
    os._exit(0)


def _run(asked: dict[str, Any]) -> int:
    from ocr_engine.cli.entries import batch_pdf
    from tests.forked_engines import forked_engines

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(asked["environment"])
    with open(os.devnull) as nothing, open(asked["stderr"], "wb") as said:  # noqa: PTH123
        for number, file in enumerate((nothing, said, said)):
            os.dup2(file.fileno(), number)
    with forked_engines():
        return batch_pdf(asked["words"])


if __name__ == "__main__":
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
