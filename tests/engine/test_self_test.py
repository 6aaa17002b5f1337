"""The self-test against engines made of a few lines, each broken in one way."""

import json
import shutil

import numpy as np
import pytest

from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.ngram import banned_tokens
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.self_test import (
    Reply,
    check_engine,
    expanded_prompt,
    read_golden,
    smallest_page,
    warm_up,
)
from ocr_engine.errors import EngineError
from ocr_engine.families import FAMILIES, NGRAM_WHITELIST, OCR, OCR2


@pytest.fixture(scope="module")
def nano():
    return resolve("nano")


@pytest.fixture(scope="module")
def prompts(nano):
    return PromptEncoder(nano.folder, NGRAM_WHITELIST)


@pytest.fixture(scope="module")
def golden(nano):
    return read_golden(nano.folder, nano.model_id)


def engine(prompts, golden, family=OCR, guarded=True, whitelist=None, count=0, answer=None):
    """Greedy, the first token allowed before the second; the golden page by heart."""
    allowed = prompts.whitelist_ids if whitelist is None else whitelist

    async def ask(request, tokens):
        seen = expanded_prompt(prompts, request, family) + [prompts.image_id] * count
        if not tokens:
            return Reply(seen, golden.token_ids if answer is None else answer)
        ids = []
        for _ in range(request.max_tokens):
            banned = banned_tokens(ids, request.ngram_size, request.ngram_window, allowed) if guarded else ()
            ids.append(next((token for token in tokens if token not in banned), 7))
        return Reply(seen, ids)

    return ask


async def test_warming_up_asks_for_pages_with_drafts_and_without(prompts):
    asked = []

    async def ask(request, tokens):
        asked.append((request, tuple(tokens)))
        return Reply([], [])

    await warm_up(ask, prompts, OCR)
    assert {bool(request.draft) for request, _ in asked} == {True, False}
    assert all(request.ngram_size and not tokens and request.max_tokens > 8 for request, tokens in asked)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_right_engine_passes(prompts, golden, family):
    await check_engine(engine(prompts, golden, family), prompts, family, golden)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"guarded": False}, ["n-gram guard: 4 tokens", "token 2"]),
        ({"whitelist": ()}, ["whitelist", "token 2"]),
        ({"count": 1}, ["image tokens", "too few or many"]),
        ({"count": -1}, ["image tokens"]),
        ({"answer": [36, 5647]}, ["golden page was read as 'A letter", "expected 'A letter from the city"]),
        ({"answer": []}, ["golden page was read as ''"]),
    ],
)
async def test_each_fault_is_named(prompts, golden, fault, words):
    if fault.get("count") == -1:
        whole = engine(prompts, golden)

        async def ask(request, tokens):
            reply = await whole(request, tokens)
            return Reply(reply.prompt_ids[:1] + reply.prompt_ids[2:], reply.output_ids)
    else:
        ask = engine(prompts, golden, **fault)
    with pytest.raises(EngineError) as caught:
        await check_engine(ask, prompts, OCR, golden)
    message = str(caught.value)
    assert message.startswith("self-test: ") and "\n" not in message and caught.value.exit_code == 4
    for word in words:
        assert word in message


async def test_without_whitelist_and_golden_page_the_guard_is_still_tested(nano, golden):
    prompts = PromptEncoder(nano.folder, ())
    await check_engine(engine(prompts, golden), prompts, OCR, None)
    with pytest.raises(EngineError, match="n-gram guard"):
        await check_engine(engine(prompts, golden, guarded=False), prompts, OCR, None)


def test_nano_ships_the_golden_page_of_its_weights(golden):
    assert golden is not None, "new weights: run research/make_self_test.py"
    assert golden.views.global_view.shape == (512, 512, 3) and len(golden.token_ids) >= 8


def test_the_golden_page_of_other_weights_is_left_out(nano, tmp_path):
    assert read_golden(nano.folder, "another") is None
    assert read_golden(tmp_path, nano.model_id) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"model_id": "x", "prompt": 3})])
def test_a_damaged_golden_page_is_an_error_in_one_line(nano, tmp_path, content):
    shutil.copy(nano.folder / "self_test.png", tmp_path)
    (tmp_path / "self_test.json").write_text(content)
    with pytest.raises(EngineError, match="self_test.json: damaged"):
        read_golden(tmp_path, "x")


def test_smallest_pages(prompts):
    assert [smallest_page(family).global_view.shape[0] for family in (OCR, OCR2)] == [512, 768]
    assert np.unique(smallest_page(OCR).global_view).tolist() == [127]
