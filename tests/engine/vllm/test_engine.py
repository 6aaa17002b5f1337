"""The real engine on the nano checkpoint: one start for all tests, in float32 so that answers repeat."""

import asyncio
import itertools
import os
import random
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import torch
from PIL import Image, ImageDraw, ImageFont
from tokenizers import Tokenizer

from ocr_engine.config import EngineConfig
from ocr_engine.engine import loops, self_test
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.guard_args import guard_args
from ocr_engine.engine.ngram import banned_tokens
from ocr_engine.engine.vllm import engine as vllm_engine
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.families import MODES, PROMPTS
from ocr_engine.records import FinishReason, GenerationRequest, PageViews
from research.nano.model.model import NanoOcr
from research.nano.pages.answers import PROMPTS as NANO_PROMPTS
from research.nano.training.batches import to_pixels
from research.nano.training.export import load_official, read_weights
from tests.forked_engines import engines_of

pytest.importorskip("vllm", reason="needs vllm")
pytestmark = pytest.mark.asyncio(loop_scope="module")

NANO = Path(vllm_engine.__file__).parents[2] / "model/nano"
GRIDS = {"gundam": (2, 3), "gundam-m": (2, 1)}
TOKENS = {"tiny": 73, "small": 111, "base": 273, "large": 421, "gundam": 903, "gundam-m": 421 + 16 * 33}


WORDS = ["river", "stone", "winter", "market", "letter", "garden", "morning", "table", "window", "paper"]


