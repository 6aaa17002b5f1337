"""What surrounds vLLM: its environment, its log, and the one line that says why it failed.

Nothing here happens at import: a program that only imports the project keeps its environment.
"""

import importlib.metadata
import json
import logging.config
import multiprocessing
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ocr_engine.errors import EngineError
from ocr_engine.log import ENGINE_LOG_VARIABLE, printable

PLUGIN_GROUP, PLUGIN = "vllm.general_plugins", "ocr_engine.engine.vllm.register:register"
"""The entry point by which vLLM's processes know our model classes."""

_LOG_FORMAT = "%(asctime)s %(processName)s %(levelname)s %(name)s: %(message)s"
_ERROR_LINE = re.compile(
    rb"^(?:[A-Za-z_][\w.]*\.)?([A-Za-z_]\w*(?:Error|Exception|Exit)): (.+)$", re.MULTILINE
)
_SECOND_HAND = (b"Engine core initialization failed", b"EngineCore encountered an issue")
_LOGGING_VARIABLE = "VLLM_LOGGING_CONFIG_PATH"
_KILL_EVERY_S = 0.2
_TAIL_BYTES = 400_000
_REMEDIES = (
    ("memory", "free memory, or lower engine.max_num_seqs, engine.max_model_len or engine.kv_cache_gb"),
    ("CUDA", "check the GPU and its driver with nvidia-smi, or run on the CPU with CUDA_VISIBLE_DEVICES="),
    ("weight", "check that engine.model is an unchanged DeepSeek-OCR checkpoint"),
)


def plugin_names() -> list[str]:
    """Names of the installed entry points that register our models; empty where there is none."""
    points = importlib.metadata.entry_points(group=PLUGIN_GROUP)
    return [point.name for point in points if point.value.replace(" ", "") == PLUGIN]


def check_plugin() -> None:
    """Refuse a start that would end in words of vLLM's that help nobody.

    Raises:
        EngineError: this environment has no entry point of ours, or `VLLM_PLUGINS` leaves it out.
    """
    names, allowed = plugin_names(), os.environ.get("VLLM_PLUGINS")
    if not names:
        raise EngineError(
            f"vLLM does not know this project's models: the entry point {PLUGIN} ({PLUGIN_GROUP}) is not"
            " installed in this environment; in the project's folder: pip install --no-deps -e ."
        )
    if allowed is not None and not set(names) & set(allowed.split(",")):
        raise EngineError(f"VLLM_PLUGINS leaves out this project's models: add {names[0]} to it, or unset it")


def set_environment(folder: Path, threads: int, *, gpu: bool) -> Path:
    """Set what vLLM reads from the environment before it is imported.

    Variables the user set are kept, save those that this engine relies on.

    Returns:
        The log file that all processes of the engine write to.
    """
    log = folder / "engine.log"
    log.touch()
    logging_config = folder / "logging.json"
    logging_values = _logging_config(log)
    logging_config.write_text(json.dumps(logging_values), encoding="utf-8")
    logging.config.dictConfig(logging_values)
    os.environ |= {
        ENGINE_LOG_VARIABLE: str(log),
        _LOGGING_VARIABLE: str(logging_config),
        "VLLM_CONFIGURE_LOGGING": "1",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        # Each guard is written for one runner; the other refuses it.
        "VLLM_USE_V2_MODEL_RUNNER": "1" if gpu else "0",
    }
    # Advice for programmers on tokenizers is no line for a user's terminal.
    defaults = {
        "VLLM_NO_USAGE_STATS": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error",
    }  # fmt: skip
    if not gpu:
        # torch says on the terminal that it misses a library no CPU needs.
        logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
        # The worker lives in the engine's process, which saves a third of start-up and a third of memory.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        defaults["OMP_NUM_THREADS"] = str(threads)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    return log


def clear_environment(log: Path) -> None:
    """Forget the variables that name this engine's folder, before it goes: a later vLLM would read them."""
    for name in (ENGINE_LOG_VARIABLE, _LOGGING_VARIABLE):
        if Path(os.environ.get(name, "")).parent == log.parent:
            del os.environ[name]


def _logging_config(log: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": _LOG_FORMAT}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": str(log), "formatter": "plain"},
        },
        "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }


def why_failed(error: BaseException, log: Path) -> str:
    """One line: the first-hand cause, found in the log where vLLM only says that a process failed."""
    text = f"{type(error).__name__}: {error}".encode()
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = file.read() + b"\n" + text
    found = [match for match in _ERROR_LINE.finditer(text) if not match[2].startswith(_SECOND_HAND)]
    cause = found[-1][0].decode("utf-8", "replace") if found else f"{type(error).__name__}: {error}"
    remedy = next((advice for word, advice in _REMEDIES if word in cause), "see the log")
    return f"{printable(cause)}; {remedy} (log: {log})"


class StepCounter:
    """Counts what arrives from the engine's process, a scheduler step at a time, streamed or not."""

    def __init__(self) -> None:
        self.value = 0

    def attach(self, engine_core: Any) -> None:
        """Count from now on what this client of the engine's process receives."""
        receive = engine_core.get_output_async

        async def counted() -> Any:
            outputs = await receive()
            self.value += 1
            return outputs

        engine_core.get_output_async = counted


class Start:
    """A start in a thread, which cannot be cancelled: given up, it loses the processes that it starts."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self.abandoned = False
        """Whether nobody waits for the start any more."""

    def run(self, start: Callable[[], None]) -> None:
        """Call `start`; once, in the thread."""
        try:
            start()
        finally:
            self._ended.set()

    def abandon(self) -> None:
        """End the engine's processes, those included that the thread is still about to start."""
        self.abandoned = True
        kill_engine_processes()
        threading.Thread(target=self._kill_until_ended, daemon=True).start()

    def _kill_until_ended(self) -> None:
        while not self._ended.wait(_KILL_EVERY_S):
            kill_engine_processes()
        kill_engine_processes()


def kill_engine_processes() -> None:
    """End the engine processes this process started, for a start that hangs."""
    for process in multiprocessing.active_children():
        if process.name.startswith(("EngineCore", "VllmWorker", "Worker")):
            process.kill()
            process.join(10)
