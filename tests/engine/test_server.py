"""The client of running servers, against scripted ones: shares out, tries again, waits, gives up in words."""

import asyncio
import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ocr_engine.config import EngineConfig, ServerConfig
from ocr_engine.engine.server import endpoints
from ocr_engine.engine.server.engine import ServerEngine, _blank_page
from ocr_engine.engine.server.reader import RubbishError, decoded
from ocr_engine.engine.server.replies import Choice, Completion, Logprobs, Message, Scored
from ocr_engine.engine.server.servers import MAX_TRIES
from ocr_engine.engine.server.wire import Answer, Asked, chat_body
from ocr_engine.errors import EngineError, RequestError, UsageError
from ocr_engine.families import FAMILIES, OCR2, PROMPTS, UNLIMITED, resolve_mode
from ocr_engine.families.views import make_views
from ocr_engine.records import FinishReason, FurtherPage, GenerationRequest, PageViews
from tests.engine.fake_server import FakeServer, hang_up, raw, running, status

STREAMED = b'data: {"choices": [{"delta": {"content": "# r"}}]}\n\n'


def page(seed: int = 0, tile_px: int = 512) -> PageViews:
    view = np.random.default_rng(seed).integers(0, 256, (512, 512, 3), np.uint8)
    return PageViews(view, np.empty((0, tile_px, tile_px, 3), np.uint8), (1, 1), b"\x89PNG page")


def request(name: str = "a/pages/0001", max_tokens: int = 0) -> GenerationRequest:
    return GenerationRequest(name, page(), PROMPTS["markdown"], max_tokens, 20, 50)


def engine(*servers: FakeServer, **changes: object) -> ServerEngine:
    values = {"endpoints": tuple(s.url for s in servers), "patience_s": 5.0, "in_flight": 4} | changes
    return ServerEngine(EngineConfig(server=ServerConfig(**values), start_timeout_s=5.0), 6)  # type: ignore[arg-type]


async def test_a_page_is_asked_for_as_the_local_engine_would() -> None:
    async with running(FakeServer(text="# read<｜end▁of▁sentence｜>")) as (server,):
        client = engine(server)
        await client.start()
        answer = await client.generate(request())
        await client.stop()
    assert (answer.text, answer.finish_reason) == ("# read", FinishReason.STOP)
    assert (answer.prompt_tokens, answer.vision_tokens, answer.output_tokens) == (84, 73, 4)
    body = server.bodies[-1]
    assert body["temperature"] == 0 and body["skip_special_tokens"] is False
    assert body["max_tokens"] == 4096 - 84
    guard = body["vllm_xargs"]
    assert (guard["ngram_size"], guard["ngram_window"], guard["ngram_whitelist"]) == (20, 50, [7, 8])
    image, text = body["messages"][0]["content"]
    assert text["text"] == PROMPTS["markdown"]
    arrays = {k: np.load(io.BytesIO(base64.b64decode(v))) for k, v in image["image_embeds"].items()}
    assert np.array_equal(arrays["global_views"], page().global_view)
    assert arrays["tiles"].shape == (0, 512, 512, 3) and arrays["grids"].tolist() == [1, 1]


async def test_probabilities_are_asked_for_and_kept_token_by_token() -> None:
    async with running(FakeServer(text="# rëad")) as (server,):
        client = engine(server)
        await client.start()
        answer = await client.generate(replace(request(), scores=True))
        plain = await client.generate(request())
        server.scores = False
        silent = await client.generate(replace(request(), scores=True))
        await client.stop()
    assert answer.scores is not None and plain.scores is None
    assert answer.scores.ends.tolist() == [1, 2, 3, 4, 5, 6]
    assert answer.scores.logs.tolist() == pytest.approx([-ord(char) / 1000 for char in "# rëad"])
    assert (server.bodies[-1]["logprobs"], server.bodies[-1]["top_logprobs"]) == (True, 0)
    assert "logprobs" not in server.bodies[-2]
    assert (silent.text, silent.scores) == ("# rëad", None)


