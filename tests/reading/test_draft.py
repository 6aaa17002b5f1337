"""What pages' drafts are made of, and which attempt gets which."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from ocr_engine.config import Config, EngineConfig, QualityConfig, RetryStep
from ocr_engine.engine.base import Engine
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.errors import PageError
from ocr_engine.families import OCR
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.draft import BY_ENGINE, DraftForm, DraftIds, draft_of, form_of, ids_of
from ocr_engine.reading.reader import PageReader, _tokens_a_step
from ocr_engine.records import FinishReason, Generation, GenerationRequest, LayerVerdict, PageKey
from tests.reading.test_reader import REF, Pool, Script, written
from tests.text_layers import layer_of

NANO = resolve("nano").folder
TOKENIZER = str(NANO / "tokenizer.json")
AUTO = EngineConfig(drafts="auto")
LAYER = "What the page says\nin two lines"


def test_a_draft_is_the_ids_of_the_answer_that_the_layer_foretells() -> None:
    found = draft_of(layer_of(LAYER), DraftForm(TOKENIZER, is_tagged=False))
    prompts = PromptEncoder(NANO, ())
    assert isinstance(found, bytes) and found == prompts.draft("What the page says in two lines")
    assert np.frombuffer(found, "<i4")[-1] == prompts.eos_id


def test_without_a_tokenizer_it_is_text_and_without_a_layer_an_empty_line() -> None:
    text = draft_of(layer_of(LAYER), DraftForm("", is_tagged=True))
    assert isinstance(text, str) and text.startswith("<|ref|>text<|/ref|>")
    scan = replace(layer_of(LAYER), verdict=LayerVerdict.OCR)
    assert draft_of(scan, DraftForm("", is_tagged=True)) == "\n"
    assert draft_of(scan, DraftForm(TOKENIZER, is_tagged=True)) == ids_of(TOKENIZER, "\n")
    assert len(ids_of(TOKENIZER, "\n")) == 8, "a line's end and the answer's: so it takes drafts all the same"


@pytest.mark.parametrize(
    ("config", "tokenizer", "form"),
    [
        (Config(engine=AUTO), "t", DraftForm("t", True)),
        (Config(prompt="free", engine=AUTO), "t", DraftForm("t", False)),
        (Config(engine=AUTO), None, None),
        (Config(prompt="figure", engine=AUTO), "t", None),
        (Config(engine=EngineConfig(drafts="off")), "t", None),
    ],
)
def test_only_pages_whose_answers_can_be_foretold_get_one(
    config: Config, tokenizer: str | None, form: DraftForm | None
) -> None:
    assert form_of(config, tokenizer) == form


def asked(answers: list[Any], tokenizer: str | None, *steps: RetryStep) -> list[GenerationRequest]:
    config = Config(mode="base", engine=AUTO, quality=QualityConfig(retries=steps))
    script, pool = Script(answers), cast(RenderPool, Pool(written(), LAYER, ""))
    reader = PageReader(config, pool, cast(Engine, script), OCR, tokenizer)
    asyncio.run(reader.read(REF, PageKey("a", 1), "r.w"))
    return script.asked


def test_the_first_attempt_drafts_from_the_layer_and_a_like_one_from_what_was_said_before() -> None:
    cut = ("said before", FinishReason.LENGTH)
    steps = (RetryStep(ngram_window=1024), RetryStep(halves=True))
    first, again, *halves = asked([cut, cut, cut, cut], TOKENIZER, *steps)
    assert isinstance(first.draft, bytes) and len(first.draft) > 40
    assert again.draft == PromptEncoder(NANO, ()).draft("said before")
    assert len(halves) == 2 and not any(half.draft for half in halves)


def test_what_an_earlier_run_read_goes_before_what_the_layer_says() -> None:
    config = Config(mode="base", engine=AUTO)
    script, pool = Script([("text", FinishReason.STOP)]), cast(RenderPool, Pool(written(), LAYER, ""))
    reader = PageReader(config, pool, cast(Engine, script), OCR, TOKENIZER)
    asyncio.run(reader.read(REF, PageKey("a", 1), "r.w", said_before="read in another mode"))
    assert [one.draft for one in script.asked] == [PromptEncoder(NANO, ()).draft("read in another mode")]


def test_a_page_says_how_many_tokens_it_was_decoded_at_once() -> None:
    answer = Generation("text", FinishReason.STOP, 300, 273, 100, 1.0, drafted_tok=200, accepted_tok=75)
    assert _tokens_a_step([answer]) == 4.0 and _tokens_a_step([replace(answer, drafted_tok=0)]) == 0.0
    assert _tokens_a_step([answer, replace(answer, accepted_tok=99)]) == 200 / 26
    assert _tokens_a_step([replace(answer, accepted_tok=103)]) == 100, "accepted behind the end"


def test_an_engine_that_verifies_no_drafts_gets_none() -> None:
    assert [one.draft for one in asked([("text", FinishReason.STOP)], None)] == [b""]


class _Engine:
    def __init__(self, tokenizer: str | None) -> None:
        self.info = SimpleNamespace(tokenizer=tokenizer)
        self.asked = 0

    def identify(self) -> Any:
        self.asked += 1
        return self.info


class _Worker:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.done = 0

    def work(self, task: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        self.done += 1
        future.set_exception(self.error) if self.error else future.set_result(task())
        return future


def made(form: DraftForm | None, engine: _Engine, worker: _Worker, *drafts: bytes | str) -> list[Any]:
    ids = DraftIds(form, cast(RenderPool, worker), cast(Engine, engine))

    async def all_of() -> list[Any]:
        return await asyncio.gather(*map(ids.of, drafts))

    return asyncio.run(all_of())


def test_a_worker_makes_ids_of_text_and_the_engine_is_asked_once_for_its_tokenizer() -> None:
    engine, worker = _Engine(TOKENIZER), _Worker()
    expected = PromptEncoder(NANO, ()).draft("text")
    assert made(DraftForm(BY_ENGINE, True), engine, worker, "text", "text", b"1234", "") == [
        expected, expected, b"1234", "",
    ]  # fmt: skip
    assert (engine.asked, worker.done) == (1, 2)
    assert made(DraftForm(TOKENIZER, True), engine, worker, "text") == [expected] and engine.asked == 1


def test_a_draft_that_no_worker_can_make_costs_no_page() -> None:
    assert made(DraftForm(TOKENIZER, True), _Engine(None), _Worker(PageError("died")), "text") == [b""]
    assert made(DraftForm(BY_ENGINE, True), _Engine(None), _Worker(), "text") == ["text"]
    assert made(None, _Engine(None), _Worker(), "text") == ["text"]
