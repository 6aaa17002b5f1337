"""What the engine is asked for a page, and what it answers."""

from array import array
from dataclasses import dataclass
from enum import StrEnum

from ocr_engine.records.pixels import PageViews


@dataclass(frozen=True, slots=True)
class FurtherPage:
    """A page that is asked for in the request of another: what it would be known by alone, and its views."""

    request_id: str
    views: PageViews


@dataclass(frozen=True)
class GenerationRequest:
    """What the engine is asked for one page, or for consecutive pages of a document.

    `max_tokens` counts output tokens. `ngram_size` 0 turns the guard off. `stream_interval` is how many
    tokens an engine may collect before it gives out their text: 1 for a reader at a terminal. `abort_loops`
    ends an answer that only repeats itself. `temperature` 0 is greedy; else the choice is seeded. `draft` is
    what the answer probably is, as int32 token ids in bytes or as text: it makes an engine that verifies
    drafts faster, and changes no answer. `further` are the pages after the first, in order, in the same mode
    and without tiles.
    """

    request_id: str
    views: PageViews
    prompt: str
    max_tokens: int
    ngram_size: int
    ngram_window: int
    stream_interval: int = 64
    abort_loops: bool = False
    temperature: float = 0.0
    draft: bytes | str = b""
    scores: bool = False
    """Whether the probability of each token is wanted."""
    further: tuple[FurtherPage, ...] = ()

    @property
    def all_views(self) -> tuple[PageViews, ...]:
        """Of every page, in order."""
        return (self.views, *(page.views for page in self.further))


class FinishReason(StrEnum):
    """Why generation ended: end of sequence, token limit, stopped by us, or the engine failed on the way."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Loop:
    """Text that repeats to the end of an answer: the length of one copy, and where the first one starts."""

    period_tok: int
    start_tok: int


@dataclass(frozen=True, slots=True)
class TokenScores:
    """How sure the model was of each token of an answer's text."""

    ends: "array[int]"
    """Where each token ends in the text, in characters."""
    logs: "array[float]"
    """The natural logarithm of each token's probability, before temperature, and before the n-gram guard but
    where drafts are verified."""


@dataclass(frozen=True)
class Generation:
    """What the engine answered: raw text with grounding tags, end-of-sequence text removed.

    `output_tokens` are those generated. Of a loop the text holds one copy only. `drafted_tok` of a page's
    drafts were verified, and `accepted_tok` were what the model said.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    vision_tokens: int
    output_tokens: int
    seconds: float
    loop: Loop | None = None
    drafted_tok: int = 0
    accepted_tok: int = 0
    scores: TokenScores | None = None
    """None where they were not asked for, or not given."""
