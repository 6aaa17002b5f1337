"""One attempt at a page: its views from a worker, the engine's answer, what is thought of it."""

from dataclasses import dataclass, replace
from functools import partial

from ocr_engine.config import Config, RetryStep
from ocr_engine.engine.base import Engine, OnText
from ocr_engine.errors import EngineError, OcrError, RequestError
from ocr_engine.families import Mode
from ocr_engine.log import logger
from ocr_engine.pages.look import WHOLE, Look
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.aside import aside
from ocr_engine.processes.outcome import outcome
from ocr_engine.processes.sealed import Sealed
from ocr_engine.reading import ladder, second
from ocr_engine.reading.answer import PageAnswer, answer_to_halves, answer_to_page
from ocr_engine.reading.auto_mode import AutoMode
from ocr_engine.reading.draft import DraftForm, DraftIds, form_of
from ocr_engine.reading.prepare import PreparedPage, prepare
from ocr_engine.reading.request import mode_of, prompt_of, request_for, sends_png
from ocr_engine.reading.witness import NO_USE, layer_use
from ocr_engine.records import Generation, PageKey, PageRef


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The page that attempts are made at."""

    ref: PageRef
    key: PageKey
    facts: ladder.PageFacts
    mode: Mode
    """The mode of attempts that name none."""


def first_task(
    config: Config, family: str, tokenizer: str | None = None, said_before: str = ""
) -> "partial[PreparedPage]":
    """The first task of a render worker for every page. Another machine may run it before `read`.

    `tokenizer` and `said_before` as in `form_of`.
    """
    mode = mode_of(ladder.config_of(config, ladder.FIRST), family)
    return _prepare_task(config, mode, WHOLE, facts=True, draft=form_of(config, tokenizer, said_before))


def _prepare_task(
    config: Config, mode: Mode | AutoMode, look: Look, *, facts: bool, draft: DraftForm | None = None
) -> "partial[PreparedPage]":
    quality = config.quality
    return partial(
        prepare,
        mode=mode,
        png=sends_png(config),
        look=look,
        ink=facts,
        text_layer=facts
        and (quality.compare_text_layer or quality.text_layer_fallback or layer_use(config) != NO_USE),
        draft=draft,
        where_ink=facts and quality.second_prompt != second.NONE,
    )


class Attempts:
    """Makes attempts at pages with one config, one pool of renderers and one engine."""

    def __init__(
        self, config: Config, pool: RenderPool, engine: Engine, family: str, tokenizer: str | None
    ) -> None:
        """Raises UsageError where the family has no such mode or prompt."""
        self._config, self._pool, self._engine, self._family = config, pool, engine, family
        steps = (ladder.FIRST, *config.quality.retries, *second.steps(config))
        for step in steps:
            prompt_of(ladder.config_of(config, step), family)
        self._modes = {step.mode: mode_of(ladder.config_of(config, step), family) for step in steps}
        self._draft = form_of(config, tokenizer)
        self._first_task = partial(first_task, config, family, tokenizer)
        self._first = Sealed(self._first_task())
        self._draft_ids = DraftIds(self._draft, pool, engine)

    async def prepare(self, ref: PageRef, said_before: str = "") -> PreparedPage:
        """A page's views for the first attempt, and what is known of it. Raises InputError."""
        task = self._first_task(said_before) if said_before else self._first
        return await outcome(self._pool.run(ref, task))

    def mode_of(self, page: AskedFor, step: RetryStep) -> Mode:
        """The mode of an attempt: a step names no mode that has to be chosen."""
        mode = self._modes[step.mode] if step.mode else page.mode
        assert isinstance(mode, Mode), "the config refuses `mode: auto` in a step"
        return mode

    async def _prepare(self, ref: PageRef, mode: Mode | AutoMode, look: Look) -> PreparedPage:
        return await outcome(self._pool.run(ref, _prepare_task(self._config, mode, look, facts=False)))

    async def again(
        self,
        page: AskedFor,
        number: int,
        step: RetryStep,
        earlier: ladder.Judged,
    ) -> ladder.Judged:
        """A further attempt; one that fails says why. Raises EngineError where the engine died."""
        key = page.key.again(number)
        try:
            if step.halves:
                answer = await self._halves(page, key, step)
            else:
                prepared = await self._prepare(page.ref, self.mode_of(page, step), Look(step.turn))
                prepared = replace(prepared, draft=self._earlier_draft(step, earlier))
                generation = await self.ask(prepared, key, step, None)
                answer = await aside(answer_to_page, generation, step.turn, page.key.stem)
        except Exception as error:  # a retry that fails, however it does, keeps what was read before it
            if isinstance(error, EngineError) and not isinstance(error, RequestError):
                raise
            logger.debug("%s: attempt %d", key.request_id, number + 1, exc_info=error)
            reason = str(error) if isinstance(error, OcrError) else f"internal error: {error!r}"
            return ladder.refused(step, reason)
        return await self.judged(step, answer, page)

    async def judged(self, step: RetryStep, answer: PageAnswer, page: AskedFor) -> ladder.Judged:
        """An attempt's answer, and what it is worth."""
        return await aside(ladder.judged, ladder.config_of(self._config, step), step, answer, page.facts)

    def _earlier_draft(self, step: RetryStep, earlier: ladder.Judged) -> str:
        """What an attempt before said of the same view of the page: the next will say most of it again."""
        if self._draft is None or earlier.answer is None or step.turn or step.prompt:
            return ""
        return earlier.answer.generation.text

    async def _halves(self, page: AskedFor, key: PageKey, step: RetryStep) -> PageAnswer:
        """Ask about the page's two halves, one after the other."""
        end, start = ladder.cut(step, page.facts)
        looks = Look(step.turn, 0.0, end), Look(step.turn, start, 1.0)
        top, bottom = [
            await self.ask(
                await self._prepare(page.ref, self.mode_of(page, step), look),
                key.again(key.attempt, part),
                step,
                None,
            )
            for part, look in zip(("top", "bottom"), looks, strict=True)
        ]
        return await aside(answer_to_halves, top, bottom, (end, start), step.turn, page.key.stem)

    async def ask(
        self, prepared: PreparedPage, key: PageKey, step: RetryStep, on_text: OnText | None
    ) -> Generation:
        """The engine's answer. Raises RequestError, EngineError."""
        config = self._config if step is ladder.FIRST else ladder.config_of(self._config, step)
        heat = step.temperature or 0.0
        draft = await self._draft_ids.of(prepared.draft)
        request = request_for(config, prepared.views, key.request_id, heat, family=self._family, draft=draft)
        return await self._engine.generate(request, on_text)
