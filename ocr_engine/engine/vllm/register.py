"""The plug-in vLLM calls in each of its processes: our classes replace its own for our architectures."""

import contextlib
import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from ocr_engine.families import FAMILIES
from ocr_engine.log import ENGINE_LOG_VARIABLE


def register() -> None:
    """Put our classes into vLLM's registry. Cheap: the model code is imported when vLLM asks for it.

    In a process that our engine started, also send its output to the engine's log, keep the terminal's
    signals from it and tie its life to its parent's.
    """
    _register_classes()
    log = os.environ.get(ENGINE_LOG_VARIABLE)
    if log and multiprocessing.parent_process() is not None:
        _redirect_output(log)
        # Ctrl-C and a closed terminal are for the main process, which still needs the engine to finish.
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()


def _register_classes() -> None:
    # vLLM's own lazy registration would inspect the class in a process of its own, which costs seconds.
    from ocr_engine.engine.vllm.internals import ModelRegistry, _BaseRegisteredModel, _ModelInfo

    @dataclass(frozen=True)
    class ImportedWhenAsked(_BaseRegisteredModel):
        module: str
        name: str

        def load_model_cls(self) -> Any:
            import importlib

            return getattr(importlib.import_module(self.module), self.name)

        def inspect_model_cls(self) -> Any:
            return _ModelInfo.from_model_cls(self.load_model_cls())

    for family in FAMILIES.values():
        ModelRegistry.models[family.architecture] = ImportedWhenAsked(family.vllm_module, family.architecture)


def _redirect_output(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _exit_with_parent(parent: int) -> None:
    # An engine whose parent was killed would otherwise hold its memory for ever.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
