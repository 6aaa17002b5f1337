"""Makes the requests to the engine for a page or a figure: mode, prompt and limits."""

from dataclasses import replace

from ocr_engine.config import Config
from ocr_engine.families import AUTO, LOCATE_SLOT, PROMPTS, Mode, auto_modes, resolve_mode
from ocr_engine.reading.auto_mode import AutoMode
from ocr_engine.records import (
    GenerationRequest,
    PageViews,
)


def sends_png(config: Config) -> bool:
    """Whether pages are sent to a server as PNG images, which are then needed beside the views."""
    return config.engine.backend == "server" and config.engine.server.images == "png"


def figure_request(config: Config, views: PageViews, request_id: str) -> GenerationRequest:
    """The request for a cropped figure."""
    return replace(request_for(config, views, request_id), prompt=PROMPTS["figure"])


def mode_of(config: Config, family: str) -> Mode | AutoMode:
    """The configured mode with its tile limit; with `mode: auto` what chooses each page's.

    Raises:
        UsageError: the model family has no such mode.
    """
    if config.mode == AUTO:
        return AutoMode(auto_modes(config.max_tiles, family), config.auto_mode)
    return resolve_mode(config.mode, config.max_tiles, family)


def prompt_of(config: Config) -> str:
    """The exact prompt: an official one by its name, with the text to find filled in, or a custom one."""
    prompt = PROMPTS.get(config.prompt, config.prompt)
    return prompt.replace(LOCATE_SLOT, config.find) if config.prompt == "locate" else prompt


def request_for(
    config: Config, views: PageViews, request_id: str, temperature: float = 0.0
) -> GenerationRequest:
    """The request for these views of a page."""
    engine = config.engine
    return GenerationRequest(
        request_id=request_id,
        views=views,
        prompt=prompt_of(config),
        max_tokens=engine.max_tokens,
        ngram_size=engine.ngram.size,
        ngram_window=engine.ngram.window,
        abort_loops=config.quality.loop_abort,
        temperature=temperature,
    )
