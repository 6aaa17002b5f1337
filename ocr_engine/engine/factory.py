"""From the config to an engine. vLLM is imported only when it is the one asked for, and only at start."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import psutil

from ocr_engine.config import Config, EngineConfig
from ocr_engine.engine.base import Engine
from ocr_engine.engine.checkpoint import AUTO, NANO
from ocr_engine.engine.devices import cuda_gpu_visible, visible_gpus
from ocr_engine.engine.engine_process import EngineProcess
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.engine.replicas import (
    PAGES_AN_ENGINE,
    THREADS_VARIABLE,
    ReplicaSet,
    cpu_engines,
    environments,
)
from ocr_engine.engine.sizes import cpu_cores, cpu_threads
from ocr_engine.engine.supervisor import Rules, SupervisedEngine, WatchableEngine


def create_engine(config: Config) -> Engine:
    """The engine of `engine.backend`, not started yet."""
    if config.engine.backend == "replay":
        folder = config.engine.replay_from
        return ReplayEngine(Path(folder).expanduser() if folder else None, config.engine.replay_delay_s)
    if config.engine.backend == "server":
        from ocr_engine.engine.server.engine import ServerEngine

        return ServerEngine(config.engine, config.max_tiles, config.mode)
    rules = Rules(config.engine.hang_timeout_s, config.engine.max_deaths)
    scores = config.quality.confidence
    make = partial(_vllm_engine, config.engine, scores=scores)
    gpus = visible_gpus() if cuda_gpu_visible() else ()
    if (count := _nano_engines(config.engine, gpus)) > 1:
        return _nano_set(config.engine, rules, count, scores=scores)
    replicas = environments(config.engine.replicas, gpus, cpu_threads())
    if len(replicas) == 1:
        return SupervisedEngine(make, rules)
    return ReplicaSet([SupervisedEngine(partial(EngineProcess, make, env), rules) for env in replicas])


def _nano_engines(config: EngineConfig, gpus: Sequence[str]) -> int:
    """How many engines `replicas: auto` may run here; 1 but for nano on a CPU."""
    if config.replicas != "auto" or gpus or config.model not in (AUTO, NANO):
        return 1
    return cpu_engines(cpu_cores(), psutil.virtual_memory().available)


def _nano_set(config: EngineConfig, rules: Rules, count: int, *, scores: bool) -> ReplicaSet:
    """The first engine as a run with one has it, in this process; the others each in their own."""
    environment, *others = environments(count, (), cpu_threads())
    make = partial(_vllm_engine, config, int(environment[THREADS_VARIABLE]), scores=scores)
    makes: list[Callable[[], WatchableEngine]] = [
        make,
        *(partial(EngineProcess, make, other) for other in others),
    ]
    return ReplicaSet([SupervisedEngine(each, rules) for each in makes], pages_each=PAGES_AN_ENGINE)


def _vllm_engine(config: EngineConfig, threads: int = 0, *, scores: bool = False) -> WatchableEngine:
    from ocr_engine.engine.vllm.engine import VllmEngine

    return VllmEngine(config, threads, scores=scores)
