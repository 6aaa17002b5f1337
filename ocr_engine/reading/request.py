"""Makes the requests to the engine for a page or a figure: mode, prompt and limits."""

from dataclasses import replace

from ocr_engine.config import Config, guard_of
from ocr_engine.errors import UsageError
from ocr_engine.families import (
    AUTO,
    FAMILIES,
    LOCATE_SLOT,
    OCR,
    Mode,
    auto_modes,
    prompt_names,
    resolve_mode,
)
from ocr_engine.reading.auto_mode import AutoMode
from ocr_engine.records import (
    GenerationRequest,
    PageViews,
)


def sends_png(config: Config) -> bool:
    """Whether pages are sent to a server as PNG images, which are then needed beside the views."""
    return config.engine.backend == "server" and config.engine.server.images == "png"


def figure_request(config: Config, views: PageViews, request_id: str, family: str) -> GenerationRequest:
    """The request for a cropped figure."""
    return request_for(replace(config, prompt="figure"), views, request_id, family=family)


def mode_of(config: Config, family: str) -> Mode | AutoMode:
    """The configured mode with its tile limit; with `mode: auto` what chooses each page's.

    Raises:
        UsageError: the model family has no such mode.
    """
    max_tiles = None if config.max_tiles == "auto" else config.max_tiles
    if config.mode == AUTO:
        return AutoMode(auto_modes(max_tiles, family), config.auto_mode)
    return resolve_mode(config.mode, max_tiles, family)


def prompt_of(config: Config, family: str = OCR) -> str:
    """The exact prompt: an official one by its name, with the text to find filled in, or a custom one.

    Raises:
        UsageError: another model family has a prompt of that name, this one has not.
    """
    prompts = FAMILIES[family].prompts
    if config.prompt not in prompts and config.prompt in prompt_names():
        raise UsageError(f"prompt {config.prompt!r}: {family} was trained with: {', '.join(prompts)}")
    prompt = prompts.get(config.prompt, config.prompt)
    return prompt.replace(LOCATE_SLOT, config.find) if config.prompt == "locate" else prompt


def request_for(
    config: Config,
    views: PageViews,
    request_id: str,
    temperature: float = 0.0,
    *,
    family: str = OCR,
    draft: bytes | str = b"",
) -> GenerationRequest:
    """The request for these views of a page."""
    engine = config.engine
    ngram_size, ngram_window = guard_of(engine.ngram, family)
    return GenerationRequest(
        request_id=request_id,
        views=views,
        prompt=prompt_of(config, family),
        max_tokens=engine.max_tokens,
        ngram_size=ngram_size,
        ngram_window=ngram_window,
        abort_loops=config.quality.loop_abort,
        temperature=temperature,
        draft=draft,
        scores=config.quality.confidence,
    )
