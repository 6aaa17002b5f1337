"""Servers that are broken or hostile: answers are bounded in bytes, values and time, every end has words."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.engine.server import endpoints, http, reader, servers, wire
from ocr_engine.engine.server.endpoints import Endpoint, Endpoints
from ocr_engine.engine.server.engine import ServerEngine
from ocr_engine.engine.server.reader import BODY_BYTES, LINE_BYTES, RubbishError, ServerFailedError
from ocr_engine.engine.server.replies import Cards, Completion, Detokenized, Tokenized
from ocr_engine.errors import EngineError, RequestError
from tests.engine.fake_server import FakeServer, hang_up, running, status
from tests.engine.hostile_server import DIGITS, Endless, body, events, redirect, stream, whole, zipped
from tests.engine.test_server import engine, request

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
TEXT = {"choices": [{"delta": {"content": "x"}}]}
NO_TEXT: dict[str, Any] = {"choices": [{"delta": {}}]}
HUGE = 256 << 20
SLACK = 32 << 20
"""What lies in buffers of both ends beside what was read."""
CARD = '{"data": [{"id": "nano", "root": "r", "max_model_len": %s}]}'


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.01)
    monkeypatch.setattr(endpoints, "LONGEST_REST_S", 0.05)
    monkeypatch.setattr(servers, "_PROBE_EVERY_S", 0.02)


def impatient(client: ServerEngine, still_s: float = 0.15, whole_s: float = 0.4) -> None:
    """From now on; the start was given its time."""
    http = client._servers._http
    assert http is not None
    http._still_s, http._whole_s = still_s, whole_s


def replaced(**changes: bytes) -> bytes:
    """The good answer with numbers that Python's JSON would not write."""
    text = whole(token_ids=["IDS"], usage={"prompt_tokens": "PROMPT", "completion_tokens": 5})
    values = {"prompt": b"84", "ids": b"5"} | changes
    return text.replace(b'"PROMPT"', values["prompt"]).replace(b'"IDS"', values["ids"])


END = ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, {"usage": {"prompt_tokens": 84}})
RUBBISH: dict[str, Any] = {
    "usage-infinity": body(replaced(prompt=b"Infinity")),
    "usage-nan": body(replaced(prompt=b"NaN")),
    "usage-400-digits": body(replaced(prompt=DIGITS)),
    "usage-negative": body(replaced(prompt=b"-1")),
    "usage-other": body(replaced(prompt=b"85")),
    "usage-1e999": body(replaced(prompt=b"1e999")),
    "usage-list": body(whole(usage=[1])),
    "ids-infinity": body(replaced(ids=b"Infinity")),
    "ids-400-digits": body(replaced(ids=DIGITS)),
    "ids-no-character": body(replaced(ids=b"1114112")),
    "ids-words": body(whole(token_ids=["five"])),
    "ids-object": body(whole(token_ids={})),
    "ids-too-many": body(whole(token_ids=[1] * 5000)),
    "ids-without-text": stream(*[{"choices": [{"delta": {}, "token_ids": [1] * 1000}]}] * 5, *END),
    "tokens-too-many": body(whole(usage={"prompt_tokens": 84, "completion_tokens": 1 << 20})),
    "finish-list": body(whole(finish_reason=["stop"])),
    "finish-dict": body(whole(finish_reason={"stop": 1})),
    "content-dict": body(whole(message={"content": {}})),
    "message-list": body(whole(message=[])),
    "choices-dict": body(b'{"choices": {"0": {}}}'),
    "surrogate": body(whole(message={"content": "SURROGATE"}).replace(b"SURROGATE", rb"\ud800")),
    "no-utf-8": body(whole(message={"content": "BYTES"}).replace(b"BYTES", b"\xff\xfe")),
    "utf-16": body(whole().decode().encode("utf-16")),
    "deep": body(b'{"choices": ' + b"[" * 200_000),
    "deep-unknown": body(b'{"other": ' + b'{"a":' * 200_000),
    "no-json": body(b"<html>"),
    "stream-no-json": body(b"data: <html>\n\n", "text/event-stream"),
    "stream-error": stream(TEXT, {"error": {"message": "boom"}}),
    "stream-error-list": stream(TEXT, {"error": []}),
    "empty": body(b""),
    "zipped": zipped(whole()),
    "zipped-bomb": zipped(bytes(32 << 20)),
    "brotli": body(whole(), Content_Encoding="br"),
    "long-line": body(b"data: " + b"x" * (LINE_BYTES + 1), "text/event-stream"),
    "long-body": body(b'{"choices": [], "x": "' + b"x" * BODY_BYTES + b'"}'),
    "long-header": body(whole(), X_Long="x" * 20_000),
    "many-headers": body(whole(), **{f"X_{n}": "1" for n in range(500)}),
    "redirect": redirect("http://127.0.0.1:9/"),
}


