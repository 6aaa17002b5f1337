import asyncio
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocr_engine.config import Config, EngineConfig
from ocr_engine.engine.factory import create_engine
from ocr_engine.engine.replay import BUILT_IN_PAGE, ReplayEngine
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.records import FinishReason, Generation, GenerationRequest, PageViews


def request(request_id="doc/pages/0001", side=1024, tiles=0, grid=(1, 1)):
    views = PageViews(np.zeros((side, side, 3), np.uint8), np.zeros((tiles, 640, 640, 3), np.uint8), grid)
    return GenerationRequest(request_id, views, "<image>\nFree OCR.", 0, 20, 50)


def answer(folder, request_id):
    async def run():
        engine = ReplayEngine(folder)
        return await engine.generate(request(request_id))

    return asyncio.run(run())


@pytest.fixture
def folder(tmp_path):
    pages = tmp_path / "run" / "doc" / "pages"
    pages.mkdir(parents=True)
    (pages / "0001.raw.md").write_bytes("Grüße\r\nline".encode())
    (tmp_path / "secret.raw.md").write_text("outside")
    return tmp_path / "run"


async def test_built_in_page_has_every_kind_of_block_and_right_counts():
    engine = create_engine(Config(engine=EngineConfig(backend="replay")))
    info = engine.identify()
    await engine.start()
    assert info.model == "replay" and "replay" in info.reason
    found = await engine.generate(request(tiles=6, grid=(2, 3)))
    assert found.text == BUILT_IN_PAGE
    assert found.vision_tokens == 903 and found.finish_reason is FinishReason.STOP
    assert found.output_tokens > 0 and found.prompt_tokens > 903
    for mark in ("title", "text", "table", "image"):
        assert f"<|ref|>{mark}<|/ref|>" in found.text
    assert (await engine.generate(request())).vision_tokens == 273


async def test_answers_take_the_delay_that_was_asked_for_beside_one_another():
    delay_s, count = 0.5, 16
    slow = create_engine(Config(engine=EngineConfig(backend="replay", replay_delay_s=delay_s)))
    started = time.perf_counter()
    answers = await asyncio.gather(*(slow.generate(request()) for _ in range(count)))
    assert delay_s <= time.perf_counter() - started < count * delay_s
    assert all(answer.seconds >= delay_s for answer in answers)


async def test_text_comes_in_pieces_that_join_to_the_answer():
    pieces: list[str] = []
    found = await ReplayEngine(None).generate(request(), pieces.append)
    assert "".join(pieces) == found.text and len(pieces) > 2


def looped(text: str, **changes: Any) -> Generation:
    async def run(folder: Path) -> Generation:
        return await ReplayEngine(folder).generate(replace(request("page"), **changes))

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "page.raw.md").write_text(text)
        return asyncio.run(run(Path(folder)))


def test_a_stored_loop_is_aborted_as_a_model_s_would_be():
    text = "# Title\n\nOne line.\n" + "No, this is the same line again.\n" * 900
    found = looped(text, max_tokens=0, abort_loops=True)
    assert found.finish_reason is FinishReason.ABORT and found.loop is not None
    assert found.loop.period_tok == 9 and found.output_tokens < 1200
    assert found.text == "# Title\n\nOne line.\n" + "No, this is the same line again.\n"
    free = looped(text, max_tokens=0)
    assert (free.text, free.loop, free.finish_reason) == (text, None, FinishReason.STOP)
    table = looped("<table>" + "<tr><td></td></tr>" * 900, max_tokens=0, abort_loops=True)
    assert table.loop is not None and 1024 < table.output_tokens < 1200
    assert table.text == "<table><tr><td></td></tr>"


def test_the_token_limit_cuts_stored_text_and_finds_the_loop_at_its_end():
    cut = looped("word " * 3 + " ".join(f"w{k}" for k in range(500)), max_tokens=100, abort_loops=True)
    assert cut.finish_reason is FinishReason.LENGTH and cut.output_tokens == 100 and cut.loop is None
    ends = looped("Some text, then:\n" + "again and " * 300, max_tokens=150, abort_loops=True)
    assert ends.loop is not None and ends.output_tokens == 150
    assert ends.text.startswith("Some text, then:\nagain and") and len(ends.text) < 50


def test_stored_text_comes_back_byte_for_byte(folder):
    assert answer(folder, "doc/pages/0001").text == "Grüße\r\nline"


@pytest.mark.parametrize(
    "bad", ["../secret", "doc/../../secret", "/etc/passwd", "doc/pages/0002", "a\0b", "x" * 5000]
)
def test_a_page_that_is_not_there_is_refused(folder, bad):
    with pytest.raises(RequestError):
        answer(folder, bad)


def test_links_out_of_the_folder_and_pipes_are_refused(folder):
    (folder / "out.raw.md").symlink_to(folder.parent / "secret.raw.md")
    os.mkfifo(folder / "pipe.raw.md")
    for name in ("out", "pipe"):
        with pytest.raises(RequestError):
            answer(folder, name)


def test_a_link_to_the_folder_itself_works(folder):
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert answer(link, "doc/pages/0001").text


def test_missing_folder_and_distinct_ids(tmp_path):
    with pytest.raises(EngineError, match="replay_from"):
        ReplayEngine(tmp_path / "none").identify()
    ids = {ReplayEngine(place).identify().model_id for place in (None, tmp_path)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("content", "family"),
    [
        ('{"model": {"family": "deepseek-ocr-2"}}', "deepseek-ocr-2"),
        ('{"model": {"family": "other"}}', "deepseek-ocr"),
        ('{"model": {"family": []}}', "deepseek-ocr"),
        ("[" * 100_000, "deepseek-ocr"),
        ('{"model": 3}', "deepseek-ocr"),
        ("", "deepseek-ocr"),
    ],
)
def test_family_is_that_of_the_earlier_run(folder, content, family):
    (folder / "run.json").write_text(content)
    assert ReplayEngine(folder).identify().family == family
