"""A scripted stand-in for a vLLM server: the four paths the client uses, and faults on demand."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

VOCABULARY = {"<td>": 7, "</td>": 8}
TEXT_TOKENS = 11


@dataclass
class FakeServer:
    """`faults` are taken one a chat request: each may answer in place of the model."""

    name: str = "nano"
    max_model_len: int = 4096
    queue: int = 0
    wait_s: float = 0.0
    text: str = "# read"
    ends: str = "stop"
    vision_tokens: int = 73
    scores: bool = True
    """Whether probabilities are told to who asks for them."""
    faults: list[Callable[[web.Request], Any]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    instead: dict[str, Callable[[web.Request], Any]] = field(default_factory=dict)
    """Path -> what answers there in place of this server, every time."""
    requests: list[web.BaseRequest] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._answer])
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/detokenize", self._detokenize)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> int:
        port = int(self.url.rpartition(":")[2])
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        return port

    @web.middleware
    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request)
        other = self.instead.get(request.path)
        response: web.StreamResponse = await (other or handler)(request)
        return response

    async def _models(self, _: web.Request) -> web.Response:
        card = {"id": self.name, "root": "/models/nano", "max_model_len": self.max_model_len}
        return web.json_response({"data": [card]})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=f'vllm:num_requests_waiting{{engine="0"}} {self.queue}.0\n')

    async def _tokenize(self, request: web.Request) -> web.Response:
        prompt = (await request.json())["prompt"]
        known = VOCABULARY.get(prompt)
        return web.json_response({"tokens": [known] if known else list(range(TEXT_TOKENS))})

    async def _detokenize(self, request: web.Request) -> web.Response:
        return web.json_response({"prompt": "".join(map(chr, (await request.json())["tokens"]))})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if self.faults:
            answer = self.faults.pop(0)(request)
            if answer is not None:
                return await answer
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.wait_s)
        finally:
            self.running -= 1
        room = body["max_tokens"]
        usage = {"prompt_tokens": TEXT_TOKENS + self.vision_tokens, "completion_tokens": min(5, room)}
        return await self._stream(request, self.text[:room], usage, scores=self.scores and "logprobs" in body)

    async def _stream(
        self, request: web.Request, text: str, usage: dict[str, int], *, scores: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        pieces: list[dict[str, Any]] = [
            {"delta": {"content": piece}, "token_ids": [ord(piece)]} for piece in text
        ]
        for piece in pieces if scores else ():
            token = piece["delta"]["content"]
            content = [{"token": token, "logprob": -ord(token) / 1000, "bytes": [*token.encode()]}]
            piece["logprobs"] = {"content": content}
        for choice in [*pieces, {"delta": {}, "finish_reason": self.ends}]:
            await send(response, {"choices": [choice]})
        await send(response, {"choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
        return response


async def send(response: web.StreamResponse, values: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(values).encode() + b"\n\n")


@contextlib.asynccontextmanager
async def running(*servers: FakeServer) -> AsyncIterator[tuple[FakeServer, ...]]:
    for server in servers:
        await server.start()
    try:
        yield servers
    finally:
        for server in servers:
            await server.stop()


def status(code: int, message: str = "no") -> Callable[[web.Request], Any]:
    """A fault: an OpenAI error."""

    async def answer() -> web.Response:
        return web.json_response({"error": {"message": message}}, status=code)

    return lambda _: answer()


def raw(data: bytes) -> Callable[[web.Request], Any]:
    """A fault: status 200 and these bytes."""

    async def answer() -> web.Response:
        return web.Response(body=data, content_type="application/json")

    return lambda _: answer()


def hang_up(after: bytes = b"") -> Callable[[web.Request], Any]:
    """A fault: the connection is cut, perhaps in the middle of an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if after:
            await response.prepare(request)
            await response.write(after)
        assert request.transport is not None
        request.transport.abort()
        return response

    return answer
