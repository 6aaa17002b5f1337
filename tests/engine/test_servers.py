"""Servers that answer nonsense, or are busy for long: the watch over all goes on, and rests grow."""

import asyncio
import random

import pytest

from ocr_engine.config import EngineConfig, ServerConfig
from ocr_engine.engine.server import wire
from ocr_engine.engine.server.endpoints import FIRST_REST_S, Endpoint
from ocr_engine.engine.server.engine import ServerEngine
from ocr_engine.errors import EngineError
from tests.engine.fake_server import FakeServer, running, status
from tests.engine.test_server import engine, request

GREETING = b"220 mail.example ready\r\n"
NESTED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + b"[" * 200_000


def rest_s(endpoint: Endpoint) -> float:
    """How long it rests after a failure at time 0, without jitter."""
    chance = random.Random()
    chance.uniform = lambda low, high: high  # type: ignore[method-assign]
    endpoint.failed(0.0, "busy", chance)
    return endpoint.rests_until_s


def test_rests_grow_until_a_server_does_its_work() -> None:
    endpoint = Endpoint("http://one")
    rests = []
    for _ in range(3):
        rests.append(rest_s(endpoint))
        endpoint.came_up()
    assert rests == [FIRST_REST_S, 2 * FIRST_REST_S, 4 * FIRST_REST_S] and endpoint.up
    endpoint.answered()
    assert rest_s(endpoint) == FIRST_REST_S


async def test_a_page_outlasts_a_server_that_is_busy_for_a_while() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        server.faults = [status(429)] * 4
        started_s = asyncio.get_running_loop().time()
        answer = await client.generate(request())
        waited_s = asyncio.get_running_loop().time() - started_s
        assert [one.failures for one in client._servers._endpoints.all] == [0]
        await client.stop()
    # Half of 0.5 + 1 + 2 + 4 s, with the least jitter.
    assert answer.text == "# read" and waited_s > 3.5


@pytest.mark.parametrize("value", ["1e999", "...", "1e9e9"])
def test_a_queue_that_is_no_number_is_no_queue(value: str) -> None:
    assert wire.queue_length(f"vllm:num_requests_waiting {value}\n") is None


async def garbage(data: bytes) -> asyncio.Server:
    """Something that is no such server: says its piece to whoever connects."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(say, "127.0.0.1", 0)


def url_of(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("data", [GREETING, NESTED, b""])
async def test_what_is_no_such_server_is_said_in_one_line(data: bytes) -> None:
    async with await garbage(data) as server:
        config = EngineConfig(server=ServerConfig(endpoints=(url_of(server),)))
        with pytest.raises(EngineError, match="no server is ready: http"):
            await asyncio.to_thread(ServerEngine(config, 6).identify)


@pytest.mark.parametrize("data", [GREETING, NESTED])
async def test_nonsense_from_one_server_stops_the_watch_over_none(data: bytes) -> None:
    async with running(FakeServer()) as (server,), await garbage(data) as other:
        client = engine(server, endpoints=(server.url, url_of(other)), patience_s=0.5)
        await client.start()
        await client.generate(request())
        port = await server.stop()
        async with asyncio.timeout(30):
            with pytest.raises(EngineError, match=r"no server has answered for 0.5 s"):
                await client.generate(request())
        await server.start(port)
        await client.stop()
