"""Attempts at a page: which are made, which is kept, what the record says of them. A scripted engine."""

import asyncio
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from math import log
from pathlib import Path, PurePosixPath
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from ocr_engine.config import Config, EngineConfig, QualityConfig, RetryStep
from ocr_engine.conversion.page_saving import PageToSave, journal_row
from ocr_engine.engine.base import Engine, EngineInfo, OnText
from ocr_engine.errors import EngineError, PageError, RequestError, UsageError
from ocr_engine.families import OCR, OCR2
from ocr_engine.families.views import make_views
from ocr_engine.outputs.document_folder import ReadyPage
from ocr_engine.outputs.journal import RECORD
from ocr_engine.outputs.page_writer import SavedPage
from ocr_engine.outputs.record_lines import RecordLine, rebuilt
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.sealed import Sealed
from ocr_engine.reading import ladder
from ocr_engine.reading.answer import answer_to_page
from ocr_engine.reading.finish import finished
from ocr_engine.reading.reader import PageReader, ReadPage
from ocr_engine.reading.texts import texts_of
from ocr_engine.records import (
    Confidence,
    Document,
    DocumentKind,
    FinishReason,
    Generation,
    GenerationRequest,
    JournalRow,
    Loop,
    PageConfidence,
    PageGeometry,
    PageImage,
    PageKey,
    PageRecord,
    PageRef,
    PageStatus,
    PageTexts,
    TokenScores,
)
from tests.pages.test_ink import written as _written
from tests.text_layers import layer_of

WORDS = [f"word{k}" for k in range(60)]
TEXT = " ".join(WORDS)
STOP, LENGTH, ABORT = FinishReason.STOP, FinishReason.LENGTH, FinishReason.ABORT
BOX = "<|ref|>text<|/ref|><|det|>[[100, 200, 300, 400]]<|/det|>\n"
LOOPED = (BOX + "before", ABORT)
PREVIOUS_RETRIES = (RetryStep(ngram_window=1024), RetryStep(mode="base", temperature=0.2))


def written() -> Image.Image:
    return _written(40, size=(850, 1100), font_px=16)