def drawn(size_px, count, seed):
    """White squares with lines of large words that differ with the seed: uint8 (count, size, size, 3)."""
    chance = random.Random(seed)
    font = ImageFont.load_default(size_px // 18)
    squares = np.zeros((count, size_px, size_px, 3), np.uint8)
    for square in squares:
        image = Image.new("RGB", (size_px, size_px), "white")
        lines = [" ".join(chance.choices(WORDS, k=3)) for _ in range(6)]
        ImageDraw.Draw(image).text((size_px // 16, size_px // 16), "\n".join(lines), "black", font)
        square[:] = np.asarray(image)
    return squares


def views(mode_name, seed=0, **changes):
    """A page of a few lines of text."""
    mode = MODES[mode_name]
    columns, rows = grid = GRIDS.get(mode_name, (1, 1))
    page = drawn(mode.base_size_px, 1, seed)[0]
    tiles = drawn(mode.tile_size_px, columns * rows if mode.crop else 0, seed)
    return PageViews(**({"global_view": page, "tiles": tiles, "grid": grid} | changes))


def request(mode_name="tiny", seed=0, max_tokens=4, ngram=(20, 50), prompt=PROMPTS["markdown"], **changes):
    return GenerationRequest(
        f"doc/pages/{seed:04}", views(mode_name, seed, **changes), prompt, max_tokens, *ngram
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(forked):
    made = VllmEngine(EngineConfig(model="nano", dtype="float32", max_num_seqs=8))
    await made.start()
    yield made
    await made.stop()
    assert not engines_of(os.getpid())


async def ids_of(engine, monkeypatch, asked):
    """Token ids of an answer, which the engine itself turns into text."""
    seen = []
    decode = engine._prompts.decode
    monkeypatch.setattr(engine._prompts, "decode", lambda ids: seen.append(list(ids)) or decode(ids))
    await engine.generate(asked)
    return seen[0]


def endless(engine, monkeypatch):
    """Answers of this engine go on until their token limit."""
    sampling = engine._sampling

    def without_end(*args, **kwargs):
        params = sampling(*args, **kwargs)
        params.ignore_eos, params.stop_token_ids = True, []
        return params

    monkeypatch.setattr(engine, "_sampling", without_end)


async def test_every_mode_in_one_batch_has_its_token_count(engine):
    answers = await asyncio.gather(*(engine.generate(request(name)) for name in MODES))
    assert {name: answer.vision_tokens for name, answer in zip(MODES, answers, strict=True)} == TOKENS
    for answer in answers:
        assert answer.prompt_tokens > answer.vision_tokens + 1
        assert (answer.finish_reason, answer.output_tokens) == (FinishReason.LENGTH, 4)


async def test_two_pages_at_once_answer_as_each_alone(engine):
    asked = [request("small", seed=1, max_tokens=60), request("base", seed=2, max_tokens=60)]
    alone = [(await engine.generate(item)).text for item in asked]
    together = await asyncio.gather(*(engine.generate(item) for item in asked))
    assert [answer.text for answer in together] == alone
    assert alone[0] != alone[1] and all(alone)


def torch_ids(page, limit, logits=None):
    """Greedy token ids of nano's training code, from the same views; `logits` collects those of each step."""
    model = NanoOcr().eval()
    if logits is not None:
        model.lm_head.register_forward_hook(lambda *call: logits.append(call[-1]))
    load_official(model, read_weights(NANO))
    pixels, tiles = (
        to_pixels(torch.from_numpy(v[..., 0].copy()), torch.float32)
        for v in (page.global_view[None], page.tiles)
    )
    prompt = [0, *Tokenizer.from_file(str(NANO / "tokenizer.json")).encode(NANO_PROMPTS["markdown"]).ids]
    tiled = tiles if len(tiles) else None
    return model.generate(pixels, tiled, page.grid, prompt, end=1, limit=limit)[0]


@pytest.mark.parametrize("mode", ["tiny", "base", "gundam"])
async def test_training_code_gives_the_same_tokens(engine, monkeypatch, mode):
    asked = request(mode, seed=3, max_tokens=40, ngram=(0, 0))
    ours = await ids_of(engine, monkeypatch, asked)
    theirs = torch_ids(asked.views, 40)
    assert len(ours) > 20 and ours == theirs[: len(ours)]
    assert theirs[len(ours) :] == [1] * (40 - len(ours))


@pytest.mark.parametrize("streamed", [False, True])
async def test_each_token_has_the_probability_that_the_training_code_gives_it(engine, streamed):
    asked = replace(request("base", seed=3, max_tokens=40, ngram=(0, 0)), scores=True)
    answer = await engine.generate(asked, (lambda _: None) if streamed else None)
    logits = []
    ids = torch_ids(asked.views, 40, logits)[: answer.output_tokens]
    logs = [torch.log_softmax(one[0], -1)[token].item() for one, token in zip(logits, ids, strict=False)]
    assert len(ids) > 20 and answer.scores.logs.tolist() == pytest.approx(logs, abs=1e-3)
    assert answer.scores.ends[-1] == len(answer.text) and min(logs) < -0.001
    pieces = [answer.text[a:b] for a, b in itertools.pairwise((0, *answer.scores.ends))]
    assert pieces == [engine._prompts.decode([token])[0] for token in ids]
    assert (await engine.generate(replace(asked, scores=False))).scores is None


async def test_guard_bans_under_greedy_decoding(engine, monkeypatch):
    def repeats(ids):
        return [place for place in range(len(ids)) if ids[place] in banned_tokens(ids[:place], 2, 400, ())]

    whitelist = engine._prompts.whitelist_ids
    free = await ids_of(engine, monkeypatch, request("tiny", max_tokens=200, ngram=(0, 0)))
    guarded = await ids_of(engine, monkeypatch, request("tiny", max_tokens=200, ngram=(2, 400)))
    assert repeats(free), "an answer without repeats proves nothing"
    assert [guarded[place] for place in repeats(guarded) if guarded[place] not in whitelist] == []


async def test_guards_of_a_changing_batch_do_not_mix(engine, monkeypatch):
    guards = [(0, 0), (2, 400), (3, 90), (0, 0), (20, 50)]
    asked = [request("tiny", seed, max_tokens=40 + 25 * seed, ngram=guards[seed]) for seed in range(5)]
    alone = [(await engine.generate(item)).text for item in asked]
    together = await asyncio.gather(*(engine.generate(item) for item in asked))
    assert [answer.text for answer in together] == alone


@pytest.mark.parametrize("interval", [1, 7, 1000])
async def test_text_comes_in_pieces_that_join_to_the_answer(engine, interval):
    asked = replace(request("small", seed=1, max_tokens=60), stream_interval=interval)
    whole, pieces = await engine.generate(asked), []
    streamed = await engine.generate(asked, pieces.append)
    assert "".join(pieces) == streamed.text == whole.text
    assert streamed.output_tokens == whole.output_tokens and streamed.finish_reason is whole.finish_reason
    assert all(pieces) and len(pieces) <= streamed.output_tokens // interval + 3
    assert interval > 1 or len(pieces) > streamed.output_tokens // 2


async def test_a_reader_that_fails_ends_its_request_alone(engine, monkeypatch):
    endless(engine, monkeypatch)

    def fail(piece):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await engine.generate(request("tiny", max_tokens=3000), fail)
    assert engine._llm.get_num_unfinished_requests() == 0


async def test_a_loop_is_aborted_and_its_text_kept_once(engine, monkeypatch):
    endless(engine, monkeypatch)
    # How long a loop has to be is shown in tests/engine/test_loops.py.
    monkeypatch.setattr(loops, "TEXT_TOK", 128)
    monkeypatch.setattr(loops, "PATTERN_TOK", 128)
    sampling = engine._sampling

    def cells_only(*args, **kwargs):
        params = sampling(*args, **kwargs)
        params.allowed_token_ids = sorted(engine._prompts.whitelist_ids)
        return params

    monkeypatch.setattr(engine, "_sampling", cells_only)
    asked = replace(request("tiny", max_tokens=3000, ngram=(0, 0)), abort_loops=True, stream_interval=16)
    pieces = []
    found = await engine.generate(asked, pieces.append)
    assert engine._llm.get_num_unfinished_requests() == 0
    assert found.loop is not None and found.finish_reason is FinishReason.ABORT
    assert found.loop.start_tok + found.loop.period_tok < found.output_tokens < 3000
    streamed = "".join(pieces)
    assert streamed.startswith(found.text) and len(found.text) < len(streamed)


async def test_self_test_passes_and_finds_each_fault(engine, monkeypatch):
    checkpoint = resolve("nano")
    await engine._check_itself(checkpoint)
    with monkeypatch.context() as changed:
        changed.setattr(vllm_engine, "guard_args", lambda *_: {})
        with pytest.raises(EngineError, match="self-test: n-gram guard: 4 tokens, expected 4"):
            await engine._check_itself(checkpoint)
    with monkeypatch.context() as changed:
        changed.setattr(vllm_engine, "guard_args", lambda size, window, _: guard_args(size, window, ()))
        with pytest.raises(EngineError, match="whitelist"):
            await engine._check_itself(checkpoint)
    with monkeypatch.context() as changed:
        changed.setattr(self_test, "vision_tokens", lambda views, family: 72)
        with pytest.raises(EngineError, match="self-test: image tokens: .*, expected"):
            await engine._check_itself(checkpoint)
    with monkeypatch.context() as changed:
        golden = self_test.read_golden(checkpoint.folder, checkpoint.model_id)
        worse = replace(golden, token_ids=[*golden.token_ids[:-2], 40, golden.token_ids[-1]])
        changed.setattr(self_test, "read_golden", lambda *_: worse)
        with pytest.raises(EngineError, match="golden page was read as 'A letter from the city"):
            await engine._check_itself(checkpoint)


WRONG = {
    "768 px": {"global_view": np.zeros((768, 768, 3), np.uint8)},
    "float32": {"global_view": np.zeros((512, 512, 3), np.float32)},
    "grid": {"grid": (2, 3)},
    "tiles": {"tiles": np.zeros((2, 640, 640, 3), np.uint8), "grid": (2, 1)},
    r"\(1, 512, 640, 3\)": {"global_view": np.zeros((512, 640, 3), np.uint8)},
}


@pytest.mark.parametrize("named", WRONG)
async def test_wrong_views_are_refused_by_name(engine, named):
    with pytest.raises(RequestError, match=named):
        await engine.generate(request("tiny", **WRONG[named]))


@pytest.mark.parametrize(
    ("prompt", "named"),
    [("no image", "0 times"), ("<image><image>", "2 times"), ("<image>" + "a b " * 4000, "room")],
)
async def test_wrong_prompts_are_refused_by_name(engine, prompt, named):
    with pytest.raises(RequestError, match=named):
        await engine.generate(request(prompt=prompt))


async def test_wrong_guard_is_refused(engine):
    with pytest.raises(RequestError, match="ngram"):
        await engine.generate(request(ngram=(2, -5)))


async def test_max_tokens_is_clipped_to_the_model(engine, monkeypatch):
    limit = engine.identify().max_model_len
    lengths = range(1, limit)
    words = bisect_left(
        lengths, limit - 100, key=lambda n: len(engine._prompts.encode("<image>" + "a b " * n))
    )
    asked = request(prompt="<image>" + "a b " * words, max_tokens=100_000)
    endless(engine, monkeypatch)
    ids = await ids_of(engine, monkeypatch, asked)
    assert len(engine._prompts.encode(asked.prompt)) - 1 + TOKENS["tiny"] + len(ids) == limit


async def test_cancelling_aborts_the_request(engine, monkeypatch):
    endless(engine, monkeypatch)
    task = asyncio.create_task(engine.generate(request("tiny", max_tokens=3000, ngram=(0, 0))))
    await asyncio.sleep(0.5)
    assert engine._llm.get_num_unfinished_requests() == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine._llm.get_num_unfinished_requests() == 0
    assert (await engine.generate(request())).output_tokens == 4


async def test_death_of_the_engine_is_an_error_and_stop_still_works(engine, monkeypatch):
    """Last: it ends the engine of this module."""
    endless(engine, monkeypatch)
    task = asyncio.create_task(engine.generate(request("tiny", max_tokens=3000, ngram=(0, 0))))
    await asyncio.sleep(0.3)
    (child,) = engines_of(os.getpid())
    child.kill()
    with pytest.raises(EngineError, match="died"):
        await task
    assert engine._log.is_file(), "the message names it"
    with pytest.raises(EngineError):
        await engine.generate(request())
