"""What every engine offers: say what it is, start, one awaitable call a page, stop. Knows nothing of vLLM."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ocr_engine.families import FAMILIES, OCR
from ocr_engine.records import Generation, GenerationRequest, PageViews

OnText = Callable[[str], None]
"""Takes the new pieces of an answer's text, in order, as they appear."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself, before it is started."""

    model: str
    """The checkpoint in use: a folder, a hub id, `nano` or `replay`."""
    reason: str
    """One line for people: which model, and why this one."""
    dtype: str
    max_model_len: int
    """Prompt and output tokens of a request together; 0 where there is no limit."""
    capacity: int
    """Requests in flight that keep the engine busy."""
    model_id: str
    """Hash of weights and config, for page fingerprints."""
    family: str = OCR
    """The model family, which decides the modes there are: one of `families.FAMILIES`."""
    tokenizer: str | None = None
    """The tokenizer's file, for drafts (`GenerationRequest.draft`); None where the engine verifies none."""
    revision: str = ""
    """The commit of the weights' repository on the hub; "" where they are not from there."""


def vision_tokens(views: PageViews, family: str) -> int:
    """Visual tokens that stand for these views in a prompt."""
    return FAMILIES[family].view_tokens(*views.sides_px, *views.grid)


def vision_tokens_of(request: GenerationRequest, family: str) -> int:
    """Visual tokens of all pages of a request."""
    return sum(vision_tokens(views, family) for views in request.all_views)


@runtime_checkable
class Remote(Protocol):
    """An engine on machines that are not ours: nothing here can restart what hangs there."""

    @property
    def stopping_s(self) -> float:
        """Seconds that a run which is told to stop waits for pages there."""
        ...


def stopping_s(engine: object) -> float:
    """How long a run that is told to stop waits for an engine's pages: to their end where it runs here."""
    return engine.stopping_s if isinstance(engine, Remote) else math.inf


class Engine(Protocol):
    """Turns page views into raw text. One instance serves many concurrent `generate` calls."""

    def identify(self) -> EngineInfo:
        """What will run, found without starting it; downloads the weights where a hub id is new here.

        Raises:
            EngineError: the checkpoint is incomplete or cannot be had.
            UsageError: there is no such checkpoint, or it is of another model.
        """
        ...

    async def start(self) -> None:
        """Load everything; called once, before the first `generate`.

        Raises:
            EngineError: it did not start; the message names the cause and a remedy.
            UsageError: the config cannot be carried out.
        """
        ...

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The model's answer for one page. Cancelling the call aborts the request.

        `on_text` is called in the event loop with each new piece of text, about every
        `request.stream_interval` tokens; the pieces joined are the answer's text.

        Raises:
            RequestError: this request is refused; others are not affected.
            EngineError: the engine has died and answers no request any more.
        """
        ...

    async def stop(self) -> None:
        """Give everything back, processes included. May be called at any time, more than once."""
        ...