class Pool:
    """Runs a task in this process on a page that is already there."""

    def __init__(self, image: Image.Image, layer: str, damage: str = "") -> None:
        geometry = PageGeometry(image.width, image.height, 425, 550, 144)
        self.page = PageImage(image, geometry, "pillow", 0.0, lambda: layer_of(layer), damage)

    def run(self, _ref: PageRef, task: Callable[[PageImage], Any], dpi: int = 0) -> "Future[Any]":
        return self.work(partial(task, self.page))

    def work(self, task: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(task())
        return future


class Script:
    """Answers in order; an exception is raised. Keeps what it was asked."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[GenerationRequest] = []
        self.started = 0

    def identify(self) -> EngineInfo:
        raise NotImplementedError

    async def start(self) -> None:
        self.started += 1

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        self.asked.append(request)
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        text, reason = answer
        if on_text is not None:
            on_text(text)
        loop = Loop(7, 100) if reason is ABORT else None
        scores = even(text, 0.6) if request.scores and text else None
        return Generation(text, reason, 300, 273, 50, 1.0, loop, scores=scores)

    async def stop(self) -> None: ...


def even(text: str, chance: float) -> TokenScores:
    """A token a character, each as probable."""
    return TokenScores(array("I", range(1, len(text) + 1)), array("f", [log(chance)] * len(text)))


REF = PageRef(
    Document("a.pdf", Path("a.pdf"), PurePosixPath("a.pdf"), DocumentKind.PDF, 1, 1), "id", 0, 1, "x"
)


def read(
    answers: list[Any],
    image: Image.Image | None = None,
    layer: str = "",
    on_text: OnText | None = None,
    damage: str = "",
    **quality: Any,
) -> tuple[ReadPage, Script]:
    config = Config(mode="base", engine=EngineConfig(), quality=QualityConfig(**quality))
    script, pool = Script(answers), cast(RenderPool, Pool(image or written(), layer, damage))
    reader = PageReader(config, pool, cast(Engine, script), OCR)
    return asyncio.run(reader.read(REF, PageKey("a", 1), "r.w", on_text)), script


def row_of(record: PageRecord, raw: str = "text") -> JournalRow:
    """The journal row of a page that is written."""
    ready = ReadyPage(record, PageTexts(raw, markdown="text"))
    page = PageToSave("a.pdf", "id", PurePosixPath("a"), "a.pdf", Sealed(ready), None, {})
    return journal_row(page, SavedPage((), RecordLine.of(ready.record)))


def test_a_worker_that_dies_over_an_answer_costs_nothing() -> None:
    class Dying(Pool):
        def work(self, task: Callable[[], Any]) -> "Future[Any]":
            if cast("partial[Any]", task).func is not finished:
                return super().work(task)
            future: Future[Any] = Future()
            future.set_exception(PageError("the renderer was killed by SIGKILL"))
            return future

    def read_by(kind: type[Pool], *, elsewhere: bool = False) -> ReadPage:
        config = Config(mode="base", quality=QualityConfig(compare_text_layer=False))
        pool, script = cast(RenderPool, kind(written(), "")), cast(Engine, Script([("text", STOP)]))
        reader = PageReader(config, pool, script, OCR, saved_elsewhere=elsewhere)
        return asyncio.run(reader.read(REF, PageKey("a", 1), "r.w"))

    page, honest = read_by(Dying), read_by(Pool)
    assert honest.texts is not None and page.texts is None
    assert (page.record, page.raw) == (honest.record, honest.raw)
    assert texts_of(Config(), page.record, page.raw) == honest.texts
    sent_on, by_hand = read_by(Pool, elsewhere=True), read_by(Dying, elsewhere=True)
    assert sent_on.finished is not None and by_hand.finished is None
    assert sent_on.finished.ready.opened() == ReadyPage(honest.record, honest.texts)
    assert (sent_on.record.blocks, sent_on.record.status) == ((), honest.record.status)
    assert by_hand.record == honest.record


def test_a_page_that_is_done_is_read_once() -> None:
    page, script = read([("text", STOP)])
    assert page.record.status is PageStatus.DONE and page.record.attempts == 1 and page.record.tried == ()
    assert [one.request_id for one in script.asked] == ["a/pages/0001"] and script.asked[0].abort_loops


def test_the_model_is_asked_how_sure_it_is_only_where_that_is_wanted() -> None:
    text = BOX + "ab c" + BOX.replace("text", "image") + "\n"
    page, script = read([(text, STOP)], confidence=True)
    assert script.asked[0].scores and page.record.confidence is not None
    words, image = page.record.confidence.blocks
    assert page.record.confidence.page == words == Confidence(0.48, 0.36) and image is None
    row = row_of(page.record, text)
    assert row.extra["confidence"] == page.record.confidence.page.mean
    assert rebuilt(row, row.extra[RECORD]) == replace(page.record, blocks=())
    plain, script = read([(text, STOP)])
    assert not script.asked[0].scores and plain.record.confidence is None
    assert "confidence" not in row_of(plain.record, text).extra


def test_a_page_in_halves_has_one_number_and_text_of_the_layer_none() -> None:
    halves = (RetryStep(halves=True),)
    page, _ = read([LOOPED, (BOX + "ab c", STOP), (BOX + "de", STOP)], confidence=True, retries=halves)
    assert page.record.status is PageStatus.DONE and page.record.confidence is not None
    assert page.record.confidence == PageConfidence(Confidence(0.44, 0.36))
    asked = dict(layer=TEXT, confidence=True, retries=(), text_layer_fallback=True)
    page, _ = read([("word1", LENGTH)], **asked)
    assert page.record.from_text_layer and page.record.confidence is None


def test_a_page_without_ink_is_blank_and_starts_no_engine() -> None:
    empty = Image.new("RGB", (850, 1100), (240, 240, 240))
    page, script = read([], empty)
    assert page.record.status is PageStatus.BLANK and "ink" in page.record.reason
    assert not script.started and page.record.geometry is not None
    page, script = read([("text", STOP)], empty, blank_ink=0.0)
    assert page.record.status is PageStatus.DONE


def test_a_damaged_page_is_read_once_and_says_what_it_lacks() -> None:
    page, script = read([("text", STOP)], damage="half is missing", retry_suspect=True)
    found = page.record
    assert (found.status, found.reason, found.suspect) == (PageStatus.DONE, "half is missing", True)
    assert found.renderer == "pillow" and found.attempts == len(script.asked) == 1
    page, _ = read([("text", LENGTH)], damage="half is missing", retries=())
    assert page.record.status is PageStatus.TRUNCATED and page.record.reason.endswith("; half is missing")
    page, _ = read([("", STOP)], damage="half is missing")
    assert page.record.status is PageStatus.BLANK and page.record.suspect
    row = row_of(found)
    assert row.extra["renderer"] == "pillow" and row.extra["suspect"] is True and "recall" not in row.extra
    whole, _ = read([("text", STOP)])
    assert not whole.record.suspect and "suspect" not in row_of(whole.record).extra


def test_a_damaged_page_without_ink_is_never_quietly_blank() -> None:
    page, script = read([], Image.new("RGB", (850, 1100), "white"), damage="half is missing")
    assert page.record.status is PageStatus.BLANK and page.record.suspect and not script.asked
    assert page.record.reason == "no ink on the page (quality.blank_ink); half is missing"
    assert page.record.renderer == "pillow"


@pytest.mark.parametrize("first", ["", "ab", BOX + "ab"])
def test_a_page_with_hardly_any_text_is_read_again_where_asked_for(first: str) -> None:
    retries, long = (RetryStep(mode="gundam"),), BOX + "much more text " * 3
    page, script = read([(first, STOP), (long, STOP)], retries=retries, retry_below_chars=40)
    assert (page.record.status, page.record.mode, page.raw) == (PageStatus.DONE, "gundam", long)
    assert len(script.asked) == 2
    page, script = read([(first, STOP)], retries=retries)
    assert len(script.asked) == page.record.attempts == 1
    page, script = read([(long, STOP)], retries=retries, retry_below_chars=40)
    assert len(script.asked) == 1
    page, _ = read([("ab", STOP), ("", STOP)], retries=retries, retry_below_chars=40)
    assert page.raw == "ab", "nothing is no better than little"


def test_an_engine_that_takes_its_time_to_start_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def slowly(script: Script) -> None:
        await asyncio.sleep(0.05)

    caplog.set_level("INFO", "ocr_engine")
    page, _ = read([("text", STOP)])
    assert not caplog.messages and page.seconds["total"] > 0
    monkeypatch.setattr(Script, "start", slowly)
    monkeypatch.setattr("ocr_engine.reading.starting.NOTE_START_S", 0.01)
    read([("text", STOP)])
    assert ["starting" in line or "ready after" in line for line in caplog.messages] == [True, True]


def test_the_engines_start_is_no_part_of_a_pages_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    async def slowly(script: Script) -> None:
        clock[0] += 500.0

    monkeypatch.setattr(Script, "start", slowly)
    monkeypatch.setattr("ocr_engine.reading.reader.time.perf_counter", lambda: clock[0])
    page, _ = read([("text", STOP)])
    assert page.seconds["total"] < 1


def test_steps_are_taken_in_order_until_the_page_is_done() -> None:
    page, script = read([LOOPED, (BOX + "long text " * 50, LENGTH), ("text in the end", STOP)],
                        retries=(*PREVIOUS_RETRIES, RetryStep(prompt="free")))  # fmt: skip
    assert [one.request_id for one in script.asked] == [f"a/pages/0001{n}" for n in ("", "+1", "+2")]
    first, second, third = script.asked
    assert (first.ngram_window, second.ngram_window, third.ngram_window) == (50, 1024, 50)
    assert (first.temperature, second.temperature, third.temperature) == (0.0, 0.0, 0.2)
    record = page.record
    assert (record.status, record.attempts, page.raw) == (PageStatus.DONE, 3, "text in the end")
    assert [(one.settings, one.status.value) for one in record.tried] == [
        ({}, "looped"), ({"ngram_window": 1024}, "truncated"), ({"mode": "base", "temperature": 0.2}, "done"),
    ]  # fmt: skip
    assert page.seconds["engine"] == 3.0


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        ([LOOPED, ("x" * 9, LENGTH), ("y", LENGTH)], 1),
        ([("much text here", ABORT), ("more text, all in all", ABORT), ("less", ABORT)], 1),
        ([("some", ABORT), ("", STOP), RequestError("refused")], 0),
        ([("same", LENGTH), ("same", LENGTH), ("same", LENGTH)], 0),
        ([("some", ABORT), (" \n" * 90, LENGTH), ("", ABORT)], 0),
        ([("some text", LENGTH), RequestError("too long"), ("some more text", LENGTH)], 2),
    ],
)
def test_the_best_attempt_is_kept(answers: list[Any], kept: int) -> None:
    page, _ = read(answers, retries=PREVIOUS_RETRIES)
    assert page.raw == answers[kept][0]
    assert page.record.attempts == 3 and page.record.tried[kept].status is page.record.status


class GenerationError(Exception):
    """As vLLM raises it: no error of ours."""


def test_a_retry_that_fails_in_any_way_keeps_what_was_read() -> None:
    page, _ = read([("some text", LENGTH), GenerationError("KV load")], retries=PREVIOUS_RETRIES[:1])
    assert (page.raw, page.record.status) == ("some text", PageStatus.TRUNCATED)
    assert "GenerationError('KV load')" in page.record.tried[1].reason
    with pytest.raises(GenerationError):
        read([GenerationError("KV load")])
    with pytest.raises(EngineError, match="the engine died"):
        read([("some text", LENGTH), EngineError("the engine died")], retries=PREVIOUS_RETRIES[:1])


def test_an_answer_on_which_the_engine_failed_is_kept_and_asked_for_again() -> None:
    first = ("half of it", FinishReason.ERROR)
    page, _ = read([first, ("all of it", STOP)], retries=PREVIOUS_RETRIES[:1])
    assert (page.raw, page.record.status) == ("all of it", PageStatus.DONE)
    page, _ = read([first, RequestError("again")], retries=PREVIOUS_RETRIES[:1])
    assert (page.raw, page.record.status) == ("half of it", PageStatus.TRUNCATED)
    assert page.record.reason == "the engine failed after 50 tokens; the text so far is kept"


def test_recall_decides_between_equals_and_beats_a_done_that_is_wrong() -> None:
    half, other = " ".join(WORDS[:30]), "nothing of it " * 40
    page, _ = read([(half, LENGTH), (other, LENGTH), (other, LENGTH)], layer=TEXT, retries=PREVIOUS_RETRIES)
    assert page.raw == half and page.record.recall == 0.5 and not page.record.suspect
    page, _ = read([(half, LENGTH), (other, STOP)], layer=TEXT, retries=PREVIOUS_RETRIES[:1])
    assert page.raw == half
    page, _ = read([(half, ABORT), (other, STOP)], layer=TEXT, retries=PREVIOUS_RETRIES[:1])
    assert page.raw == other and page.record.suspect


def test_suspect_pages_are_marked_and_retried_where_asked() -> None:
    answers = [("wrong", STOP), (TEXT, STOP), ("never asked", STOP)]
    page, script = read(answers, layer=TEXT)
    assert page.record.suspect and page.record.recall == 0.0 and len(script.asked) == 1
    page, script = read(answers, layer=TEXT, retry_suspect=True, retries=PREVIOUS_RETRIES)
    assert not page.record.suspect and page.record.recall == 1.0 and len(script.asked) == 2
    page, _ = read(answers, layer=TEXT, compare_text_layer=False)
    assert page.record.recall is None and not page.record.suspect


def test_a_sideways_page_is_turned_and_its_boxes_come_back() -> None:
    sideways = written().transpose(Image.Transpose.ROTATE_90)
    answers = [(BOX + "garbage of some length", STOP), (BOX + "read", STOP), (BOX + "x", STOP)]
    page, script = read(answers, sideways)
    assert len(script.asked) == 3 and page.record.turned_deg == 90 and page.record.status is PageStatus.DONE
    box = page.record.blocks[0].boxes[0]
    assert (box.x1, box.y1, box.x2, box.y2) == (200, 699, 400, 899)
    upright_again = make_views(sideways.transpose(Image.Transpose.ROTATE_270), "base")
    assert np.array_equal(script.asked[1].views.global_view, upright_again.global_view)


def test_an_answer_without_text_is_worth_more_than_none() -> None:
    sideways = written().transpose(Image.Transpose.ROTATE_90)
    page, script = read([("", STOP), RequestError("no"), RequestError("no")], sideways)
    assert len(script.asked) == 3 and page.record.status is PageStatus.BLANK


def test_upright_pages_and_those_their_text_layer_confirms_are_not_turned() -> None:
    _, script = read([LOOPED, ("text", STOP)], retries=(RetryStep(turn=90), RetryStep(prompt="ocr")))
    assert [one.request_id for one in script.asked] == ["a/pages/0001", "a/pages/0001+2"]
    sideways = written().transpose(Image.Transpose.ROTATE_90)
    page, script = read([(TEXT, STOP)], sideways, layer=TEXT)
    assert len(script.asked) == 1 and page.record.recall == 1.0
    _, script = read([("縦書きの日本語の文章です" * 20, STOP)], sideways)
    assert len(script.asked) == 1, "written downwards, not turned"


def test_halves_are_read_apart_and_joined() -> None:
    answers = [LOOPED, (BOX + "upper", STOP), (BOX + "lower", STOP)]
    page, script = read(answers, retries=(RetryStep(halves=True),))
    assert [one.request_id[12:] for one in script.asked] == ["", "+1top", "+1bottom"]
    assert page.record.status is PageStatus.DONE and page.record.vision_tokens == 546
    upper, lower = page.record.blocks
    assert (upper.content.strip(), lower.content.strip()) == ("upper", "lower")
    assert upper.boxes[0].y2 < 250 and lower.boxes[0].y1 > 500
    page, _ = read(
        [LOOPED, (BOX + "upper", STOP), (BOX + "lower", LENGTH)], retries=(RetryStep(halves=True),)
    )
    assert page.record.status is PageStatus.TRUNCATED and "lower" in page.raw


def test_the_text_layer_stands_in_where_every_attempt_failed() -> None:
    page, _ = read([LOOPED], layer=TEXT, retries=(), text_layer_fallback=True)
    record = page.record
    assert page.raw == TEXT and record.from_text_layer and not record.suspect and record.recall is None
    assert record.status is PageStatus.LOOPED and "text layer" in record.reason
    page, _ = read([("wrong", STOP)], layer=TEXT, retries=(), text_layer_fallback=True)
    assert page.raw == "wrong" and page.record.suspect, "only marked, where suspect pages are not retried"
    page, _ = read([("wrong", STOP)], layer=TEXT, retries=(), text_layer_fallback=True, retry_suspect=True)
    assert page.raw == TEXT and page.record.reason.startswith("only 0% of the text layer's words")
    page, _ = read([LOOPED], layer="Page 7", retries=(), text_layer_fallback=True)
    assert not page.record.from_text_layer
    page, _ = read([LOOPED], layer=TEXT, retries=())
    assert not page.record.from_text_layer and page.raw == LOOPED[0]


def test_the_first_attempt_alone_is_streamed() -> None:
    pieces: list[str] = []
    read([LOOPED, ("text", STOP)], retries=PREVIOUS_RETRIES, on_text=pieces.append)
    assert pieces == [LOOPED[0]]


def test_a_refused_page_fails_and_a_dead_engine_ends_the_run() -> None:
    page, _ = read([RequestError("too long")])
    assert page.record.status is PageStatus.FAILED and page.record.reason == "too long"
    with pytest.raises(EngineError, match="died"):
        read([LOOPED, EngineError("the engine died")], retries=PREVIOUS_RETRIES)


def test_a_page_that_the_user_stopped_is_not_read_again() -> None:
    class Stopped(Script):
        async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
            return replace(await super().generate(request, on_text), loop=None)

    script = Stopped([LOOPED])
    reader = PageReader(Config(mode="base"), cast(RenderPool, Pool(written(), "")), cast(Engine, script), OCR)
    page = asyncio.run(reader.read(REF, PageKey("a", 1), "r.w"))
    assert page.record.status is PageStatus.TRUNCATED and len(script.asked) == 1


def test_a_step_with_a_mode_the_model_lacks_is_refused_at_once() -> None:
    config = Config(mode="base", quality=QualityConfig(retries=(RetryStep(mode="large"),)))
    with pytest.raises(UsageError, match="large"):
        PageReader(config, cast(RenderPool, None), cast(Engine, None), OCR2)


def test_the_text_layer_takes_no_page_that_the_user_stopped() -> None:
    quality = QualityConfig(text_layer_fallback=True)
    for reason, stands_in in ((ABORT, False), (LENGTH, True)):
        generation = Generation("some", reason, 10, 5, 3, 0.1)
        best = ladder.Judged(
            RetryStep(), answer_to_page(generation, 0, "0001"), PageStatus.TRUNCATED, "", "some", None, False
        )
        assert ladder.layer_stands_in(best, TEXT, quality) is stands_in