@pytest.mark.parametrize(
    "content",
    [
        [{"token": "a", "logprob": 0.5}], [{"token": "a"}], [{"logprob": -1.0}], ["a"],
        [{"token": "a" * 2000, "logprob": -1}], [{"token": "a", "logprob": -1, "bytes": [256]}],
        [{"token": "a", "logprob": float("-inf")}],
    ],
)  # fmt: skip
def test_probabilities_that_are_none_are_rubbish(content: object) -> None:
    data = json.dumps({"choices": [{"delta": {"content": "a"}, "logprobs": {"content": content}}]})
    with pytest.raises(RubbishError):
        decoded(data.encode(), Completion)


async def test_a_server_that_tells_more_probabilities_than_tokens_gives_rubbish() -> None:
    answer = Answer(max_tokens=2)
    token = Scored("a", -1.0)
    with pytest.raises(RubbishError, match="over 2 tokens"):
        answer.add(Completion([Choice(delta=Message("a"), logprobs=Logprobs([token] * 3))]))


async def test_as_png_the_page_travels_with_its_mode() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server, images="png")
        await client.start()
        await client.generate(request(max_tokens=9))
        await client.stop()
    body = server.bodies[-1]
    url = body["messages"][0]["content"][0]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]) == b"\x89PNG page"
    assert body["mm_processor_kwargs"] == {"mode": "tiny", "max_tiles": 6} and body["max_tokens"] == 9


def test_pages_of_one_request_travel_in_order_with_a_mark_each() -> None:
    further = tuple(FurtherPage(f"a/pages/{number:04d}", page(number)) for number in (2, 3))
    asked = Asked("m", UNLIMITED, 9, (), None)
    together = replace(request(), prompt="<image>Multi page parsing.", further=further, ngram_window=1024)
    body = json.loads(chat_body(together, asked))
    *images, text = body["messages"][0]["content"]
    assert text["text"] == "<image><image><image>Multi page parsing."
    assert body["vllm_xargs"]["ngram_window"] == 1024
    found = [np.load(io.BytesIO(base64.b64decode(one["image_embeds"]["global_views"]))) for one in images]
    assert all(
        np.array_equal(view, page(seed).global_view) for view, seed in zip(found, (0, 2, 3), strict=True)
    )


async def test_text_streams_once_even_when_a_server_is_lost_in_the_middle() -> None:
    async with running(FakeServer(), FakeServer()) as servers:
        client = engine(*servers)
        await client.start()
        for server in servers:
            server.faults = [hang_up(STREAMED)]
        pieces: list[str] = []
        answer = await client.generate(request(), pieces.append)
        await client.stop()
    assert answer.text == "# read" and "".join(pieces) == "# read"
    assert answer.output_tokens == 4


async def test_a_loop_is_ended_and_its_text_kept_once() -> None:
    line = "the same line again\n"
    async with running(FakeServer(text="# read\n" + line * 200)) as (server,):
        client = engine(server)
        await client.start()
        answer = await client.generate(replace(request(), abort_loops=True, scores=True))
        whole = await client.generate(request())
        await client.stop()
    assert answer.loop is not None and answer.loop.period_tok == len(line)
    assert answer.scores is not None and answer.scores.ends[-1] <= len(answer.text)
    assert answer.text.count(line.strip()) == 1 and answer.finish_reason is FinishReason.ABORT
    assert answer.output_tokens < 1000
    assert server.bodies[1]["return_token_ids"] is True
    assert whole.loop is None and whole.text.count(line) == 200 and "return_token_ids" not in server.bodies[2]


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ("length", FinishReason.LENGTH), ("repetition", FinishReason.LENGTH), ("error", FinishReason.ERROR),
        ("abort", FinishReason.ABORT), ("tool_calls", FinishReason.ABORT),
    ],
)  # fmt: skip
async def test_text_is_kept_however_an_answer_ends(ends: str, expected: FinishReason) -> None:
    async with running(FakeServer(text="\n# read")) as (server,):
        client = engine(server)
        await client.start()
        server.ends = ends
        answer = await client.generate(replace(request(), abort_loops=True))
        await client.stop()
    assert (answer.text, answer.finish_reason, answer.loop) == ("\n# read", expected, None)


