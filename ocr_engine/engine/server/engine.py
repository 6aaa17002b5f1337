"""The `Engine` whose pages are read by running vLLM servers, over OpenAI's protocol and what vLLM adds."""

import asyncio
import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from ocr_engine.config import EngineConfig, guard_of
from ocr_engine.engine.answer import LoopWatch, answer_room, copy_ends
from ocr_engine.engine.base import EngineInfo, OnText, vision_tokens_of
from ocr_engine.engine.checkpoint import AUTO, Checkpoint, resolve
from ocr_engine.engine.flights import TextOnce
from ocr_engine.engine.loops import before_loop
from ocr_engine.engine.server import wire
from ocr_engine.engine.server.http import Http
from ocr_engine.engine.server.reader import RubbishError, ServerFailedError, decoded
from ocr_engine.engine.server.replies import MAX_TOKENS, Completion, Detokenized, Tokenized
from ocr_engine.engine.server.servers import Servers
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.families import FAMILIES, OCR, PROMPTS, TOKENS, guessed_family
from ocr_engine.log import printable
from ocr_engine.records import FinishReason, Generation, GenerationRequest, Loop, PageViews

_TRY_OUT_PX = 512
_REMEDY = {
    "views": "install this project where the server runs, or set engine.server.images: png",
    "png": "install this project where the server runs, and start it with --trust-request-mm-kwargs",
}


class ServerEngine:
    """An `Engine` over HTTP. Serves many concurrent `generate` calls."""

    stopping_s = 0.5
    """What is hung, slow or hostile there looks alike; a page that is left is read by the next run."""

    def __init__(self, config: EngineConfig, max_tiles: int | Literal["auto"], mode: str = "") -> None:
        """`max_tiles` goes with a page that a server is to cut; `mode` is that of the first, blank page."""
        self._config = config
        self._servers = Servers(config.server)
        self._max_tiles = max_tiles if config.server.images == "png" else None
        self._mode = mode
        self._family = OCR
        self._whitelist: list[int] = []
        self._text_tokens: dict[str, int] = {}

    def identify(self) -> EngineInfo:
        """Ask the servers what they serve; the first that answers counts.

        Raises:
            EngineError: no server answers within `engine.start_timeout_s`, or none serves this model.
            UsageError: `engine.model` names no checkpoint.
        """
        card = self._servers.served or asyncio.run(self._servers.identify(self._config.start_timeout_s))
        return self._info(card)

    def _info(self, card: wire.Served) -> EngineInfo:
        checkpoint = (
            None if self._config.model == AUTO else resolve(self._config.model, self._config.revision)
        )
        self._family = _family(card, checkpoint)
        where = ", ".join(self._servers.urls)
        return EngineInfo(
            model=card.name,
            reason=f"model: {printable(card.name)}, served by {printable(where)} (engine.backend: server)",
            dtype="the server's",
            max_model_len=card.max_model_len,
            capacity=self._config.server.in_flight * len(self._servers.urls),
            model_id=checkpoint.model_id if checkpoint else _model_id(card),
            family=self._family,
        )

    async def start(self) -> None:
        """Connect, and read one blank page so that a server without our model is found before the first page.

        Raises:
            EngineError: no server answered within `engine.start_timeout_s`, or it refuses our pages.
        """
        limit_s = self._config.start_timeout_s
        self._info(await self._servers.identify(limit_s))
        await self._servers.connect(limit_s)
        try:
            async with asyncio.timeout(limit_s):
                self._whitelist = [await self._one_id(token) for token in self._config.ngram.whitelist]
                await self._try_out()
        except TimeoutError:
            raise EngineError(
                f"the servers read no page within {limit_s:g} s (engine.start_timeout_s):"
                f" {self._servers.reasons() or 'they gave no reason'}"
            ) from None

    async def _try_out(self) -> None:
        guard = guard_of(self._config.ngram, self._family)
        views = await asyncio.to_thread(_blank_page, self._mode, self._family)
        request = GenerationRequest("try-out", views, PROMPTS["free"], 1, *guard)
        try:
            await self.generate(request)
        except RequestError as error:
            remedy = _REMEDY[self._config.server.images]
            raise EngineError(f"{error}; if it does not know our pages, {remedy}") from None

    async def _one_id(self, token: str) -> int:
        ids = await self._tokenize(token)
        if len(ids) != 1:
            raise EngineError(
                f"engine.ngram.whitelist: {token} must be one token, and is {len(ids)} for this model"
            )
        return ids[0]

    async def _tokenize(self, text: str) -> list[int]:
        values = {"model": self._served().name, "prompt": text, "add_special_tokens": False}
        body = json.dumps(values).encode()

        async def ask(http: Http, url: str) -> list[int]:
            return (await http.ask(f"{url}/tokenize", body, Tokenized)).tokens

        return await self._servers.ask(ask)

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The model's answer for one page, from whichever server; see `Engine.generate`.

        Raises:
            RequestError: the servers refuse this page, or several failed while they had it.
            EngineError: not started, or no server answered for `engine.server.patience_s`.
        """
        served = self._served()
        started_s = time.perf_counter()
        visual = vision_tokens_of(request, self._family)
        prompt_tokens = await self._text_length(request.prompt) + visual
        limit = "the server's --max-model-len"
        room = answer_room(request.max_tokens, prompt_tokens, served.max_model_len, limit)
        max_tokens = min(room, MAX_TOKENS)
        asked = wire.Asked(
            model=served.name,
            family=self._family,
            max_tokens=max_tokens,
            whitelist=tuple(self._whitelist),
            max_tiles=self._max_tiles,
        )
        body = await asyncio.to_thread(wire.chat_body, request, asked)
        loops = request.abort_loops

        def new() -> wire.Answer:
            return wire.Answer(max_tokens, LoopWatch(self._whitelist if loops else None))

        answer = await self._chat(body, TextOnce(on_text or _nowhere), new, prompt_tokens)
        text = answer.text.removesuffix(TOKENS.eos)
        if answer.loop is not None:
            text = await self._before_loop(answer.ids, answer.loop)
        return Generation(
            text=text,
            finish_reason=answer.reason,
            prompt_tokens=prompt_tokens,
            vision_tokens=visual,
            output_tokens=answer.text_tokens,
            seconds=time.perf_counter() - started_s,
            loop=answer.loop,
            scores=answer.scores(text) if request.scores else None,
        )

    async def _before_loop(self, ids: list[int], loop: Loop) -> str:
        """The text up to a loop, with one copy of it, in the server's own decoding."""
        one, two = copy_ends(loop)
        return before_loop(await self._decode(ids[:one]), await self._decode(ids[:two]))

    async def _decode(self, ids: list[int]) -> str:
        body = json.dumps({"model": self._served().name, "tokens": ids}).encode()

        async def ask(http: Http, url: str) -> str:
            return (await http.ask(f"{url}/detokenize", body, Detokenized)).prompt

        return await self._servers.ask(ask)

    async def _text_length(self, prompt: str) -> int:
        """Tokens of the prompt but the page's. BOS, of the chat template, takes the place of `<image>`."""
        if prompt not in self._text_tokens:
            self._text_tokens[prompt] = len(await self._tokenize(prompt))
        return self._text_tokens[prompt]

    async def _chat(
        self, body: bytes, text: TextOnce, new: Callable[[], wire.Answer], prompt_tokens: int
    ) -> wire.Answer:
        async def ask(http: Http, url: str) -> wire.Answer:
            answer = new()
            text.begin()
            async with http.answer(f"{url}/v1/chat/completions", body) as (pieces, moved):
                async for data in pieces:
                    size = answer.size
                    text(answer.add(decoded(data, Completion)))
                    if answer.size > size:
                        moved()
                    if answer.loop is not None:
                        # Leaving closes the connection, which aborts the request.
                        return answer
            _check_whole(answer, prompt_tokens)
            return answer

        return await self._servers.ask(ask)

    async def stop(self) -> None:
        """Close the connections; the servers go on."""
        await self._servers.close()

    def _served(self) -> wire.Served:
        if self._servers.served is None:
            raise EngineError("the engine is not running")
        return self._servers.served


