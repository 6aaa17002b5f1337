"""Running vLLM servers in place of an engine of our own: pages are shared out over a list of endpoints.

A page goes to the server with the shortest queue. A server that fails rests and is asked again; its pages go
to the others. Only a page that failed on several servers is given up.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import numpy as np

from ocr_engine.config import EngineConfig
from ocr_engine.engine.base import EngineInfo, OnText, vision_tokens
from ocr_engine.engine.checkpoint import AUTO, Checkpoint, resolve
from ocr_engine.engine.flights import TextOnce
from ocr_engine.engine.loops import LoopDetector, before_loop
from ocr_engine.engine.server import wire
from ocr_engine.engine.server.endpoints import Endpoint, Endpoints
from ocr_engine.engine.server.http import Http, ServerFailedError, events, get_now
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.log import logger, printable
from ocr_engine.records import Generation, GenerationRequest, Loop, PageViews
from ocr_engine.spec import OCR, OCR2, PROMPTS, TOKENS

T = TypeVar("T")
MAX_TRIES = 5
"""Servers that may fail while they have a page before the page is given up."""
_PROBE_EVERY_S = 0.25
_QUEUE_EVERY_S = 2.0
_TRY_OUT_PX = {OCR: 512, OCR2: 1024}


class ServerEngine:
    """An `Engine` over HTTP. Serves many concurrent `generate` calls."""

    def __init__(self, config: EngineConfig, max_tiles: int) -> None:
        """`max_tiles` goes with a page that the server is to cut."""
        self._config, self._server = config, config.server
        self._max_tiles = max_tiles if config.server.images == "png" else None
        endpoints = [Endpoint(url.rstrip("/").removesuffix("/v1")) for url in config.server.endpoints]
        self._endpoints = Endpoints(endpoints, config.server.in_flight)
        self._served: wire.Served | None = None
        self._family = OCR
        self._http: Http | None = None
        self._watching: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._whitelist: list[int] = []
        self._text_tokens: dict[str, int] = {}
        self._chance = random.Random()

    def identify(self) -> EngineInfo:
        """Ask the servers what they serve; the first that answers counts.

        Raises:
            EngineError: no server answers, or none serves this model.
            UsageError: `engine.model` names no checkpoint.
        """
        card = self._served = self._served or self._ask_any()
        checkpoint = None if self._config.model == AUTO else resolve(self._config.model)
        self._family = _family(card, checkpoint)
        where = ", ".join(endpoint.url for endpoint in self._endpoints.all)
        return EngineInfo(
            model=card.name,
            reason=f"model: {printable(card.name)}, served by {printable(where)} (engine.backend: server)",
            dtype="the server's",
            max_model_len=card.max_model_len,
            capacity=self._server.in_flight * len(self._endpoints.all),
            model_id=checkpoint.model_id if checkpoint else _model_id(card),
            family=self._family,
        )

    def _ask_any(self) -> wire.Served:
        for endpoint in self._endpoints.all:
            try:
                return wire.served(get_now(f"{endpoint.url}/v1/models"), self._server.model)
            except (OSError, ValueError, EngineError) as error:
                endpoint.reason = str(error)
        raise EngineError(
            f"no server is ready: {self._reasons()}; start them, or correct engine.server.endpoints"
        )

    async def start(self) -> None:
        """Connect, and read one blank page so that a server without our model is found before the first page.

        Raises:
            EngineError: no server answered within `engine.start_timeout_s`, or it refuses our pages.
        """
        await asyncio.to_thread(self.identify)
        self._http = Http(self._server.timeout_s)
        self._watching = asyncio.create_task(self._watch(self._http))
        try:
            async with asyncio.timeout(self._config.start_timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._endpoints.any_up)
        except TimeoutError:
            raise EngineError(f"no server is ready: {self._reasons()}") from None
        self._whitelist = [await self._one_id(token) for token in self._config.ngram.whitelist]
        if self._server.images == "views":
            await self._try_out()

    async def _try_out(self) -> None:
        size_px = _TRY_OUT_PX[self._family]
        page = np.full((size_px, size_px, 3), 255, np.uint8)
        views = PageViews(page, np.empty((0, size_px, size_px, 3), np.uint8), (1, 1))
        ngram = self._config.ngram
        request = GenerationRequest("try-out", views, PROMPTS["free"], 1, ngram.size, ngram.window)
        try:
            await self.generate(request)
        except RequestError as error:
            raise EngineError(
                f"{error}; install this project where the server runs, or set engine.server.images: png"
            ) from None

    async def _one_id(self, token: str) -> int:
        ids = await self._tokenize(token)
        if len(ids) != 1:
            raise EngineError(f"engine.ngram.whitelist: {token} is {len(ids)} tokens there, expected 1")
        return ids[0]

    async def _tokenize(self, text: str) -> list[int]:
        assert self._served is not None
        values = {"model": self._served.name, "prompt": text, "add_special_tokens": False}
        body = json.dumps(values).encode()

        async def ask(http: Http, endpoint: Endpoint) -> list[int]:
            async with http.post(f"{endpoint.url}/tokenize", body) as response:
                return wire.token_ids(await response.json())

        return await self._with_retries(ask)

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        """The model's answer for one page, from whichever server; see `Engine.generate`."""
        if self._served is None:
            raise EngineError("the engine is not running")
        started_s = time.perf_counter()
        visual = vision_tokens(request.views, self._family)
        prompt_tokens = await self._text_length(request.prompt) + visual
        max_tokens = _answer_room(self._served.max_model_len - prompt_tokens, request.max_tokens)
        asked = wire.Asked(
            model=self._served.name,
            family=self._family,
            max_tokens=max_tokens,
            whitelist=tuple(self._whitelist),
            max_tiles=self._max_tiles,
            stream=on_text is not None or request.abort_loops,
        )
        body = await asyncio.to_thread(wire.chat_body, request, asked)
        answer = await self._chat(body, TextOnce(on_text or _nowhere), abort_loops=request.abort_loops)
        if answer.loop is None and answer.prompt_tokens != prompt_tokens:
            raise RequestError(
                f"the server's prompt has {answer.prompt_tokens} tokens, expected {prompt_tokens}:"
                " it does not run this project's plug-in, or another version of it"
            )
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
        )

    async def _before_loop(self, ids: list[int], loop: Loop) -> str:
        """The text up to a loop, with one copy of it, in the server's own decoding."""
        one = loop.start_tok + loop.period_tok
        return before_loop(await self._decode(ids[:one]), await self._decode(ids[: one + loop.period_tok]))

    async def _decode(self, ids: list[int]) -> str:
        assert self._served is not None
        body = json.dumps({"model": self._served.name, "tokens": ids}).encode()

        async def ask(http: Http, endpoint: Endpoint) -> str:
            async with http.post(f"{endpoint.url}/detokenize", body) as response:
                return wire.detokenized(await response.json())

        return await self._with_retries(ask)

    async def _text_length(self, prompt: str) -> int:
        """Tokens of the prompt but the page's. BOS, of the chat template, takes the place of `<image>`."""
        if prompt not in self._text_tokens:
            self._text_tokens[prompt] = len(await self._tokenize(prompt))
        return self._text_tokens[prompt]

    async def _chat(self, body: bytes, text: TextOnce, *, abort_loops: bool) -> wire.Answer:
        async def ask(http: Http, endpoint: Endpoint) -> wire.Answer:
            answer = wire.Answer(LoopDetector(self._whitelist) if abort_loops else None)
            text.begin()
            async with http.post(f"{endpoint.url}/v1/chat/completions", body) as response:
                if response.content_type == "application/json":
                    answer.add(await response.json())
                else:
                    async for values in events(response):
                        text(answer.add(values))
                        if answer.loop is not None:
                            # Closing the connection aborts the request.
                            return answer
            if not answer.finish_reason:
                raise ServerFailedError("the answer was cut off", down=False)
            return answer

        return await self._with_retries(ask)

    async def _with_retries(self, ask: Callable[[Http, Endpoint], Awaitable[T]]) -> T:
        """What the first server that answers says.

        Raises:
            RequestError: a server refuses the request, or MAX_TRIES servers failed while they had it.
            EngineError: no server answered for `engine.server.patience_s`.
        """
        failed: Endpoint | None = None
        reason = ""
        for _ in range(MAX_TRIES):
            if self._http is None:
                raise EngineError("the engine is not running")
            endpoint = await self._take(avoid=failed)
            try:
                return await ask(self._http, endpoint)
            except ServerFailedError as error:
                failed, reason = endpoint, f"{endpoint.url}: {error}"
                if error.down:
                    self._rest(endpoint, str(error))
            finally:
                endpoint.in_flight -= 1
                await self._tell()
        raise RequestError(f"{MAX_TRIES} tries on running servers failed, the last: {printable(reason)}")

    async def _take(self, avoid: Endpoint | None) -> Endpoint:
        waited_s = time.monotonic()
        async with self._changed:
            while (endpoint := self._endpoints.free(avoid)) is None:
                if self._endpoints.any_up:
                    waited_s = time.monotonic()
                elif time.monotonic() > waited_s + self._server.patience_s:
                    raise EngineError(
                        f"no server has answered for {self._server.patience_s:g} s"
                        f" (engine.server.patience_s): {self._reasons()}; the same command goes on from here"
                    )
                # Woken by pages that end, and by every look at the servers.
                await self._changed.wait()
            endpoint.in_flight += 1
            return endpoint

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _rest(self, endpoint: Endpoint, reason: str) -> None:
        if endpoint.up:
            logger.warning(
                "%s: %s; its pages go to other servers", printable(endpoint.url), printable(reason)
            )
            endpoint.failed(time.monotonic(), reason, self._chance)

    async def _watch(self, http: Http) -> None:
        """Ask servers that are down whether they are back, and those that are up for their queues."""
        next_queue_s = 0.0
        while True:
            now_s = time.monotonic()
            await asyncio.gather(*(self._probe(http, e) for e in self._endpoints.to_probe(now_s)))
            if now_s >= next_queue_s:
                next_queue_s = now_s + _QUEUE_EVERY_S
                await asyncio.gather(*(_see_queue(http, e) for e in self._endpoints.all if e.up))
            await self._tell()
            await asyncio.sleep(_PROBE_EVERY_S)

    async def _probe(self, http: Http, endpoint: Endpoint) -> None:
        try:
            card = wire.served(json.loads(await http.get(f"{endpoint.url}/v1/models")), self._server.model)
            self._check_same(card)
        except (OSError, ValueError, EngineError) as error:
            endpoint.failed(time.monotonic(), str(error) or type(error).__name__, self._chance)
            return
        if endpoint.failures:
            logger.info("%s: is ready", printable(endpoint.url))
        endpoint.came_up()

    def _check_same(self, card: wire.Served) -> None:
        first = self._served
        if first and (card.name, card.max_model_len) != (first.name, first.max_model_len):
            raise EngineError(
                f"serves {card.name} with {card.max_model_len} positions, another server {first.name} with"
                f" {first.max_model_len}"
            )

    def _reasons(self) -> str:
        return printable("; ".join(f"{e.url}: {e.reason}" for e in self._endpoints.all if e.reason))

    async def stop(self) -> None:
        """Close the connections; the servers go on."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        http, self._http, self._watching = self._http, None, None
        if http is not None:
            await http.close()


def _nowhere(_: str) -> None:
    """Where text goes that nobody waits for."""


async def _see_queue(http: Http, endpoint: Endpoint) -> None:
    with contextlib.suppress(OSError, EngineError):
        length = wire.queue_length((await http.get(f"{endpoint.url}/metrics")).decode("utf-8", "replace"))
        if length is not None:
            endpoint.saw_queue(length)


def _answer_room(room: int, max_tokens: int) -> int:
    if room < 1:
        raise RequestError("prompt: leaves no room for an answer in the server's --max-model-len")
    return min(max_tokens, room) if max_tokens > 0 else room


def _model_id(card: wire.Served) -> str:
    values = f"{card.name}\n{card.root}\n{card.max_model_len}"
    return f"server-{hashlib.sha256(values.encode()).hexdigest()[:24]}"


def _family(card: wire.Served, checkpoint: Checkpoint | None) -> str:
    """As `engine.model` says; else by the served name, the only thing a server tells."""
    if checkpoint is not None:
        return checkpoint.family
    names = f"{card.name} {card.root}".lower()
    return OCR2 if "ocr-2" in names or "ocr2" in names else OCR
