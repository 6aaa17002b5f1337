"""The model families: a record each, the modes and prompts they have, and how a page is cut for them.

Numbers and strings, numpy and PIL: render workers and vLLM's processes both import this.
"""

from collections.abc import Mapping
from dataclasses import replace

from ocr_engine.errors import UsageError
from ocr_engine.families import ocr, ocr2, unlimited
from ocr_engine.families.family import Family, Together
from ocr_engine.families.modes import PAD_COLOR, Mode, queries, view_tokens
from ocr_engine.families.prompts import LOCATE_SLOT, PROMPTS, READING_PROMPTS
from ocr_engine.families.tokens import (
    BOX_SCALE,
    NGRAM_MAX_SIZE,
    NGRAM_MAX_WHITELIST,
    NGRAM_MAX_WINDOW,
    NGRAM_WHITELIST,
    TOKENS,
    token_ids,
)

__all__ = [
    "AUTO", "BOX_SCALE", "FAMILIES", "LOCATE_SLOT", "MODES", "NGRAM_MAX_SIZE", "NGRAM_MAX_WHITELIST",
    "NGRAM_MAX_WINDOW", "NGRAM_WHITELIST", "OCR", "OCR2", "PAD_COLOR", "PROMPTS", "READING_PROMPTS", "TOKENS",
    "UNLIMITED",
    "Family", "Mode", "Together", "auto_modes", "family_of_architecture", "guessed_family", "mode_names",
    "prompt_names", "queries",
    "resolve_mode", "token_ids", "view_tokens",
]  # fmt: skip

OCR, OCR2, UNLIMITED = ocr.FAMILY.name, ocr2.FAMILY.name, unlimited.FAMILY.name
FAMILIES: dict[str, Family] = {family.name: family for family in (ocr.FAMILY, ocr2.FAMILY, unlimited.FAMILY)}
"""Every family by its name. The one list to add to."""
MODES: Mapping[str, Mode] = ocr.FAMILY.modes
"""The modes of DeepSeek-OCR."""


AUTO = "auto"
"""What stands for a mode where each page's is chosen (`reading.auto_mode`)."""


def auto_modes(max_tiles: int | None, family: str) -> tuple[Mode, ...]:
    """The modes of a model family that a page's is chosen from. Raises UsageError, as `resolve_mode`."""
    known = FAMILIES[family]
    return tuple(resolve_mode(name, max_tiles, family) for name in known.auto or known.modes)


def mode_names() -> tuple[str, ...]:
    """Every name of a mode that some family has, in the order of the families."""
    return tuple(dict.fromkeys(name for family in FAMILIES.values() for name in family.modes))


def prompt_names() -> tuple[str, ...]:
    """Every name of a prompt that some family has, in the order of the families."""
    return tuple(dict.fromkeys(name for family in FAMILIES.values() for name in family.prompts))


def family_of_architecture(architecture: object) -> Family | None:
    """The family of a checkpoint whose config.json names this class."""
    return next((family for family in FAMILIES.values() if family.architecture == architecture), None)


def guessed_family(name: str) -> str:
    """The family that a checkpoint's name hints at, DeepSeek-OCR where it hints at none.

    For where there is no config.json: a hub id that is not here yet, the name a server gives its model.
    """
    name = name.lower()
    newest_first = reversed(FAMILIES.values())
    return next((one.name for one in newest_first if any(hint in name for hint in one.hints)), OCR)


def resolve_mode(mode: Mode | str, max_tiles: int | None = None, family: str = OCR) -> Mode:
    """The mode of that name in a model family, with its tile limit replaced where `max_tiles` is given.

    Raises:
        UsageError: the name is unknown, or the family has no such mode or not so many tiles.
    """
    if isinstance(mode, str):
        mode = _mode_of_family(mode, FAMILIES[family])
    if max_tiles is None:
        return mode
    most = FAMILIES[mode.family].max_tiles
    if max_tiles > most:
        raise UsageError(f"max_tiles: {max_tiles}: {mode.family} was trained with at most {most} tiles")
    return replace(mode, max_tiles=max_tiles)


def _mode_of_family(name: str, family: Family) -> Mode:
    if name in family.modes:
        return family.modes[name]
    known = ", ".join(family.modes)
    if name in mode_names():
        sizes = {px for mode in family.modes.values() for px in (mode.base_size_px, mode.tile_size_px)}
        words = " and ".join(map(str, sorted(sizes)))
        raise UsageError(f"mode {name!r}: {family.name} knows views of {words} px alone (one of: {known})")
    raise UsageError(f"mode {name!r}: unknown (one of: {known})")
