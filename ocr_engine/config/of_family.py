"""What `auto` stands for: the values that the model family in use has."""

from dataclasses import replace

from ocr_engine.config.engine_schema import NgramConfig
from ocr_engine.config.schema import Config
from ocr_engine.errors import UsageError
from ocr_engine.families import FAMILIES, OCR, Together, view_tokens

_PROMPT_TOK = 16
"""Tokens of a prompt beside its pages' at most."""


def for_family(config: Config, family: str) -> Config:
    """The config with the family's values in place of `auto`: what pages are read with, and known by.

    Raises:
        UsageError: its guard with what else is set could never ban anything, or it does not read several
            pages in one request.
    """
    pages_together(config, family)
    size, window = guard_of(config.engine.ngram, family)
    if not can_ban(size, window):
        raise UsageError(f"engine.ngram: {no_guard(size, window)}")
    ngram = replace(config.engine.ngram, size=size, window=window)
    tiles = config.max_tiles
    if tiles == "auto":
        tiles = max(mode.max_tiles for mode in FAMILIES[family].modes.values())
    return replace(config, max_tiles=tiles, engine=replace(config.engine, ngram=ngram))


def pages_together(config: Config, family: str, max_model_len: int = 0) -> int:
    """How many pages of a document are read in one request (`pages_per_request`).

    `document` is as many as fit with room for an answer of some 1,000 tokens a page. `max_model_len` is the
    engine's, 0 where it has no limit.

    Raises:
        UsageError: the family reads one page a request, or not so many, or so many do not fit.
    """
    if config.pages_per_request == 1:
        return 1
    known = FAMILIES[family]
    together = known.together
    if together is None:
        can = ", ".join(name for name, one in FAMILIES.items() if one.together)
        raise UsageError(
            f"pages_per_request: {config.pages_per_request}: {family} reads"
            " one page per request; leave it at 1"
            f" (these read several: {can})"
        )
    limit = config.engine.max_model_len or max_model_len or known.max_model_len
    page_tok = _page_tok(known.modes[together.mode].base_size_px)
    if config.pages_per_request == "document":
        return max(1, min(together.max_pages, (limit - _PROMPT_TOK) // (page_tok + together.answer_tok)))
    fitting = min(together.max_pages, (limit - _PROMPT_TOK) // (page_tok + 1))
    if config.pages_per_request > fitting:
        raise UsageError(
            f"pages_per_request: {config.pages_per_request}: at most {fitting} pages of {page_tok} tokens fit"
            f" in one request ({family}: {together.max_pages} in training, engine.max_model_len is {limit})"
        )
    return config.pages_per_request


def _page_tok(base_size_px: int) -> int:
    return view_tokens(base_size_px, base_size_px, 1, 1)


def for_pages_together(config: Config, together: Together) -> Config:
    """What several pages are asked for with in one request: the mode, prompt and guard trained for that."""
    ngram = config.engine.ngram
    window = max(ngram.window, together.ngram_window) if isinstance(ngram.window, int) else ngram.window
    engine = replace(config.engine, ngram=replace(ngram, window=window))
    return replace(config, mode=together.mode, prompt=together.prompt, engine=engine)


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
