"""What goes to an OpenAI-compatible vLLM server and what comes back: request bodies, answers, queue lengths.

Plain functions of their arguments; no connection is opened here.
"""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ocr_engine.engine.guard_args import WHITELIST, WINDOW, guard_args
from ocr_engine.engine.loops import LoopDetector
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.records import FinishReason, GenerationRequest, Loop, PageViews
from ocr_engine.spec import FAMILY_MODES

MAX_ANSWER_CHARS = 4 << 20
_QUEUE = re.compile(r"^vllm:num_requests_(?:running|waiting)(?:\{[^}]*\})? ([0-9.eE+]+)$", re.MULTILINE)


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
    max_tiles: int | None
    stream: bool


@dataclass(slots=True)
class Answer:
    """An answer as it grows: its text, why it ended, the server's token counts, its loop if one is sought."""

    loops: LoopDetector | None = None
    loop: Loop | None = None
    ids: list[int] = field(default_factory=list)
    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0

    def add(self, values: Any) -> str:
        """Take in a whole answer or a piece of a streamed one; returns the new text.

        Raises:
            EngineError: not what an OpenAI-compatible server answers.
        """
        try:
            piece = ""
            for choice in values["choices"][:1]:
                piece = (choice.get("message") or choice.get("delta") or {}).get("content") or ""
                self.finish_reason = choice.get("finish_reason") or self.finish_reason
                self._seek_loop([int(token) for token in choice.get("token_ids") or ()])
            usage = values.get("usage") or {}
            self.prompt_tokens = int(usage.get("prompt_tokens", self.prompt_tokens))
            self.output_tokens = int(usage.get("completion_tokens", self.output_tokens))
            self.text += piece
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise EngineError(f"the server's answer is no chat completion ({error!r})") from None
        if len(self.text) > MAX_ANSWER_CHARS:
            raise EngineError(f"the server's answer is over {MAX_ANSWER_CHARS:,} characters")
        return piece

    def _seek_loop(self, ids: list[int]) -> None:
        self.ids += ids
        if self.loops is not None and self.finish_reason != FinishReason.STOP:
            self.loop = self.loops.add(ids)
            if self.loop is None and self.finish_reason == FinishReason.LENGTH:
                self.loop = self.loops.end()

    @property
    def text_tokens(self) -> int:
        """Tokens of the text: vLLM counts the end of sequence, too."""
        if self.loop is not None:
            return len(self.ids)
        return max(0, self.output_tokens - (self.finish_reason == FinishReason.STOP))

    @property
    def reason(self) -> FinishReason:
        """Why generation ended; a reason that vLLM does not give counts as aborted."""
        known = {FinishReason.STOP.value, FinishReason.LENGTH.value}
        return FinishReason(self.finish_reason) if self.finish_reason in known else FinishReason.ABORT


def chat_body(request: GenerationRequest, asked: Asked) -> bytes:
    """The JSON of one page's `/v1/chat/completions` request: greedy, guarded, special tokens written out."""
    text = {"type": "text", "text": request.prompt}
    body: dict[str, Any] = {
        "model": asked.model,
        "messages": [{"role": "user", "content": [_image(request.views, asked), text]}],
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
        body["mm_processor_kwargs"] = {"mode": mode, "max_tiles": asked.max_tiles}
    if request.temperature > 0:
        body["seed"] = 0
    if request.abort_loops:
        body["return_token_ids"] = True
    if asked.stream:
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
    for mode in FAMILY_MODES[family].values():
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


def served(values: Any, wanted: str) -> Served:
    """The model that `/v1/models` lists first, or the one named `wanted`.

    Raises:
        EngineError: nothing is served, or not that.
    """
    try:
        cards = [Served(str(c["id"]), str(c.get("root")), int(c["max_model_len"])) for c in values["data"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EngineError("/v1/models: not the answer of a vLLM server") from None
    for card in cards:
        if wanted in ("", card.name):
            return card
    raise EngineError(f"serves {', '.join(card.name for card in cards) or 'nothing'}, not {wanted}")


def token_ids(values: Any) -> list[int]:
    """The ids that `/tokenize` answers. Raises EngineError."""
    try:
        return [int(token) for token in values["tokens"]]
    except (KeyError, TypeError, ValueError):
        raise EngineError("/tokenize: not the answer of a vLLM server") from None


def detokenized(values: Any) -> str:
    """The text that `/detokenize` answers. Raises EngineError."""
    if not isinstance(values, dict) or not isinstance(values.get("prompt"), str):
        raise EngineError("/detokenize: not the answer of a vLLM server")
    return str(values["prompt"])


def queue_length(metrics: str) -> int | None:
    """Requests running and waiting on a server, from its `/metrics`; None where it does not say."""
    values = _QUEUE.findall(metrics)
    try:
        return int(sum(map(float, values))) if values else None
    except (ValueError, OverflowError):
        return None
