"""vLLM's own OpenAI server with our plug-in and nano: one start for all; views and PNG, guard and modes."""

import asyncio
import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_engine.config import EngineConfig, ServerConfig
from ocr_engine.engine.server import wire
from ocr_engine.engine.server.engine import ServerEngine
from ocr_engine.errors import RequestError
from ocr_engine.families import PROMPTS, resolve_mode
from ocr_engine.reading.prepare import prepare
from ocr_engine.records import FinishReason, Generation, GenerationRequest, PageGeometry, PageImage, PageViews

torch = pytest.importorskip("torch", reason="needs vllm")
pytest.importorskip("vllm", reason="needs vllm")
NANO = Path(__file__).parents[3] / "ocr_engine/model/nano"
START_S = 600


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def serve(port: int, log: Path) -> "subprocess.Popen[bytes]":
    """`vllm serve` by its module: the CPU build's command asks for a package of the GPU build's name."""
    words = ("--model", NANO, "--served-model-name", "nano", "--dtype", "float32", "--enforce-eager")
    sizes = ("--max-num-seqs", 4, "--max-num-batched-tokens", 4096, "--no-enable-prefix-caching")
    where = ("--host", "127.0.0.1", "--port", port, "--trust-request-mm-kwargs", "--mm-processor-cache-gb", 0)
    cpu = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    command = [
        sys.executable,
        "-m",
        "vllm.entrypoints.openai.api_server",
        *map(str, (*words, *sizes, *where)),
    ]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | cpu)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, log = free_port(), tmp_path_factory.mktemp("server") / "log"
    process = serve(port, log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(START_S * 2):
            assert process.poll() is None, log.read_text()[-4000:]
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def drawn() -> Image.Image:
    page = Image.new("RGB", (900, 700), "white")
    lines = "\n".join(["river stone winter", "market letter garden", "river stone winter"])
    ImageDraw.Draw(page).text((60, 60), lines, "black", ImageFont.load_default(52))
    return page


def request(mode: str, max_tokens: int = 24, prompt: str = PROMPTS["markdown"]) -> GenerationRequest:
    page = PageImage(drawn(), PageGeometry(900, 700, 450, 350, 144), "pillow")
    views = prepare(page, resolve_mode(mode), png=True).views
    return GenerationRequest(f"a/{mode}", views, prompt, max_tokens, 20, 50)


async def answers(url: str, images: str, *requests: GenerationRequest) -> list[Generation]:
    server = ServerConfig(endpoints=(url,), images=images)  # type: ignore[arg-type]
    engine = ServerEngine(EngineConfig(model="nano", server=server), max_tiles=6)
    await engine.start()
    try:
        return list(await asyncio.gather(*map(engine.generate, requests)))
    finally:
        await engine.stop()


async def test_every_mode_reads_the_same_as_views_and_as_png(url: str) -> None:
    asked = [request(mode) for mode in ("tiny", "base", "gundam")]
    from_views, from_png = await answers(url, "views", *asked), await answers(url, "png", *asked)
    assert [answer.text for answer in from_views] == [answer.text for answer in from_png]
    assert [answer.vision_tokens for answer in from_views] == [73, 273, 893]
    assert all("<|ref|>" in answer.text for answer in from_views)
    assert {answer.finish_reason for answer in from_views} == {FinishReason.LENGTH}
    assert {answer.output_tokens for answer in from_views} == {24}


async def test_the_guard_changes_what_a_server_answers(url: str) -> None:
    (plain,) = await answers(url, "views", replace(request("tiny", 40), ngram_size=0))
    (guarded,) = await answers(url, "views", replace(request("tiny", 40), ngram_size=2, ngram_window=50))
    assert plain.text != guarded.text


async def test_a_server_says_how_probable_each_token_was(url: str) -> None:
    asked = replace(request("tiny", 40), scores=True)
    often, seldom = await answers(url, "views", replace(asked, stream_interval=1), asked)
    assert often.text == seldom.text and often.scores is not None
    assert often.scores == seldom.scores and len(often.scores.logs) == often.output_tokens
    assert often.scores.ends[-1] == len(often.text) and min(often.scores.logs) < 0 >= max(often.scores.logs)


async def test_a_text_that_streams_is_the_text(url: str) -> None:
    engine = ServerEngine(EngineConfig(server=ServerConfig(endpoints=(url,))), max_tiles=6)
    await engine.start()
    pieces: list[str] = []
    answer = await engine.generate(replace(request("tiny", 60), stream_interval=1), pieces.append)
    await engine.stop()
    assert "".join(pieces) == answer.text and len(pieces) > 5


async def test_loops_are_ended_in_the_servers_own_words(url: str) -> None:
    engine = ServerEngine(EngineConfig(server=ServerConfig(endpoints=(url,))), max_tiles=6)
    await engine.start()
    asked = replace(request("tiny", 60), abort_loops=True)
    answer, plain = await asyncio.gather(engine.generate(asked), engine.generate(request("tiny", 60)))
    ids = await engine._tokenize(plain.text)
    assert await engine._decode(ids) == plain.text
    await engine.stop()
    assert answer.loop is None and answer.text == plain.text


async def test_wrong_views_are_refused_and_the_server_lives(url: str) -> None:
    good = request("tiny")
    bad = replace(good, views=PageViews(good.views.global_view, good.views.tiles, (2, 2)))
    engine = ServerEngine(EngineConfig(server=ServerConfig(endpoints=(url,))), max_tiles=6)
    await engine.start()
    with pytest.raises(RequestError, match="grid: 2 x 2"):
        await engine.generate(bad)
    assert (await engine.generate(good)).text
    await engine.stop()


def post(url: str, **changes: object) -> tuple[int, str]:
    """Status and answer of a small chat request."""
    body = {"model": "nano", "max_tokens": 3, "messages": [{"role": "user", "content": "hi"}]} | changes
    asked = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


GUARD = {"ngram_size": 3, "ngram_window": 9, "ngram_whitelist": [5]}
WRONG_SETTINGS = [
    ({"ngram_size": 20}, "ngram_window: missing"),
    ({"ngram_size": 3, "ngram_window": 9}, "ngram_whitelist: missing"),
    ({"ngram_whitelist": [5]}, "ngram_size: missing"),
    (GUARD | {"ngram_whitelist": 5}, "ngram_whitelist: expected a list"),
    (GUARD | {"ngram_whitelist": ["a"]}, "ngram_whitelist: expected an integer"),
    (GUARD | {"ngram_whitelist": [10**12]}, "ngram_whitelist: expected an integer"),
    (GUARD | {"ngram_whitelist": [10**6]}, "ngram_whitelist: expected an integer from 0 to "),
    (GUARD | {"ngram_size": 2.5}, "ngram_size: expected an integer"),
    (GUARD | {"ngram_window": 1 << 40}, "ngram_window: expected an integer"),
]


def test_wrong_settings_of_the_guard_are_refused_and_the_server_lives(url: str) -> None:
    for settings, words in WRONG_SETTINGS:
        status, answer = post(url, vllm_xargs=settings)
        assert (status, words in answer) == (400, True), (settings, status, answer)
        assert post(url)[0] == 200
    assert post(url, vllm_xargs=GUARD)[0] == 200


def saved(tensor: object) -> str:
    file = io.BytesIO()
    torch.save(tensor, file)
    return base64.b64encode(file.getvalue()).decode()


def test_what_is_no_page_is_refused_and_the_server_lives(url: str) -> None:
    views = wire.encoded_views(request("tiny").views)
    floats = wire._npy(np.zeros((512, 512, 3), np.float32))
    sparse, meta = saved(torch.ones(1, 2).to_sparse()), saved(torch.ones(1, 2, device="meta"))
    wrong: list[object] = [
        *(views | {"grids": value} for value in (5, None, {}, True, [1, 1], "AAAA", sparse, meta)),
        *(views | {"global_views": value} for value in (floats, meta)),
        *({}, {"grids": 5}, "AAAA", None, []),
    ]
    for image_embeds in [*wrong, views]:
        part = {"type": "image_embeds", "image_embeds": image_embeds}
        text = {"type": "text", "text": "<image>\nFree OCR."}
        status, answer = post(url, messages=[{"role": "user", "content": [part, text]}])
        assert status == (200 if image_embeds is views else 400), (str(image_embeds)[-200:], status, answer)
