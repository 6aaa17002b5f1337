"""Reads one page: renders and cuts it in a worker, asks the engine, judges the answer, asks again.

Used by every kind of run: local, on a cluster, for an evaluation.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from ocr_engine.config import Config, for_family
from ocr_engine.engine.base import Engine, OnText
from ocr_engine.errors import InputError, RequestError
from ocr_engine.log import logger
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.aside import aside
from ocr_engine.processes.outcome import outcome
from ocr_engine.reading import ladder, second
from ocr_engine.reading.answer import answer_to_page
from ocr_engine.reading.attempts import AskedFor, Attempts
from ocr_engine.reading.dense_tables import OFF, dense_tables
from ocr_engine.reading.figures import FigureReader, chosen
from ocr_engine.reading.finish import Finished, finished, frozen
from ocr_engine.reading.held_views import let_go
from ocr_engine.reading.prepare import PreparedPage
from ocr_engine.reading.record import blank_record, failed_record, read_record
from ocr_engine.reading.request import prompt_of
from ocr_engine.reading.starting import EngineStart
from ocr_engine.reading.table_reader import PROMPT as TABLE_PROMPT
from ocr_engine.reading.table_reader import TableReader
from ocr_engine.reading.witness import is_witnessed, with_witness, witness_of
from ocr_engine.records import FigureText, Generation, PageKey, PageRecord, PageRef, PageTexts, TextLayer


@dataclass(frozen=True, slots=True)
class ReadPage:
    """The result of reading a page: its record, its raw text, and the seconds that each stage took."""

    record: PageRecord
    raw: str
    seconds: dict[str, float]
    texts: PageTexts | None = None
    """What its layout writes of it, where that is made already."""
    finished: Finished | None = None
    """All of it for the process that saves it; `record` is then its `brief`, and `raw` left out."""
    drawn: DrawnPage | None = None
    """What the machine that read it drew from it; None where that is still to be done."""
    tokens_a_step: float = 0.0
    """How many tokens the model decoded at once on average, thanks to drafts; 0 where none were verified."""
    same_as: str = ""
    """The document of the same bytes that was read in its place; "" where the page itself was."""


def failed_page(config: Config, ref: PageRef, page_print: str, reason: str, seconds: float = 0.0) -> ReadPage:
    """The result for a page that could not be read."""
    record = failed_record(config, ref, page_print, reason)
    return ReadPage(record, "", {"total": seconds} if seconds else {})


class PageReader:
    """Reads pages with one config, one pool of renderers and one engine, any number at a time."""

    def __init__(
        self,
        config: Config,
        pool: RenderPool,
        engine: Engine,
        family: str,
        tokenizer: str | None = None,
        start: EngineStart | None = None,
        *,
        saved_elsewhere: bool = False,
    ) -> None:
        """With `saved_elsewhere` pages are handed on to another process as they come from a worker.

        `family` and `tokenizer` as the engine says. The first page starts the engine; the caller stops it.

        `start` is that of another reader of the same engine.

        Raises UsageError where the family has no such mode or prompt.
        """
        config = for_family(config, family)
        self._config = config
        self._pool = pool
        self._attempts = Attempts(config, pool, engine, family, tokenizer)
        if config.figures.parse:
            prompt_of(replace(config, prompt="figure"), family)
        self._figures = FigureReader(config, pool, engine)
        if config.quality.dense_tables != OFF:
            prompt_of(replace(config, prompt=TABLE_PROMPT), family)
        self._tables = TableReader(config, pool, engine)
        self._frozen = frozen(config)
        self._saved_elsewhere = saved_elsewhere
        self.start = start or EngineStart(engine)

    async def read(
        self,
        ref: PageRef,
        key: PageKey,
        page_print: str,
        on_text: OnText | None = None,
        prepared: PreparedPage | None = None,
        said_before: str = "",
        tried: Sequence[ladder.Judged] = (),
    ) -> ReadPage:
        """Read a page; returns its record and raw text. The record of a page that cannot be read says why.

        `key` is the page's place below the output folder, `page_print` the fingerprint its record carries.
        `on_text` gets the pieces of the answer as they appear. `prepared` is what `first_task` gave.
        `said_before` is the raw text of an earlier run, from which drafts are made. `tried` are attempts at
        the page that were made before.

        Raises:
            EngineError: the engine did not start, or died.
        """
        started = time.perf_counter()
        try:
            if prepared is None:
                prepared = await self.prepare(ref, said_before)
            return await self._read(ref, key, page_print, on_text, prepared, started, tried)
        except (InputError, RequestError) as error:
            return failed_page(self._config, ref, page_print, str(error), time.perf_counter() - started)

    @property
    def starting(self) -> bool:
        """Whether pages wait for an engine that has not started."""
        return self.start.running

    def close(self) -> None:
        """Stop waiting for the engine, if it is still starting."""
        self.start.close()

    async def _read(
        self,
        ref: PageRef,
        key: PageKey,
        page_print: str,
        on_text: OnText | None,
        first: PreparedPage,
        started: float,
        tried: Sequence[ladder.Judged],
    ) -> ReadPage:
        quality, seconds = self._config.quality, _stages(first)
        if blank := self.blank(ref, page_print, first):
            return replace(blank, seconds=seconds | _total(started))
        started += await self.start.ready()  # no part of the first pages' time
        generation = await self._attempts.ask(first, key.again(0), ladder.FIRST, on_text)
        if not tried and (done := await self.answered(ref, page_print, first, generation, started)):
            return done
        seen = first.seen
        facts = ladder.PageFacts(seen.ink, seen.text_layer, seen.ink_map)
        page = AskedFor(ref, key, facts, seen.mode)
        answer = await aside(answer_to_page, generation, ladder.FIRST.turn, page.key.stem)
        attempts = [*tried, await self._attempts.judged(ladder.FIRST, answer, page)]
        for number, step in enumerate(quality.retries, 1):
            if ladder.applies(step, ladder.best(attempts, page.facts), page.facts, quality):
                earlier = ladder.best(attempts, page.facts)
                attempts.append(await self._attempts.again(page, number, step, earlier))
        kept = await aside(ladder.kept, attempts, page.facts, quality, page.key.stem)
        kept = await self._read_twice(page, kept)
        attempts = list(kept.attempts)
        seconds["engine"] = sum(one.answer.generation.seconds for one in attempts if one.answer)
        mode = self._attempts.mode_of(page, kept.best.step)
        if dense := await aside(dense_tables, self._config, kept, seen.text_layer, seen.geometry, mode):
            kept, seconds["tables"] = await self._tables.read(page, kept, dense, mode)
        texts: tuple[FigureText, ...] = ()
        if figures := chosen(self._config, kept.answer.parsed.blocks, seen.geometry):
            texts, seconds["figures"] = await self._figures.read(ref, key, figures, seen.mode, on_text)
        record = await aside(read_record, self._config, ref, page_print, seen, kept, texts)
        record = await self._witnessed(record, seen.text_layer)
        pace = _tokens_a_step([one.answer.generation for one in attempts if one.answer])
        return ReadPage(record, kept.answer.generation.text, seconds | _total(started), tokens_a_step=pace)

    async def _read_twice(self, page: AskedFor, kept: ladder.Kept) -> ladder.Kept:
        """The page with what a second reading adds, where one is to be made."""
        reason = await aside(second.why, self._config, kept, page.facts)
        if not reason:
            return kept
        number = len(self._config.quality.retries) + 1
        again = await self._attempts.again(page, number, second.step_of(self._config, kept), kept.best)
        return await aside(second.with_second, kept, again, reason, page.facts, page.key.stem)

    async def prepare(self, ref: PageRef, said_before: str = "") -> PreparedPage:
        """A page's views for the first attempt, and what is known of it. Raises InputError."""
        return await self._attempts.prepare(ref, said_before)

    def blank(self, ref: PageRef, page_print: str, first: PreparedPage) -> ReadPage | None:
        """The result for a page without ink, which no engine is asked about; None for others."""
        if first.ink_share is None or first.ink_share >= self._config.quality.blank_ink:
            return None
        return ReadPage(blank_record(self._config, ref, page_print, first.seen), "", _stages(first))

    async def answered(
        self, ref: PageRef, page_print: str, first: PreparedPage, generation: Generation, started: float
    ) -> ReadPage | None:
        """The result for a page with this first answer, where nothing more is to be asked; else None."""
        done = await self._finished(ref, page_print, first, generation)
        if done is None:
            return None
        seconds = _stages(first) | {"engine": generation.seconds} | _total(started)
        pace = _tokens_a_step([generation])
        if self._saved_elsewhere:
            return ReadPage(done.brief, "", seconds, finished=done, tokens_a_step=pace)
        ready = done.ready.opened()
        return ReadPage(ready.record, ready.texts.raw, seconds, ready.texts, tokens_a_step=pace)

    async def _finished(
        self, ref: PageRef, page_print: str, prepared: PreparedPage, generation: Generation
    ) -> Finished | None:
        """The page, where its first answer is all that is asked for; made by a worker.

        None where it is not, and where a worker could not make it: then it is gone through step by step.
        """
        freed = let_go(prepared.views)
        task = partial(finished, self._frozen, ref, page_print, prepared.sealed, generation, freed)
        try:
            return await outcome(self._pool.work(task))
        except InputError as error:
            logger.debug("page %d is gone through step by step: %s", ref.number, error)
            return None

    async def _witnessed(self, record: PageRecord, layer: TextLayer) -> PageRecord:
        """The record with what the page's text layer says of it; as it is where that cannot be asked."""
        if not is_witnessed(record, layer):
            return record
        try:
            found = await outcome(self._pool.work(witness_of(self._config, record, layer)))
        except InputError as error:
            logger.warning("page %d is not compared with its text layer: %s", record.page, error)
            return record
        return with_witness(self._config, record, found)


def _stages(first: PreparedPage) -> dict[str, float]:
    return {"render": first.render_s, "views": first.views_s}


def _tokens_a_step(answers: Sequence[Generation]) -> float:
    """Of all attempts at a page together; the token that comes with a prompt is a step too."""
    if not any(one.drafted_tok for one in answers):
        return 0.0
    tokens = sum(one.output_tokens for one in answers)
    # Drafts accepted behind the end of an answer are no tokens of it.
    return tokens / max(1, len(answers), tokens - sum(one.accepted_tok for one in answers))


def _total(started: float) -> dict[str, float]:
    return {"total": time.perf_counter() - started}
