"""The config: YAML -> frozen dataclasses -> overrides -> checked. Knows every key, does no work."""

from ocr_engine.config.addresses import without_credentials
from ocr_engine.config.keys import all_keys, as_dict, fingerprint
from ocr_engine.config.loading import default_file, find_file, load, parse_override
from ocr_engine.config.of_family import for_family, guard_of
from ocr_engine.config.schema import (
    AUTO_READ_KEYS,
    READ_KEYS,
    WRITE_KEYS,
    AutoModeConfig,
    ClusterConfig,
    Config,
    EngineConfig,
    FiguresConfig,
    HabitName,
    InputConfig,
    NgramConfig,
    OutputConfig,
    QualityConfig,
    RenderConfig,
    RetryStep,
    ServerConfig,
    TextConfig,
    read_keys,
    step_ngram,
)

__all__ = [
    "AUTO_READ_KEYS",
    "AutoModeConfig",
    "ClusterConfig",
    "Config",
    "EngineConfig",
    "FiguresConfig",
    "HabitName",
    "InputConfig",
    "NgramConfig",
    "OutputConfig",
    "QualityConfig",
    "READ_KEYS",
    "RenderConfig",
    "RetryStep",
    "ServerConfig",
    "TextConfig",
    "WRITE_KEYS",
    "all_keys",
    "as_dict",
    "default_file",
    "find_file",
    "fingerprint",
    "for_family",
    "guard_of",
    "load",
    "parse_override",
    "read_keys",
    "step_ngram",
    "without_credentials",
]
