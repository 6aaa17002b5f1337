"""The servers of a run: which one is asked next, and what becomes of a request whose server fails.

A request goes to the server with the shortest queue. A server that fails rests and is asked again; its
requests go to the others. Only one that failed on several servers is given up.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ocr_engine.config import ServerConfig
from ocr_engine.engine.server import wire
from ocr_engine.engine.server.endpoints import Endpoint, Endpoints
from ocr_engine.engine.server.http import Http, ServerFailedError, get_now
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.log import logger, printable

T = TypeVar("T")
MAX_TRIES = 5
"""Servers that may fail while they have a page before the page is given up."""
_PROBE_EVERY_S = 0.25
_QUEUE_EVERY_S = 2.0


class Servers:
    """Connections to all endpoints of `engine.server`, watched while they are open."""

    def __init__(self, config: ServerConfig) -> None:
        """Asks nothing of a server."""
        self._config = config
        endpoints = [Endpoint(url.rstrip("/").removesuffix("/v1")) for url in config.endpoints]
        self._endpoints = Endpoints(endpoints, config.in_flight)
        self._http: Http | None = None
        self._watching: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._chance = random.Random()
        self.served: wire.Served | None = None
        """What the servers run, once one of them has said it."""

    @property
    def urls(self) -> list[str]:
        """Of all servers, up or down."""
        return [endpoint.url for endpoint in self._endpoints.all]

    def identify(self) -> wire.Served:
        """What the first server that answers runs; the others have to run the same. Blocks.

        Raises:
            EngineError: no server answers, or none serves `engine.server.model`.
        """
        self.served = self.served or self._ask_any()
        return self.served

    def _ask_any(self) -> wire.Served:
        for endpoint in self._endpoints.all:
            try:
                return wire.served(get_now(f"{endpoint.url}/v1/models"), self._config.model)
            except (OSError, ValueError, RecursionError, EngineError) as error:
                endpoint.reason = str(error)
        raise EngineError(
            f"no server is ready: {self._reasons()}; start them, or correct engine.server.endpoints"
        )

    async def connect(self, timeout_s: float) -> None:
        """Watch the servers from now on, and wait for the first that is up.

        Raises:
            EngineError: none was within `timeout_s`.
        """
        self._http = Http(self._config.timeout_s)
        self._watching = asyncio.create_task(self._watch(self._http))
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._endpoints.any_up)
        except TimeoutError:
            raise EngineError(f"no server is ready: {self._reasons()}") from None

    async def close(self) -> None:
        """Close the connections; the servers go on."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        http, self._http, self._watching = self._http, None, None
        if http is not None:
            await http.close()

    async def ask(self, question: Callable[[Http, str], Awaitable[T]]) -> T:
        """What the first server that answers says to `question`, which gets the server's URL.

        Raises:
            RequestError: a server refuses the request, or MAX_TRIES servers failed while they had it.
            EngineError: not connected, or no server answered for `engine.server.patience_s`.
        """
        failed: Endpoint | None = None
        reason = ""
        for _ in range(MAX_TRIES):
            if self._http is None:
                raise EngineError("the engine is not running")
            endpoint = await self._take(avoid=failed)
            try:
                answer = await question(self._http, endpoint.url)
                endpoint.answered()
                return answer
            except ServerFailedError as error:
                failed, reason = endpoint, f"{endpoint.url}: {error}"
                if error.down:
                    self._rest(endpoint, str(error))
            finally:
                endpoint.in_flight -= 1
                await self._tell()
        raise RequestError(f"{MAX_TRIES} tries on running servers failed, the last: {printable(reason)}")

    async def _take(self, avoid: Endpoint | None) -> Endpoint:
        """The next server to ask, counted as asked; waits for one with room."""
        seen_up_s = time.monotonic()
        async with self._changed:
            while (endpoint := self._endpoints.free(avoid)) is None:
                if self._endpoints.any_up:
                    seen_up_s = time.monotonic()
                elif time.monotonic() > seen_up_s + self._config.patience_s:
                    raise EngineError(
                        f"no server has answered for {self._config.patience_s:g} s"
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
            card = wire.served(json.loads(await http.get(f"{endpoint.url}/v1/models")), self._config.model)
            self._check_same(card)
        except Exception as error:  # noqa: BLE001 - whatever one server answers, the watch over all goes on
            endpoint.failed(time.monotonic(), str(error) or type(error).__name__, self._chance)
            return
        if endpoint.failures:
            logger.info("%s: is ready", printable(endpoint.url))
        endpoint.came_up()

    def _check_same(self, card: wire.Served) -> None:
        first = self.served
        if first and (card.name, card.max_model_len) != (first.name, first.max_model_len):
            raise EngineError(
                f"serves {card.name} with {card.max_model_len} positions, another server {first.name} with"
                f" {first.max_model_len}"
            )

    def _reasons(self) -> str:
        return printable("; ".join(f"{e.url}: {e.reason}" for e in self._endpoints.all if e.reason))


async def _see_queue(http: Http, endpoint: Endpoint) -> None:
    with contextlib.suppress(OSError, EngineError):
        length = wire.queue_length((await http.get(f"{endpoint.url}/metrics")).decode("utf-8", "replace"))
        if length is not None:
            endpoint.saw_queue(length)
