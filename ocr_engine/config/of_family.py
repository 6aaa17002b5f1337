"""What `auto` stands for: the values that the model family in use has."""

from dataclasses import replace

from ocr_engine.config.schema import Config, NgramConfig
from ocr_engine.errors import UsageError
from ocr_engine.families import FAMILIES, OCR


def for_family(config: Config, family: str) -> Config:
    """The config with the family's values in place of `auto`: what pages are read with, and known by.

    Raises:
        UsageError: its guard with what else is set could never ban anything.
    """
    size, window = guard_of(config.engine.ngram, family)
    if not can_ban(size, window):
        raise UsageError(f"engine.ngram: {no_guard(size, window)}")
    ngram = replace(config.engine.ngram, size=size, window=window)
    tiles = config.max_tiles
    if tiles == "auto":
        tiles = max(mode.max_tiles for mode in FAMILIES[family].modes.values())
    return replace(config, max_tiles=tiles, engine=replace(config.engine, ngram=ngram))


def guard_of(ngram: NgramConfig, family: str = OCR) -> tuple[int, int]:
    """Size and window of the n-gram guard."""
    size, window = FAMILIES[family].ngram
    return size if ngram.size == "auto" else ngram.size, window if ngram.window == "auto" else ngram.window


def can_ban(size: int, window: int) -> bool:
    """Whether such a guard is off, or can ban anything."""
    return size == 0 or 2 <= size <= window


def no_guard(size: int, window: int) -> str:
    """What is wrong with a guard that cannot."""
    return (
        f"size {size}, window {window} can never ban anything; use size >= 2 and window >= size, or size 0 to"
        " turn the guard off"
    )