def _nowhere(_: str) -> None:
    """Where text goes that nobody waits for."""


def _blank_page(mode_name: str, family: str) -> PageViews:
    """A small white page in a mode of the family, as views and as PNG.

    It has no colour, so that a server whose plug-in knows pages of three channels alone is found out.
    """
    from PIL import Image

    from ocr_engine.families.views import make_views

    modes = FAMILIES[family].modes
    page, png = Image.new("RGB", (_TRY_OUT_PX, _TRY_OUT_PX), "white"), io.BytesIO()
    page.save(png, "PNG")
    views = make_views(page, modes.get(mode_name) or next(iter(modes.values())))
    return replace(views, page_png=png.getvalue())


def _check_whole(answer: wire.Answer, prompt_tokens: int) -> None:
    """Raises ServerFailedError where an answer has no end, or is one to another prompt."""
    if not answer.finish_reason:
        raise ServerFailedError("the answer was cut off", down=False)
    if answer.reason is FinishReason.ERROR and not answer.text:
        raise ServerFailedError("failed on this page before any text", down=False)
    if answer.prompt_tokens != prompt_tokens:
        raise RubbishError(
            f"the server's prompt has {answer.prompt_tokens} tokens, expected {prompt_tokens}:"
            " it does not run this project's plug-in, or another version of it"
        )


def _model_id(card: wire.Served) -> str:
    values = f"{card.name}\n{card.root}\n{card.max_model_len}"
    return f"server-{hashlib.sha256(values.encode()).hexdigest()[:24]}"


def _family(card: wire.Served, checkpoint: Checkpoint | None) -> str:
    """As `engine.model` says; else by the served name, the only thing a server tells."""
    if checkpoint is not None:
        return checkpoint.family
    return guessed_family(f"{card.name} {card.root}")