async def test_a_failure_before_any_text_is_asked_again_elsewhere() -> None:
    async with running(FakeServer(), FakeServer()) as servers:
        client = engine(*servers)
        await client.start()
        servers[0].ends, servers[0].text = "error", ""
        answers = await asyncio.gather(*(client.generate(request()) for _ in range(4)))
        await client.stop()
    assert {answer.text for answer in answers} == {"# read"}


async def test_a_warm_answer_is_seeded() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        await client.generate(replace(request(), temperature=0.3))
        await client.stop()
    assert (server.bodies[-1]["temperature"], server.bodies[-1]["seed"]) == (0.3, 0)


async def test_pages_go_to_the_shortest_queue() -> None:
    async with running(FakeServer(wait_s=0.05), FakeServer(wait_s=0.05, queue=100)) as (idle, busy):
        client = engine(idle, busy, in_flight=3)
        await client.start()
        await asyncio.gather(*(client.generate(request()) for _ in range(12)))
        await client.stop()
    assert len(idle.bodies) > len(busy.bodies)
    assert idle.most_running <= 3 and busy.most_running <= 3


async def test_equal_servers_share_equally() -> None:
    async with running(FakeServer(wait_s=0.02), FakeServer(wait_s=0.02)) as servers:
        client = engine(*servers, in_flight=2)
        await client.start()
        await asyncio.gather(*(client.generate(request()) for _ in range(20)))
        await client.stop()
    counts = [len(server.bodies) for server in servers]
    assert min(counts) >= 7, counts


async def test_a_killed_server_loses_nothing_and_is_used_again_after_its_restart() -> None:
    async with running(FakeServer(wait_s=0.05), FakeServer(wait_s=0.05)) as (first, second):
        client = engine(first, second)
        await client.start()
        pages = [asyncio.create_task(client.generate(request(str(n)))) for n in range(30)]
        await asyncio.sleep(0.08)
        port = await first.stop()
        first.bodies.clear()
        await asyncio.sleep(0.1)
        await first.start(port)
        answers = await asyncio.gather(*pages)
        async with asyncio.timeout(10):
            while not first.bodies:
                await client.generate(request())
        await client.stop()
    assert [answer.text for answer in answers] == ["# read"] * 30


async def test_with_no_server_left_pages_wait_for_one_to_come_back() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        port = await server.stop()
        waiting = asyncio.create_task(client.generate(request()))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await server.start(port)
        assert (await waiting).text == "# read"
        await client.stop()


async def test_patience_ends_with_what_each_server_said() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server, patience_s=0.2)
        await client.start()
        await server.stop()
        with pytest.raises(EngineError, match=r"patience_s.*127\.0\.0\.1") as caught:
            await client.generate(request())
        assert not isinstance(caught.value, RequestError)
        await client.stop()


@pytest.mark.parametrize(
    "fault",
    [
        status(500),
        status(503),
        status(429),
        hang_up(),
        raw(b"{}"),
        raw(b"not json"),
        raw(b'{"choices": []}'),
        raw(b"[]"),
    ],
    ids=["500", "503", "429", "cut", "empty", "no-json", "no-choice", "list"],
)
async def test_a_server_that_fails_is_not_the_end_of_a_page(fault: object) -> None:
    async with running(FakeServer(), FakeServer()) as servers:
        client = engine(*servers)
        await client.start()
        for server in servers:
            server.faults = [fault]  # type: ignore[list-item]
        assert (await client.generate(request())).text == "# read"
        await client.stop()


async def test_a_page_on_which_every_try_fails_is_given_up_alone() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        server.faults = [status(500, "boom")] * MAX_TRIES
        with pytest.raises(RequestError, match="boom"):
            await client.generate(request())
        assert (await client.generate(request())).text == "# read"
        await client.stop()


