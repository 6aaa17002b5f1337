"""HTTP to the servers: one session, short GETs, POSTs whose failures say whose fault they are."""

import contextlib
import http.client
import io
import json
import os
import urllib.request
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ocr_engine.errors import EngineError, RequestError
from ocr_engine.log import printable

if TYPE_CHECKING:
    import aiohttp

KEY_VARIABLE = "OCR_ENGINE_API_KEY"
"""Environment variable with the servers' API key: the config is written to run.json."""
SHORT_S = 10.0
_BUSY = (408, 425, 429, 502, 503, 504)
_MAX_BYTES = 8 << 20


class ServerFailedError(Exception):
    """A try failed for a reason that lies with the server. `down`: it should rest before the next."""

    def __init__(self, reason: str, *, down: bool) -> None:
        super().__init__(reason)
        self.down = down


class Http:
    """One session over all servers; opened inside an event loop, closed there."""

    def __init__(self, timeout_s: float) -> None:
        """`timeout_s` is how long a server may stay silent in the middle of an answer."""
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SHORT_S, sock_read=timeout_s),
            headers=headers(),
            read_bufsize=_MAX_BYTES,
        )

    async def get(self, url: str) -> bytes:
        """A short answer's body. Raises OSError (timeouts included), or EngineError for another status."""
        import aiohttp

        try:
            timeout = aiohttp.ClientTimeout(total=SHORT_S)
            async with self._session.get(url, timeout=timeout) as response:
                if response.status != 200:
                    raise EngineError(f"status {response.status}")
                return await response.content.read(_MAX_BYTES)
        except aiohttp.ClientError as error:
            raise ConnectionError(_reason(error)) from None

    @contextlib.asynccontextmanager
    async def post(self, url: str, body: bytes) -> "AsyncIterator[aiohttp.ClientResponse]":
        """A response with status 200; errors while it is read are turned into the same two.

        Raises:
            RequestError: the server refuses this request.
            ServerFailedError: another server may answer it.
        """
        import aiohttp

        try:
            as_json = {"Content-Type": "application/json"}
            async with self._session.post(url, data=io.BytesIO(body), headers=as_json) as response:
                if response.status != 200:
                    raise _refusal(response.status, await response.content.read(_MAX_BYTES))
                yield response
        except RequestError:
            raise
        except (aiohttp.ClientError, OSError, ValueError, EngineError) as error:
            raise ServerFailedError(_reason(error), down=True) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _refusal(status: int, body: bytes) -> Exception:
    reason = f"status {status}: {_message(body)}"
    if status in _BUSY:
        return ServerFailedError(reason, down=True)
    if status >= 500:
        return ServerFailedError(reason, down=False)
    return RequestError(f"the server refuses the request ({reason})")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _message(body: bytes) -> str:
    """The message of an OpenAI error, or the start of whatever came."""
    try:
        text = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        text = body[:300].decode("utf-8", "replace")
    return printable(" ".join(text.split()))


def headers() -> dict[str, str]:
    """The authorisation of every request, where a key is set."""
    key = os.environ.get(KEY_VARIABLE, "")
    return {"Authorization": f"Bearer {key}"} if key else {}


def get_now(url: str) -> Any:
    """The JSON of a short GET, without an event loop. Raises OSError or ValueError."""
    request = urllib.request.Request(url, headers=headers())
    try:
        with urllib.request.urlopen(request, timeout=SHORT_S) as answer:
            return json.loads(answer.read(_MAX_BYTES))
    except http.client.HTTPException as error:
        raise ConnectionError(f"no HTTP there ({error!r})") from None


async def events(response: "aiohttp.ClientResponse") -> AsyncIterator[Any]:
    """The objects of a streamed answer: one a `data:` line, `[DONE]` at the end."""
    async for line in response.content:
        data = line.strip().removeprefix(b"data:").strip()
        if line.startswith(b"data:") and data != b"[DONE]":
            yield json.loads(data)
