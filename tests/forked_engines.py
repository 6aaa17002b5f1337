"""vLLM's processes forked from this one: a spawned one imports vLLM anew, which is most of an engine's start.

For tests of what an engine computes and what a run makes of it. Those of an engine's process and environment
spawn it, as the product does.
"""

import gc
import importlib
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkContext, ForkProcess

import psutil
import pytest


class _Forked(ForkProcess):
    """A child that is as a spawned one where it matters: vLLM goes through all modules when it starts."""

    def run(self) -> None:
        import torch

        # vLLM compiles what ranks tokens when it is first asked for scores: 6 s of CPU an engine.
        torch.compiler.set_stance("force_eager")
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
    gc.disable()
    try:
        for module in ("engine.async_llm", "worker.gpu_model_runner"):
            importlib.import_module(f"vllm.v1.{module}")
        importlib.import_module("vllm.model_executor.models.deepseek_v2")
    finally:
        gc.enable()


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
