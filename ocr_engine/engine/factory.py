"""From the config to an engine. vLLM is imported only when it is the one asked for, and only at start."""

from pathlib import Path

from ocr_engine.config import Config
from ocr_engine.engine.base import Engine
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.engine.supervisor import Rules, SupervisedEngine


def create_engine(config: Config) -> Engine:
    """The engine of `engine.backend`, not started yet."""
    if config.engine.backend == "replay":
        folder = config.engine.replay_from
        return ReplayEngine(Path(folder).expanduser() if folder else None)
    if config.engine.backend == "server":
        from ocr_engine.engine.server import ServerEngine

        return ServerEngine(config.engine, config.max_tiles)
    from ocr_engine.engine.vllm_engine import VllmEngine

    rules = Rules(config.engine.hang_timeout_s, config.engine.max_deaths)
    return SupervisedEngine(lambda: VllmEngine(config.engine), rules)