async def test_a_refused_page_is_not_tried_again() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server)
        await client.start()
        server.faults, before = [status(400, "too long\x1b[2J")], len(server.bodies)
        with pytest.raises(RequestError, match="too long") as caught:
            await client.generate(request())
        assert "\x1b" not in str(caught.value) and len(server.bodies) == before + 1
        await client.stop()


async def test_a_server_without_the_plug_in_is_found_at_the_start() -> None:
    async with running(FakeServer(faults=[status(400, "image_embeds")])) as (server,):
        client = engine(server)
        with pytest.raises(EngineError, match="install this project where the server runs"):
            await client.start()
        await client.stop()


async def test_other_token_counts_mean_other_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.01)
    async with running(FakeServer(vision_tokens=903)) as (server,):
        client = engine(server, images="png")
        with pytest.raises(EngineError, match="914 tokens, expected 84.*install this project"):
            await client.start()
        await client.stop()


@pytest.mark.parametrize(
    ("family", "mode"), [(f, mode) for f, family in FAMILIES.items() for mode in family.modes]
)
def test_the_first_page_is_cut_as_a_server_would(family: str, mode: str) -> None:
    blank = _blank_page(mode, family)
    cut = make_views(Image.open(io.BytesIO(blank.page_png)), resolve_mode(mode, None, family))
    assert blank.global_view.shape == cut.global_view.shape and blank.grid == tuple(cut.grid) == (1, 1)
    assert blank.tiles.shape == cut.tiles.shape


async def test_a_server_of_another_model_gets_no_pages() -> None:
    async with running(FakeServer(), FakeServer(name="other")) as (ours, other):
        client = engine(ours, other)
        await client.start()
        await asyncio.gather(*(client.generate(request()) for _ in range(6)))
        await client.stop()
    assert not other.bodies and len(ours.bodies) == 7


async def test_cancelling_frees_the_place_in_the_queue() -> None:
    async with running(FakeServer()) as (server,):
        client = engine(server, in_flight=1)
        await client.start()
        server.wait_s = 60
        first = asyncio.create_task(client.generate(request()))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        server.wait_s = 0
        async with asyncio.timeout(5):
            assert (await client.generate(request())).text == "# read"
        await client.stop()


async def test_identify_names_model_capacity_and_family() -> None:
    async with running(FakeServer(name="DeepSeek-OCR-2"), FakeServer()) as servers:
        client = engine(*servers)
        info = await asyncio.to_thread(client.identify)
        assert (info.model, info.max_model_len, info.capacity) == ("DeepSeek-OCR-2", 4096, 8)
        assert info.family == OCR2 and info.model_id.startswith("server-")
        with_model = ServerEngine(
            EngineConfig(model="nano", server=ServerConfig(endpoints=(servers[0].url,))), max_tiles=6
        )
        known = await asyncio.to_thread(with_model.identify)
        assert len(known.model_id) == 24 and known.family != OCR2


async def test_no_server_and_a_wrong_name_are_said_plainly() -> None:
    with pytest.raises(EngineError, match="no server is ready: http://127.0.0.1:9"):
        nobody = EngineConfig(server=ServerConfig(endpoints=("http://127.0.0.1:9",)))
        await asyncio.to_thread(ServerEngine(nobody, 6).identify)
    async with running(FakeServer()) as (server,):
        with pytest.raises(EngineError, match="serves nano, and not big"):
            await asyncio.to_thread(engine(server, model="big").identify)
        with pytest.raises(UsageError):
            wrong = EngineConfig(model="/no/such", server=ServerConfig(endpoints=(server.url,)))
            await asyncio.to_thread(ServerEngine(wrong, 6).identify)


async def test_a_key_from_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_ENGINE_API_KEY", "hush")
    seen: list[str] = []
    async with running(FakeServer()) as (server,):
        client = engine(server, images="png")
        await client.start()
        server.faults = [lambda r: seen.append(r.headers["Authorization"])]
        await client.generate(request())
        await client.stop()
    assert seen == ["Bearer hush"]
