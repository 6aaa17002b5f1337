"""Pages read in one request: each gets its own record, and what is uncertain is read again alone."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from PIL import Image

from ocr_engine.config import Config, EngineConfig, QualityConfig, RetryStep
from ocr_engine.engine.base import Engine
from ocr_engine.errors import EngineError, InputError, RequestError
from ocr_engine.families import UNLIMITED
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.reader import PageReader, ReadPage
from ocr_engine.reading.together import AskedPage, TogetherReader
from ocr_engine.records import PageImage, PageKey, PageRecord, PageRef, PageStatus
from tests.reading.test_reader import ABORT, LENGTH, REF, STOP, Pool, Script, written

BOX = "<|det|>text [100, 200, 300, 400]<|/det|>"
PAGES = tuple(
    AskedPage(replace(REF, index=at, page_count=4), PageKey("a", at + 1), f"r{at}.w") for at in range(4)
)
TEXTS = [f"{BOX}Text of page {number}" for number in range(1, 5)]
ANSWER = ("".join(f"<PAGE>{text}" for text in TEXTS), STOP)
QUALITY = QualityConfig(retries=(RetryStep(ngram_window=1024),))


class Pages(Pool):
    """A page each: some are blank, some cannot be drawn."""

    def __init__(
        self, layers: Sequence[str] = (), blank: Sequence[int] = (), bad: Sequence[int] = ()
    ) -> None:
        self._bad = bad
        self._pages = []
        for at in range(len(PAGES)):
            image = Image.new("RGB", (850, 1100), "white") if at in blank else written()
            super().__init__(image, layers[at] if layers else "")
            self._pages.append(self.page)

    def run(self, ref: PageRef, task: Callable[[PageImage], Any], dpi: int = 0) -> "Future[Any]":
        if ref.index in self._bad:
            future: Future[Any] = Future()
            future.set_exception(InputError("cannot be drawn"))
            return future
        return self.work(partial(task, self._pages[ref.index]))


def read(
    answers: list[Any],
    pool: Pool | None = None,
    mode: str = "base",
    wanted: Sequence[int] = range(4),
    **more: Any,
) -> tuple[list[ReadPage], Script]:
    config = Config(mode=mode, quality=QUALITY, pages_per_request=4, **more)
    script, pages = Script(answers), cast(RenderPool, pool or Pages())
    engine = cast(Engine, script)
    alone = PageReader(config, pages, engine, UNLIMITED)
    together = TogetherReader(config, pages, engine, UNLIMITED, alone)
    return asyncio.run(together.read(PAGES, [PAGES[at] for at in wanted])), script


def facts(pages: Sequence[ReadPage]) -> list[tuple[PageStatus, int, str]]:
    return [(page.record.status, page.record.attempts, page.record.mode) for page in pages]


def records(pages: Sequence[ReadPage]) -> list[PageRecord]:
    return [page.record for page in pages]


def test_one_request_gives_each_page_its_text_record_and_figures() -> None:
    pages, script = read([ANSWER])
    (asked,) = script.asked
    assert [asked.request_id, *(page.request_id for page in asked.further)] == [
        f"a/pages/{n:04d}" for n in range(1, 5)
    ]
    assert asked.prompt == "<image>Multi page parsing." and asked.draft == b""
    assert (asked.ngram_size, asked.ngram_window, asked.max_tokens) == (35, 1024, 0)
    assert [page.raw for page in pages] == TEXTS
    assert facts(pages) == [(PageStatus.DONE, 1, "base")] * 4
    assert [record.fingerprint for record in records(pages)] == ["r0.w", "r1.w", "r2.w", "r3.w"]
    assert [record.page for record in records(pages)] == [1, 2, 3, 4]
    assert {record.vision_tokens for record in records(pages)} == {273}
    assert sum(record.text_tokens for record in records(pages)) == 50, "the tokens of the whole answer"
    assert {record.prompt for record in records(pages)} == {"pages"} and not any(
        r.tried for r in records(pages)
    )
    assert all(page.seconds["engine"] > 0 and page.seconds["total"] > 0 for page in pages)


def test_the_limit_of_tokens_is_a_pages_and_a_wider_window_stays() -> None:
    engine = EngineConfig(max_tokens=100)
    engine = replace(engine, ngram=replace(engine.ngram, window=2000))
    _, script = read([ANSWER], engine=engine)
    assert (script.asked[0].max_tokens, script.asked[0].ngram_window) == (400, 2000)


def test_a_page_that_is_missing_is_read_again_alone_as_any_page_is() -> None:
    cut = ("".join(f"<PAGE>{text}" for text in TEXTS[:2]) + "<PAGE>" + TEXTS[2][:30], LENGTH)
    pages, script = read([cut, (TEXTS[2], STOP), (TEXTS[3], STOP)], mode="gundam")
    assert [page.raw for page in pages] == TEXTS
    assert facts(pages) == [(PageStatus.DONE, 1, "base")] * 2 + [(PageStatus.DONE, 2, "gundam")] * 2
    assert [asked.prompt for asked in script.asked[1:]] == ["<image>document parsing."] * 2
    assert [(asked.ngram_window, asked.further) for asked in script.asked[1:]] == [(128, ())] * 2
    first, second = records(pages)[2].tried
    assert first.settings == {"pages": 4} and "cut off" in first.reason
    assert second.settings == {} and second.status is PageStatus.DONE


@pytest.mark.parametrize(
    "answer",
    [
        ("<PAGE>" + TEXTS[0] + TEXTS[1] + "<PAGE>" + TEXTS[2] + "<PAGE>" + TEXTS[3], STOP),
        (ANSWER[0] + "<PAGE>and another", STOP),
        ("text without a mark", STOP),
        ("<PAGE>" + TEXTS[0] + "more and more", ABORT),
        RequestError("too long"),
    ],
)
def test_what_cannot_be_divided_is_read_page_by_page(answer: Any) -> None:
    pages, script = read([answer, *((text, STOP) for text in TEXTS)])
    assert [page.raw for page in pages] == TEXTS
    assert facts(pages) == [(PageStatus.DONE, 2, "base")] * 4
    assert len(script.asked) == 5 and all(record.tried[0].reason for record in records(pages))


def test_an_empty_piece_of_a_page_with_ink_is_read_again() -> None:
    pages, script = read([(ANSWER[0].replace(TEXTS[1], ""), STOP), (TEXTS[1], STOP)])
    assert [page.raw for page in pages] == TEXTS and len(script.asked) == 2
    assert [page.record.attempts for page in pages] == [1, 2, 1, 1]


def test_a_mark_that_a_page_shows_and_one_that_is_missing_are_found_by_the_text_layer() -> None:
    layers = [" ".join(f"{name}{k}" for k in range(40)) for name in "wxyz"]
    said = [BOX + layer for layer in layers]
    answer = "<PAGE>" + said[0].replace("w20", "<PAGE>") + "<PAGE>" + said[1] + said[2] + "<PAGE>" + said[3]
    again = [(text, STOP) for text in said[:3]]
    pages, script = read([(answer, STOP), *again], Pages(layers))
    assert len(script.asked) == 4 and [page.raw for page in pages] == said
    assert [page.record.attempts for page in pages] == [2, 2, 2, 1]
    assert "unlike its text layer" in records(pages)[0].tried[0].reason


def test_blank_pages_are_not_asked_for_and_bad_ones_fail_alone() -> None:
    answer = ("".join(f"<PAGE>{TEXTS[at]}" for at in (0, 3)), STOP)
    pages, script = read([answer], Pages(blank=[1], bad=[2]))
    assert [page.record.status.value for page in pages] == ["done", "blank", "failed", "done"]
    assert [page.request_id for page in script.asked[0].further] == ["a/pages/0004"]
    assert records(pages)[2].reason == "cannot be drawn" and records(pages)[3].page == 4


def test_a_page_left_over_is_read_as_any_single_page() -> None:
    pages, script = read([(TEXTS[3], STOP)], Pages(blank=[0, 1, 2]), mode="gundam")
    assert facts(pages)[3] == (PageStatus.DONE, 1, "gundam")
    assert script.asked[0].prompt == "<image>document parsing."
    pages, script = read([], Pages(blank=range(4)))
    assert not script.started and {record.status for record in records(pages)} == {PageStatus.BLANK}


def test_all_are_asked_for_and_only_those_that_are_wanted_come_back() -> None:
    pages, script = read([ANSWER], wanted=[1, 3])
    assert [page.raw for page in pages] == [TEXTS[1], TEXTS[3]]
    assert len(script.asked) == 1 and len(script.asked[0].further) == 3


def test_the_engine_starts_once_for_both_ways_of_reading() -> None:
    _, script = read([("", STOP), *((text, STOP) for text in TEXTS)])
    assert script.started == 1 and len(script.asked) == 5


def test_a_dead_engine_ends_the_run() -> None:
    with pytest.raises(EngineError):
        read([EngineError("dead")])
