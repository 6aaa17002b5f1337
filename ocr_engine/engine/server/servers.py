"""The servers of a run: which one is asked next, and what becomes of a request whose server fails.

A request goes to the server with the shortest queue. A server that fails rests and is asked again; its
requests go to the others. Only one that failed on several servers is given up.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ocr_engine.config import ServerConfig
from ocr_engine.engine.server import wire
from ocr_engine.engine.server.endpoints import Endpoint, Endpoints
from ocr_engine.engine.server.http import Http
from ocr_engine.engine.server.reader import RubbishError, ServerFailedError, decoded, said
from ocr_engine.engine.server.replies import Cards
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.log import logger

T = TypeVar("T")
MAX_TRIES = 5
"""Servers that may fail while they have a page before the page is given up; more where all gave rubbish."""
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

    async def identify(self, timeout_s: float) -> wire.Served:
        """What the first server of the list that answers runs; the others have to run the same.

        Raises:
            EngineError: no server answers within `timeout_s`, or none serves `engine.server.model`.
        """
        if self.served is None:
            http = self._new_http()
            try:
                async with asyncio.timeout(timeout_s):
                    self.served = await self._ask_any(http)
            except TimeoutError:
                raise self._none_ready(f"none answered within {timeout_s:g} s") from None
            finally:
                await http.close()
        return self.served

    def _new_http(self) -> Http:
        return Http(self._config.timeout_s, self._config.answer_timeout_s)

    async def _ask_any(self, http: Http) -> wire.Served:
        """All are asked at once, so that one that does not answer holds up no other."""
        asked = [asyncio.create_task(self._card(http, endpoint)) for endpoint in self._endpoints.all]
        try:
            for card in asked:
                with contextlib.suppress(ServerFailedError, EngineError):
                    return await card
        finally:
            for card in asked:
                card.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        raise self._none_ready("start them, or correct engine.server.endpoints")

    def _none_ready(self, remedy: str) -> EngineError:
        return EngineError(f"no server is ready: {self.reasons()}; {remedy}")

    async def _card(self, http: Http, endpoint: Endpoint) -> wire.Served:
        """Raises ServerFailedError or EngineError, and notes it."""
        try:
            cards = decoded(await http.get(f"{endpoint.url}/v1/models"), Cards)
            return wire.served(cards, self._config.model)
        except (ServerFailedError, EngineError) as error:
            endpoint.reason = said(str(error))
            raise

    async def connect(self, timeout_s: float) -> None:
        """Watch the servers from now on, and wait for the first that is up.

        Raises:
            EngineError: none was within `timeout_s`.
        """
        self._http = self._new_http()
        self._watching = asyncio.create_task(self._watch(self._http))
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._endpoints.any_up)
        except TimeoutError:
            raise self._none_ready(f"none was within {timeout_s:g} s") from None

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
        failed: list[Endpoint] = []
        errors: list[ServerFailedError] = []
        while self._worth_a_try(failed, errors):
            if self._http is None:
                raise EngineError("the engine is not running")
            endpoint = await self._take(avoid=failed)
            try:
                answer = await question(self._http, endpoint.url)
                endpoint.answered()
                return answer
            except ServerFailedError as error:
                failed.append(endpoint)
                errors.append(error)
                if error.down:
                    self._rest(endpoint, str(error))
            finally:
                endpoint.in_flight -= 1
                await self._tell()
        last = f"{failed[-1].url}: {errors[-1]}"
        raise RequestError(f"{len(failed)} tries on running servers failed, the last: {said(last)}")

    def _worth_a_try(self, failed: list[Endpoint], errors: list[ServerFailedError]) -> bool:
        """A page that breaks servers breaks MAX_TRIES; rubbish is no sign of that, so all may be asked."""
        rubbish = all(isinstance(error, RubbishError) for error in errors)
        return len(failed) < MAX_TRIES or (rubbish and bool(self._endpoints.up_but(failed)))

    async def _take(self, avoid: list[Endpoint]) -> Endpoint:
        """The next server to ask, counted as asked; waits for one with room."""
        seen_up_s = time.monotonic()
        async with self._changed:
            while (endpoint := self._endpoints.free(avoid)) is None:
                if self._endpoints.any_up:
                    seen_up_s = time.monotonic()
                elif time.monotonic() > seen_up_s + self._config.patience_s:
                    raise EngineError(
                        f"no server has answered for {self._config.patience_s:g} s"
                        f" (engine.server.patience_s): {self.reasons()}; the same command goes on from here"
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
            logger.warning("%s: %s; its pages go to other servers", said(endpoint.url), said(reason))
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
            self._check_same(await self._card(http, endpoint))
        except Exception as error:  # noqa: BLE001 - whatever one server answers, the watch over all goes on
            endpoint.failed(time.monotonic(), said(str(error)) or type(error).__name__, self._chance)
            return
        if endpoint.failures:
            logger.info("%s: is ready", said(endpoint.url))
        endpoint.came_up()

    def _check_same(self, card: wire.Served) -> None:
        first = self.served
        if first and (card.name, card.max_model_len) != (first.name, first.max_model_len):
            raise EngineError(
                f"serves {card.name} with {card.max_model_len} positions, another server {first.name} with"
                f" {first.max_model_len}"
            )

    def reasons(self) -> str:
        """What each server that has failed said last."""
        return said("; ".join(f"{e.url}: {e.reason}" for e in self._endpoints.all if e.reason))


async def _see_queue(http: Http, endpoint: Endpoint) -> None:
    with contextlib.suppress(ServerFailedError, EngineError):
        length = wire.queue_length((await http.get(f"{endpoint.url}/metrics")).decode("utf-8", "replace"))
        if length is not None:
            endpoint.saw_queue(length)
