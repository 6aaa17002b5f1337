"""What a broken or hostile server answers: handlers for `FakeServer.faults` and `FakeServer.instead`."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Any]
DIGITS = b"1" * 400
WHOLE: dict[str, Any] = {
    "choices": [{"message": {"content": "# read"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 84, "completion_tokens": 5},
}
"""The answer that FakeServer's own would be, as one piece."""


def body(data: bytes, content_type: str = "application/json", **headers: str) -> Handler:
    """Status 200 and these bytes, as they are."""

    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=data, headers={"Content-Type": content_type, **named})

    return answer


def whole(**changes: Any) -> bytes:
    """The good answer with some of its values replaced: `usage`, or a key of its choice."""
    values = json.loads(json.dumps(WHOLE))
    for key, value in changes.items():
        (values if key in values else values["choices"][0])[key] = value
    return json.dumps(values).encode()


def zipped(data: bytes) -> Handler:
    """A body that was compressed though nobody asked for it."""
    return body(gzip.compress(data, 1), Content_Encoding="gzip")


def redirect(to: str, status: int = 307) -> Handler:
    """To another place."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": to})

    return answer


@dataclass
class Endless:
    """An answer that never ends: `pieces` over and over. Counts what the client took in."""

    pieces: tuple[bytes, ...]
    content_type: str = "application/json"
    every_s: float = 0.0
    limit_bytes: int = 0
    sent_bytes: int = 0
    taken_times: int = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.taken_times += 1
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for piece in self._again():
                await response.write(piece)
                self.sent_bytes += len(piece)
                await asyncio.sleep(self.every_s)
        return response

    def _again(self) -> Iterator[bytes]:
        while not self.limit_bytes or self.sent_bytes < self.limit_bytes:
            yield from self.pieces


def events(*values: Any) -> tuple[bytes, ...]:
    """Pieces of a stream."""
    return tuple(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def stream(*values: Any) -> Handler:
    """A stream of these alone, and its end."""
    return body(b"".join(events(*values)) + b"data: [DONE]\n\n", "text/event-stream")
