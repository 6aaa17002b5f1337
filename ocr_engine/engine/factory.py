"""From the config to an engine. vLLM is imported only when it is the one asked for, and only at start."""

from functools import partial
from pathlib import Path

from ocr_engine.config import Config, EngineConfig
from ocr_engine.engine.base import Engine
from ocr_engine.engine.checkpoint import cuda_gpu_visible
from ocr_engine.engine.engine_process import EngineProcess
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.engine.replicas import ReplicaSet, environments, visible_gpus
from ocr_engine.engine.sizes import cpu_threads
from ocr_engine.engine.supervisor import Rules, SupervisedEngine, WatchableEngine


def create_engine(config: Config) -> Engine:
    """The engine of `engine.backend`, not started yet."""
    if config.engine.backend == "replay":
        folder = config.engine.replay_from
        return ReplayEngine(Path(folder).expanduser() if folder else None)
    if config.engine.backend == "server":
        from ocr_engine.engine.server.engine import ServerEngine

        return ServerEngine(config.engine, config.max_tiles)
    rules = Rules(config.engine.hang_timeout_s, config.engine.max_deaths)
    make = partial(_vllm_engine, config.engine)
    gpus = visible_gpus() if cuda_gpu_visible() else ()
    replicas = environments(config.engine.replicas, gpus, cpu_threads())
    if len(replicas) == 1:
        return SupervisedEngine(make, rules)
    return ReplicaSet([SupervisedEngine(partial(EngineProcess, make, env), rules) for env in replicas])


def _vllm_engine(config: EngineConfig) -> WatchableEngine:
    from ocr_engine.engine.vllm_engine import VllmEngine

    return VllmEngine(config)
