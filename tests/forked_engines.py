"""vLLM's processes forked from this one: a spawned one imports vLLM anew, which is most of an engine's start.

For tests of what an engine computes and what a run makes of it. Those of an engine's process and environment
spawn it, as the product does.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkContext, ForkProcess
from pathlib import Path

import psutil
import pytest

from ocr_engine.processes import worker
from tests import forked_workers


class _Forked(ForkProcess):
    """A child that is as a spawned one where it matters: vLLM goes through all modules when it starts."""

    def run(self) -> None:
        warnings.simplefilter("ignore")  # pytest's make errors of them
        # A signal to this process is not the parent's, whose event loop reads the other end.
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for name, module in list(sys.modules.items()):
            if not _can_be_gone_through(module):
                del sys.modules[name]
        super().run()


def _can_be_gone_through(module):
    """Whether no value of it complains about being looked at, as other tests' web servers' do."""
    try:
        for value in list(vars(module).values()):
            hasattr(value, "__dict__")
    except Exception:  # noqa: BLE001 - whatever it complains of
        return False
    return True


class _Forking(ForkContext):
    Process = _Forked


@contextmanager
def forked_engines() -> Iterator[None]:
    """Engines that this process starts are forked."""
    import_engine()
    from vllm.v1.engine import utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "get_mp_context", _Forking)
        yield


def import_engine() -> None:
    """Import what an engine imports: each process that is forked later is spared that."""
    for module in ("engine.async_llm", "worker.gpu_model_runner"):
        importlib.import_module(f"vllm.v1.{module}")
    importlib.import_module("vllm.model_executor.models.deepseek_v2")


def engines_of(pid: int) -> list[psutil.Process]:
    """The engines that process `pid` has forked.

    vLLM names its processes; where setproctitle cannot, they have their parent's command line.
    """
    main = psutil.Process(pid)
    return [child for child in main.children(recursive=True) if _is_engine(child, main.cmdline())]


def _is_engine(child: psutil.Process, forked: list[str]) -> bool:
    try:
        return child.name().startswith("VLLM") or child.cmdline() == forked
    except psutil.NoSuchProcess:
        return False


class ForkedRun:
    """A command line in a child of this process, which forks its engines: vLLM's state stays there."""

    def __init__(self, main: Callable[[list[str]], int], words: Sequence[str | Path], stderr: Path) -> None:
        """Start it; what it says goes into the file `stderr`."""
        import_engine()
        self._process = _Forked(target=_run, args=(main, [str(word) for word in words], stderr))
        self._process.start()
        self.pid = self._process.pid
        self.stderr = stderr

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        return self._process.exitcode

    def wait(self, timeout_s: float) -> int:
        """The exit code. Kills it, and raises TimeoutError, where it does not end in time."""
        self._process.join(timeout_s)
        if (code := self._process.exitcode) is None:
            self._process.kill()
            raise TimeoutError(self.stderr.read_text())
        return code


def _run(main: Callable[[list[str]], int], words: list[str], stderr: Path) -> None:
    said = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    # pytest's own streams are of the parent.
    sys.stdout, sys.stderr = (open(fd, "w", buffering=1, closefd=False) for fd in (1, 2))  # noqa: SIM115
    # A child of another sends what it says to the engine's log; this one is a main process.
    multiprocessing.process._parent_process = None
    # The server that forks workers is a child of the parent's.
    worker._started = forked_workers.spawned
    code = 1
    try:
        with forked_engines():
            code = main(words)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the end of a program
        traceback.print_exc()
    # Nothing of the parent's is to be ended here.
    os._exit(code)