@pytest.fixture
async def two() -> AsyncIterator[tuple[FakeServer, FakeServer]]:
    async with running(FakeServer(), FakeServer()) as (first, second):
        yield first, second


@pytest.mark.parametrize("fault", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish_sends_a_page_to_another_server_and_from_all_fails_it(
    fault: Any, two: tuple[FakeServer, FakeServer]
) -> None:
    hostile, good = two
    client = engine(hostile, good)
    await client.start()
    hostile.instead[CHAT] = fault
    answers = await asyncio.gather(*(client.generate(request()) for _ in range(4)))
    assert [answer.text for answer in answers] == ["# read"] * 4 and len(good.bodies) >= 4
    good.instead[CHAT] = fault
    with pytest.raises(RequestError, match=r"5 tries .* failed, the last: http://127\.0\.0\.1:\d+: \w"):
        await client.generate(request())
    good.instead.clear()
    assert (await client.generate(request())).text == "# read"
    await client.stop()


ENDLESS: dict[str, tuple[Endless, str]] = {
    "byte-by-byte": (Endless((b" ",), every_s=0.01), "nothing new .*timeout_s"),
    "keep-alives": (Endless((b": ping\n\n",), "text/event-stream", 0.01), "nothing new .*timeout_s"),
    "no-text": (Endless(events(NO_TEXT), "text/event-stream", 0.01), "nothing new .*timeout_s"),
    "text": (Endless(events(TEXT), "text/event-stream", 0.01), "no complete answer .*answer_timeout_s"),
    "silence": (Endless((b"",), every_s=0.01), "nothing new .*timeout_s"),
}


@pytest.mark.parametrize(("fault", "reason"), ENDLESS.values(), ids=ENDLESS)
async def test_an_endless_answer_is_ended(
    fault: Endless, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        impatient(client)
        monkeypatch.setattr(servers, "MAX_TRIES", 2)
        server.instead[CHAT] = fault
        with pytest.raises(RequestError, match=reason):
            await client.generate(request())
        assert fault.taken_times == 2
        await client.stop()


TOO_LONG: dict[str, tuple[str, Endless]] = {
    "body": (CHAT, Endless((b" " * 65536,), limit_bytes=HUGE)),
    "line": (CHAT, Endless((b"x" * 65536,), "text/event-stream", limit_bytes=HUGE)),
    "keep-alives": (
        CHAT,
        Endless(((b":" + b" " * 62 + b"\n") * 1024,), "text/event-stream", limit_bytes=HUGE),
    ),
    "text": (CHAT, Endless((b"".join(events(TEXT) * 2000),), "text/event-stream", limit_bytes=HUGE)),
    "ids": (
        CHAT,
        Endless(
            events({"choices": [{"delta": {}, "token_ids": [7] * 9999}]}),
            "text/event-stream",
            limit_bytes=HUGE,
        ),
    ),
    "tokenize": ("/tokenize", Endless((b'{"tokens": [' + b"1," * 32768,), limit_bytes=HUGE)),
    "detokenize": ("/detokenize", Endless((b'{"prompt": "' + b"x" * 65536,), limit_bytes=HUGE)),
    "error": (CHAT, Endless((b" " * 65536,), limit_bytes=HUGE)),
}


@pytest.mark.parametrize(("path", "fault"), TOO_LONG.values(), ids=TOO_LONG)
async def test_of_a_long_answer_no_more_is_read_than_its_bound(
    path: str, fault: Endless, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        monkeypatch.setattr(servers, "MAX_TRIES", 1)
        server.instead[path] = fault
        with pytest.raises(RequestError, match="over [0-9,]+ (bytes|characters|tokens)"):
            if path == CHAT:
                await client.generate(request())
            await client._tokenize("any")
            await client._decode([1])
        await client.stop()
    assert 0 < fault.sent_bytes < max(reader.STREAM_BYTES, BODY_BYTES) + SLACK < HUGE


async def test_of_a_long_error_only_the_start_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        server.instead[CHAT] = status(400, "no " * 10_000_000)
        with pytest.raises(RequestError, match="status 400") as caught:
            await client.generate(request())
        assert len(str(caught.value)) < 1000
        await client.stop()


@pytest.mark.parametrize("charset", ["rot13", "hex", "utf-16", "no such", "utf-7", "x" * 5000])
async def test_json_is_read_as_utf_8_whatever_a_charset_says(charset: str) -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        text = whole(message={"content": "# réad 文"})
        server.instead[CHAT] = body(text, f"application/json; charset={charset}")
        assert (await client.generate(request())).text == "# réad 文"
        await client.stop()


async def test_nothing_compressed_is_asked_for(two: tuple[FakeServer, FakeServer]) -> None:
    client = engine(*two)
    await client.start()
    await client.stop()
    asked = [one for server in two for one in server.requests]
    assert asked and {one.headers["Accept-Encoding"] for one in asked} == {"identity"}


@pytest.mark.parametrize("path", ["/tokenize", "/detokenize"])
@pytest.mark.parametrize(
    "data",
    [
        b'{"tokens": [Infinity], "prompt": Infinity}',
        b'{"tokens": [%b], "prompt": %b}' % (DIGITS, DIGITS),
        b'{"tokens": {"0": 1}, "prompt": ["x"]}',
        rb'{"tokens": ["\ud800"], "prompt": "\ud800"}',
        b'{"tokens": [1.5], "prompt": "\xff"}',
        b"[" * 100_000,
        b"null",
    ],
    ids=["infinity", "digits", "types", "surrogate", "bytes", "deep", "null"],
)
async def test_words_and_tokens_are_checked_too(
    path: str, data: bytes, two: tuple[FakeServer, FakeServer]
) -> None:
    hostile, good = two
    client = engine(hostile, good)
    await client.start()
    hostile.instead[path] = body(data)
    for _ in range(2):
        assert await client._tokenize("<td>") == [7] and await client._decode([65]) == "A"
    await client.stop()


NO_CARDS: dict[str, bytes] = {
    "infinity": (CARD % "Infinity").encode(),
    "digits": (CARD % DIGITS.decode()).encode(),
    "negative": (CARD % "-1").encode(),
    "null": (CARD % "null").encode(),
    "words": (CARD % '"many"').encode(),
    "surrogate": (CARD % "4096").replace("nano", r"\ud800").encode(),
    "no-utf-8": (CARD % "4096").encode().replace(b"nano", b"\xff"),
    "no-name": (CARD % "4096").replace("nano", "").encode(),
    "long-name": (CARD % "4096").replace("nano", "n" * 5000).encode(),
    "list": b"[]",
    "none": b'{"data": []}',
    "deep": b"[" * 100_000,
    "long": b" " * (BODY_BYTES + 1),
}


@pytest.mark.parametrize("data", NO_CARDS.values(), ids=NO_CARDS)
async def test_a_server_that_says_nonsense_of_its_model_is_named_in_one_line(data: bytes) -> None:
    async with running(FakeServer(instead={MODELS: body(data)})) as (server,):
        with pytest.raises(EngineError, match=r"no server is ready: http://127\.0\.0\.1:\d+: \w") as caught:
            await asyncio.to_thread(engine(server).identify)
    assert "\n" not in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < 600


async def test_an_adapter_without_a_length_hides_no_model() -> None:
    cards = {
        "data": [{"id": "nano", "root": "r", "max_model_len": 4096}, {"id": "lora", "max_model_len": None}]
    }
    async with running(FakeServer(instead={MODELS: body(json.dumps(cards).encode())})) as (server,):
        assert (await asyncio.to_thread(engine(server).identify)).max_model_len == 4096


async def test_a_drip_holds_up_neither_the_start_nor_other_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "SHORT_S", 2.0)
    drip = Endless((b" ",), every_s=0.01)
    async with running(FakeServer(instead={MODELS: drip}), FakeServer()) as (hostile, good):
        alone = engine(hostile)
        object.__setattr__(alone._config, "start_timeout_s", 0.3)
        with pytest.raises(EngineError, match=r"no server is ready: .*within 0\.3 s"):
            await asyncio.to_thread(alone.identify)
        both = engine(hostile, good)
        object.__setattr__(both._config, "start_timeout_s", 60.0)
        assert (await asyncio.to_thread(both.identify)).model == "nano"


@pytest.mark.parametrize("path", [CHAT, "/tokenize"])
async def test_the_start_ends_when_a_server_hangs_later_in_it(path: str) -> None:
    async with running(FakeServer(instead={path: Endless((b" ",), every_s=0.01)})) as (server,):
        client = engine(server)
        object.__setattr__(client._config, "start_timeout_s", 1.0)
        with pytest.raises(EngineError, match=r"read no page within 1 s \(engine\.start_timeout_s\)"):
            await client.start()
        await client.stop()


async def test_key_and_page_follow_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_ENGINE_API_KEY", "sk-SECRETKEY")
    async with running(FakeServer(), FakeServer()) as (server, thief):
        client = engine(server)
        await client.start()
        server.instead[CHAT] = redirect(f"{thief.url}{CHAT}?k=sk-SECRETKEY")
        with pytest.raises(
            RequestError, match=r"redirects to http://127\.0\.0\.1:\d+.*not followed"
        ) as caught:
            await client.generate(request())
        await client.stop()
        server.instead[MODELS] = redirect(f"{thief.url}{MODELS}", 302)
        with pytest.raises(EngineError, match="redirects to"):
            await asyncio.to_thread(engine(server).identify)
        assert not thief.requests and "SECRETKEY" not in str(caught.value)
        assert {one.headers["Authorization"] for one in server.requests} == {"Bearer sk-SECRETKEY"}


async def test_a_server_that_repeats_the_key_does_not_get_it_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_ENGINE_API_KEY", "sk-SECRETKEY")
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        for code in (401, 500):
            server.instead[CHAT] = status(code, "wrong key: sk-SECRETKEY")
            with pytest.raises(RequestError, match="wrong key: …") as caught:
                await client.generate(request())
            assert "SECRETKEY" not in str(caught.value)
        await client.stop()


async def test_all_servers_but_one_give_rubbish_and_none_loses_a_page() -> None:
    bad = [FakeServer(instead={CHAT: body(b"{")}) for _ in range(7)]
    async with running(FakeServer(), *bad) as (good, *_):
        client = engine(good, *bad)
        good.queue = 1000
        await client.start()
        assert (await client.generate(request())).text == "# read"
        await client.stop()


async def test_a_page_that_breaks_servers_breaks_no_more_than_its_tries() -> None:
    async with running(*(FakeServer() for _ in range(7))) as found:
        client = engine(*found)
        await client.start()
        before = sum(len(server.bodies) for server in found)
        for server in found:
            server.instead[CHAT] = hang_up()
        with pytest.raises(RequestError, match="5 tries"):
            await client.generate(request())
        tries = sum(one.path == CHAT for server in found for one in server.requests) - before
        assert tries == servers.MAX_TRIES
        await client.stop()


def test_a_server_that_failed_on_a_page_is_its_last_choice() -> None:
    first, second = Endpoint("one", up=True), Endpoint("two", up=True, in_flight=4)
    both = Endpoints([first, second], in_flight=4)
    assert both.free([first]) is None, "the other one is up, and worth waiting for"
    second.up = False
    assert both.free([first]) is first


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["\ud800", DIGITS.decode()]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "usage", "data", "tokens", "prompt", "id"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_whatever_json_says_is_a_record_or_rubbish(data: bytes) -> None:
    for kind in (Completion, Cards, Tokenized, Detokenized):
        try:
            assert isinstance(reader.decoded(data, kind), kind)
        except RubbishError as error:
            assert str(error).isprintable()
        except ServerFailedError:
            pytest.fail("not said to be rubbish")


def test_metrics_of_one_endless_label_take_no_time() -> None:
    started_s = time.process_time()
    wire.queue_length("vllm:num_requests_waiting{\n" * 300_000)
    assert time.process_time() - started_s < 20
