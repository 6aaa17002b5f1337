"""The config: YAML -> frozen dataclasses -> overrides -> checked. Knows every key, does no work."""

from ocr_engine.config.addresses import without_credentials
from ocr_engine.config.engine_schema import EngineConfig, NgramConfig, RetryStep, ServerConfig, step_ngram
from ocr_engine.config.keys import all_keys, as_dict, fingerprint
from ocr_engine.config.loading import default_file, find_file, load, parse_override
from ocr_engine.config.of_family import for_family, for_pages_together, guard_of, pages_together
from ocr_engine.config.schema import (
    AUTO_READ_KEYS,
    CONFIDENCE_KEYS,
    READ_KEYS,
    WRITE_KEYS,
    AutoModeConfig,
    ClusterConfig,
    Config,
    FiguresConfig,
    HabitName,
    InputConfig,
    LimitsConfig,
    OutputConfig,
    QualityConfig,
    RenderConfig,
    TextConfig,
    WatchConfig,
    read_keys,
)

__all__ = [
    "AUTO_READ_KEYS",
    "AutoModeConfig",
    "CONFIDENCE_KEYS",
    "ClusterConfig",
    "Config",
    "EngineConfig",
    "FiguresConfig",
    "HabitName",
    "InputConfig",
    "LimitsConfig",
    "NgramConfig",
    "OutputConfig",
    "QualityConfig",
    "READ_KEYS",
    "RenderConfig",
    "RetryStep",
    "ServerConfig",
    "TextConfig",
    "WRITE_KEYS",
    "WatchConfig",
    "all_keys",
    "as_dict",
    "default_file",
    "find_file",
    "fingerprint",
    "for_family",
    "for_pages_together",
    "guard_of",
    "load",
    "pages_together",
    "parse_override",
    "read_keys",
    "step_ngram",
    "without_credentials",
]
