"""What goes to an OpenAI-compatible vLLM server and what comes back: request bodies, answers, queue lengths.

Plain functions of their arguments; no connection is opened here.
"""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from ocr_engine.engine.answer import LoopWatch, ending
from ocr_engine.engine.guard_args import WHITELIST, WINDOW, guard_args
from ocr_engine.engine.server.reader import RubbishError, ServerFailedError, said
from ocr_engine.engine.server.replies import MAX_ANSWER_CHARS, Cards, Completion, Usage
from ocr_engine.engine.token_ends import kept_scores
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.families import FAMILIES, TOKENS
from ocr_engine.records import FinishReason, GenerationRequest, Loop, PageViews, TokenScores

_QUEUE = re.compile(
    r"^vllm:num_requests_(?:running|waiting)(?:\{[^}\n]*\})? ([0-9.eE+]{1,40})$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Served:
    """What a server says of the model it serves."""

    name: str
    root: str
    max_model_len: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked beside the page. `max_tiles` is set where pages go as PNG, for the server to cut."""

    model: str
    family: str
    max_tokens: int
    whitelist: tuple[int, ...]
    max_tiles: int | Literal["auto"] | None


@dataclass(slots=True)
class Answer:
    """An answer as it grows: its text, why it ended, the server's token counts, its loop if one is sought.

    `max_tokens` is how many were asked for: more are not taken.
    """

    max_tokens: int
    watch: LoopWatch = field(default_factory=lambda: LoopWatch(None))
    ids: list[int] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    chars: int = 0
    finish_reason: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    byte_lengths: list[int] = field(default_factory=list)
    """Of each token whose probability was told, the bytes of its text ..."""
    logs: list[float] = field(default_factory=list)
    """... and the natural logarithm of that probability."""

    def add(self, values: Completion) -> str:
        """Take in a whole answer or a piece of a streamed one; returns the new text.

        Raises:
            ServerFailedError: the server gave up.
            RubbishError: more than was asked for.
        """
        if values.error is not None:
            raise ServerFailedError(f"ended its answer: {said(values.error.message)}", down=False)
        piece = ""
        for choice in values.choices[:1]:
            piece = choice.text
            self.finish_reason = choice.finish_reason or self.finish_reason
            self._seek_loop(choice.token_ids or [])
            self.byte_lengths += [token.byte_length for token in choice.scored]
            self.logs += [token.logprob for token in choice.scored]
        self._count(values.usage or Usage(), piece)
        return piece

    def _count(self, usage: Usage, piece: str) -> None:
        if usage.prompt_tokens is not None:
            self.prompt_tokens = usage.prompt_tokens
        if usage.completion_tokens is not None:
            self.output_tokens = usage.completion_tokens
        if piece:
            self.pieces.append(piece)
            self.chars += len(piece)
        if self.chars > MAX_ANSWER_CHARS:
            raise RubbishError(f"answers with over {MAX_ANSWER_CHARS:,} characters")
        # A piece holds a token at least.
        if max(len(self.ids), len(self.logs), len(self.pieces), self.output_tokens) > self.max_tokens:
            raise RubbishError(f"answers with over {self.max_tokens:,} tokens, more than were asked for")

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)

    @property
    def size(self) -> int:
        """Grows with every token and character."""
        return len(self.ids) + self.chars

    def _seek_loop(self, ids: list[int]) -> None:
        self.ids += ids
        self.watch.add(ids, self.reason if self.finish_reason else None)

    @property
    def loop(self) -> Loop | None:
        """The loop that the answer ends in, if one is sought."""
        return self.watch.loop

    @property
    def text_tokens(self) -> int:
        """Tokens of the text: vLLM counts the end of sequence, too."""
        if self.loop is not None:
            return len(self.ids)
        return max(0, self.output_tokens - (self.finish_reason == FinishReason.STOP))

    def scores(self, text: str) -> TokenScores | None:
        """How sure the model was of each token of a text that this begins with; None where it is not told."""
        return kept_scores(self.byte_lengths, self.logs, text, is_cut=self.loop is not None)

    @property
    def reason(self) -> FinishReason:
        """Why generation ended."""
        return ending(self.finish_reason)


def chat_body(request: GenerationRequest, asked: Asked) -> bytes:
    """The JSON of one `/v1/chat/completions` request: greedy, guarded, special tokens written out."""
    pages = [_image(views, asked) for views in request.all_views]
    # As many marks as pages: vLLM would put those that are missing on lines of their own.
    prompt = request.prompt.replace(TOKENS.image, TOKENS.image * len(pages))
    text = {"type": "text", "text": prompt}
    body: dict[str, Any] = {
        "model": asked.model,
        "messages": [{"role": "user", "content": [*pages, text]}],
        "temperature": request.temperature,
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "max_tokens": asked.max_tokens,
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
    }
    if request.ngram_size:
        body["vllm_xargs"] = _guard(request, asked.whitelist)
    if asked.max_tiles is not None:
        mode = mode_of_views(request.views, asked.family)
        tiles = FAMILIES[asked.family].modes[mode].max_tiles if asked.max_tiles == "auto" else asked.max_tiles
        body["mm_processor_kwargs"] = {"mode": mode, "max_tiles": tiles}
    if request.temperature > 0:
        body["seed"] = 0
    if request.abort_loops:
        body["return_token_ids"] = True
    if request.scores:
        body |= {"logprobs": True, "top_logprobs": 0}
    # Streamed, so that a server at work is told from one that hangs.
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    body["stream_interval"] = request.stream_interval
    return msgspec.json.encode(body)


def _guard(request: GenerationRequest, whitelist: Sequence[int]) -> dict[str, Any]:
    """For our guard, and under its own names for the processor of vLLM's published recipe."""
    ours = guard_args(request.ngram_size, request.ngram_window, whitelist)
    return ours | {"window_size": ours[WINDOW], "whitelist_token_ids": ours[WHITELIST]}


def _image(views: PageViews, asked: Asked) -> dict[str, Any]:
    if asked.max_tiles is None:
        return {"type": "image_embeds", "image_embeds": encoded_views(views)}
    url = "data:image/png;base64," + base64.b64encode(views.page_png).decode("ascii")
    return {"type": "image_url", "image_url": {"url": url}}


def mode_of_views(views: PageViews, family: str) -> str:
    """The mode that these views were cut in, by their sizes. Raises RequestError where no mode has them."""
    sizes_px = views.global_view.shape[0], views.tiles.shape[1]
    for mode in FAMILIES[family].modes.values():
        if (mode.base_size_px, mode.tile_size_px) == sizes_px:
            return mode.name
    raise RequestError(f"views of {sizes_px[0]} and {sizes_px[1]} px: no mode of {family} has them")


def encoded_views(views: PageViews) -> dict[str, str]:
    """The views as vLLM takes tensors over HTTP: numpy's file format in base64, pixels as they are."""
    arrays = {
        "global_views": views.global_view,
        "tiles": views.tiles,
        "grids": np.asarray(views.grid, dtype=np.int64),
    }
    return {name: _npy(array) for name, array in arrays.items()}


def _npy(array: Any) -> str:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return base64.b64encode(buffer.getbuffer()).decode("ascii")


def served(cards: Cards, wanted: str) -> Served:
    """The model that `/v1/models` lists first, or the one named `wanted`.

    Raises:
        EngineError: nothing is served, or not that, or it does not say how long a request may be.
    """
    for card in cards.data:
        if wanted in ("", card.id):
            if card.max_model_len is None:
                raise EngineError(f"does not say the max_model_len of {said(card.id)}; is it a vLLM server?")
            return Served(card.id, str(card.root), card.max_model_len)
    names = ", ".join(said(card.id) for card in cards.data[:10])
    raise EngineError(
        f"serves {names or 'nothing'}, and not {wanted or 'a model'}; check engine.server.model"
    )


def queue_length(metrics: str) -> int | None:
    """Requests running and waiting on a server, from its `/metrics`; None where it does not say."""
    values = _QUEUE.findall(metrics)
    try:
        return int(sum(map(float, values))) if values else None
    except (ValueError, OverflowError):
        return None
