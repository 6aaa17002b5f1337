"""HTTP to the servers: one session, no redirects, no compression, bounded answers and failures in words."""

import asyncio
import contextlib
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from ocr_engine.engine.server import reader
from ocr_engine.engine.server.clocks import answering
from ocr_engine.engine.server.reader import KEY_VARIABLE, RubbishError, ServerFailedError, said
from ocr_engine.errors import RequestError

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
SHORT_S = 10.0
_BUSY = (408, 425, 429, 502, 503, 504)
_KEY_WANTED = (401, 403)


class Http:
    """One session over all servers; opened inside an event loop, closed there."""

    def __init__(self, still_s: float, whole_s: float) -> None:
        """A server may give nothing new for `still_s`, and take `whole_s` for an answer."""
        import aiohttp

        self._still_s, self._whole_s = still_s, whole_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            # The clocks of `answering` count what is new; bytes alone are not.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SHORT_S),
            # A small body that unfolds to gigabytes is not asked for, and not unfolded.
            headers=headers() | {"Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def get(self, url: str) -> bytes:
        """A short answer's body, within `SHORT_S`. Raises ServerFailedError."""
        # The key must not follow a redirect to another host.
        asked = self._session.get(url, allow_redirects=False)
        async with _in_time(SHORT_S):
            with _faults():
                async with asked as response:
                    await _check(response)
                    return await reader.body(response.content)

    async def ask(self, url: str, body: bytes, kind: type[T]) -> T:
        """One JSON answer as a checked record. Raises what `answer` raises."""
        async with self.answer(url, body) as (pieces, _):
            async for data in pieces:
                return reader.decoded(data, kind)
        raise RubbishError("sends an empty answer")

    @contextlib.asynccontextmanager
    async def answer(
        self, url: str, body: bytes
    ) -> AsyncIterator[tuple[AsyncIterator[bytes], Callable[[], None]]]:
        """The JSON values of an answer, one or a stream of them, and what to call for each that is new.

        Leaving early closes the connection, which aborts the request.

        Raises:
            RequestError: the server refuses this request.
            ServerFailedError: another server may answer it.
        """
        # Neither the key nor the page may follow a redirect to another host.
        as_json = {"Content-Type": "application/json"}
        async with answering(self._still_s, self._whole_s) as moved:
            with _faults():
                asked = self._session.post(url, data=io.BytesIO(body), headers=as_json, allow_redirects=False)
                async with asked as response:
                    await _check(response)
                    yield _values(response), moved

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def headers() -> dict[str, str]:
    """The authorisation of every request, where a key is set."""
    key = os.environ.get(KEY_VARIABLE, "")
    return {"Authorization": f"Bearer {key}"} if key else {}


async def _values(response: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
    # The text's encoding is not asked for: JSON is UTF-8.
    if response.headers.get("Content-Type", "").lower().startswith("application/json"):
        yield await reader.body(response.content)
        return
    async for data in reader.events(response.content):
        yield data


async def _check(response: "aiohttp.ClientResponse") -> None:
    """Raises what a status other than 200 means, and RubbishError for a compressed body."""
    if 300 <= response.status < 400:
        to = said(response.headers.get("Location", "nowhere"))
        raise ServerFailedError(
            f"redirects to {to} (status {response.status}), which is not followed: it would send key and"
            " pages elsewhere; give the server's own address in engine.server.endpoints",
            down=True,
        )
    if response.status != 200:
        raise _refusal(response.status, await reader.start_of(response.content))
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RubbishError("compresses its answer, though it was not asked to")


def _refusal(status: int, body: bytes) -> Exception:
    reason = f"status {status}: {reader.message_of(body)}"
    if status in _BUSY:
        return ServerFailedError(reason, down=True)
    if status >= 500:
        return ServerFailedError(reason, down=False)
    wants_key = f"; a key goes into {KEY_VARIABLE}" if status in _KEY_WANTED else ""
    return RequestError(f"the server refuses the request ({reason}{wants_key})")


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Whatever goes wrong with a connection as a ServerFailedError."""
    import aiohttp
    from aiohttp.http_exceptions import HttpProcessingError

    try:
        yield
    except aiohttp.ClientConnectorError as error:
        why = error.os_error.strerror or str(error.os_error)
        raise ServerFailedError(f"cannot connect: {said(why)}", down=True) from None
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
        raise ServerFailedError(said(str(error)) or type(error).__name__, down=True) from None


@contextlib.asynccontextmanager
async def _in_time(limit_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise ServerFailedError(f"no complete answer within {limit_s:g} s", down=True) from None
