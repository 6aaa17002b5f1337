"""What servers send, read within bounds: bodies, lines, JSON into checked records.

Nothing else reads a response. A server may be broken or hostile: what is too long, malformed or out of range
is a `RubbishError`, which sends the page to another server.
"""

import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ocr_engine.config import without_credentials
from ocr_engine.log import printable

if TYPE_CHECKING:
    from aiohttp import StreamReader

T = TypeVar("T")
KEY_VARIABLE = "OCR_ENGINE_API_KEY"
"""Environment variable with the servers' API key: the config is written to run.json."""
BODY_BYTES = 8 << 20
"""Of a body that is parsed as a whole."""
LINE_BYTES = 1 << 20
STREAM_BYTES = 32 << 20
"""Of a streamed answer: 32,768 tokens in pieces of their own, 1 kB each."""
ERROR_BYTES = 64 << 10
_CHUNK_BYTES = 64 << 10
_SAID_CHARS = 4000
_DATA, _DONE = b"data:", b"[DONE]"


class ServerFailedError(Exception):
    """A try failed for a reason that lies with the server. `down`: it should rest before the next."""

    def __init__(self, reason: str, *, down: bool) -> None:
        super().__init__(reason)
        self.down = down


class RubbishError(ServerFailedError):
    """What came is no answer of such a server, or beyond all bounds. Says nothing about the page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, down=True)


async def body(content: "StreamReader", limit: int = BODY_BYTES) -> bytes:
    """A whole body. Raises RubbishError beyond `limit` bytes, having read at most a chunk more."""
    data = bytearray()
    async for chunk in content.iter_chunked(_CHUNK_BYTES):
        data += chunk
        if len(data) > limit:
            raise RubbishError(f"sends a body of over {limit:,} bytes")
    return bytes(data)


async def start_of(content: "StreamReader") -> bytes:
    """At most `ERROR_BYTES` of a body; the rest is not read."""
    data = bytearray()
    async for chunk in content.iter_chunked(_CHUNK_BYTES):
        data += chunk
        if len(data) >= ERROR_BYTES:
            break
    return bytes(data[:ERROR_BYTES])


async def events(content: "StreamReader") -> AsyncIterator[bytes]:
    """The values of a stream of server-sent events: one a `data:` line, up to `[DONE]` or its end.

    Raises RubbishError for a line, or all together, beyond their limits.
    """
    total, pending = 0, bytearray()
    async for chunk in content.iter_chunked(_CHUNK_BYTES):
        total += len(chunk)
        pending += chunk
        if b"\n" in chunk:
            *whole, pending = pending.split(b"\n")
            for line in whole:
                if line.startswith(_DATA) and (data := _value(line)) != _DONE:
                    yield data
                elif line.startswith(_DATA):
                    return
        if len(pending) > LINE_BYTES:
            raise RubbishError(f"sends over {LINE_BYTES:,} bytes in a line")
        if total > STREAM_BYTES:
            raise RubbishError(f"sends a stream of over {STREAM_BYTES:,} bytes")
    if pending.startswith(_DATA) and (data := _value(pending)) != _DONE:
        yield data


def _value(line: bytearray) -> bytes:
    return bytes(line[len(_DATA) :].strip())


def decoded(data: bytes, kind: type[T]) -> T:
    """JSON as a record whose fields are checked: types, ranges, lengths, whole characters.

    Raises RubbishError: NaN and Infinity, lone surrogates, invalid UTF-8 and deep nesting included.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (ValueError, RecursionError) as error:
        raise RubbishError(f"its answer is not that of a vLLM server ({said(str(error))})") from None


class _Error(msgspec.Struct):
    message: str = ""


class _Refusal(msgspec.Struct):
    error: _Error


def message_of(data: bytes) -> str:
    """The message of an OpenAI error, or the start of whatever came; safe to show."""
    try:
        return said(msgspec.json.decode(data, type=_Refusal).error.message)
    except (ValueError, RecursionError):
        return said(data.decode("utf-8", "replace"))


def said(text: str) -> str:
    """A server's words in one short, printable line, without our key or credentials of addresses."""
    words = " ".join(text[:_SAID_CHARS].split())
    if key := os.environ.get(KEY_VARIABLE):
        words = words.replace(key, "…")
    return printable(without_credentials(words))
