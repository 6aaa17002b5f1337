"""Reads consecutive pages of a document in one request, where the model family can (`pages_per_request`).

The answer is divided among its pages by its page marks. A page that is missing in it, merged with another,
cut off or read badly is read again alone, as any page is; what came before is in its record.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ocr_engine.config import Config, for_family, for_pages_together
from ocr_engine.engine.base import Engine, vision_tokens
from ocr_engine.errors import InputError, RequestError
from ocr_engine.families import FAMILIES
from ocr_engine.log import logger
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.aside import aside
from ocr_engine.reading import ladder
from ocr_engine.reading.answer import answer_to_page
from ocr_engine.reading.prepare import PreparedPage
from ocr_engine.reading.reader import PageReader, ReadPage, facts_of, failed_page
from ocr_engine.reading.request import request_for
from ocr_engine.records import (
    FinishReason,
    FurtherPage,
    Generation,
    GenerationRequest,
    PageKey,
    PageRef,
    PageStatus,
)
from ocr_engine.text.page_marks import PagePiece, page_pieces


@dataclass(frozen=True, slots=True)
class AskedPage:
    """A page to read: what it is, its place below the output folder, and the fingerprint it will have."""

    ref: PageRef
    key: PageKey
    page_print: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A page that the request shows the model."""

    page: AskedPage
    prepared: PreparedPage


class TogetherReader:
    """Reads pages together, and alone where that does not do."""

    def __init__(
        self, config: Config, pool: RenderPool, engine: Engine, family: str, alone: PageReader
    ) -> None:
        """`alone` reads single pages of the same run. The family is one that reads several together."""
        together = FAMILIES[family].together
        assert together is not None, "`pages_together` refuses such a family"
        self._given = for_family(config, family)
        self._config = for_pages_together(self._given, together)
        self._family = family
        self._engine = engine
        self._alone = alone
        self._shared = PageReader(self._config, pool, engine, family, start=alone.start)

    async def read(self, pages: Sequence[AskedPage], wanted: Collection[AskedPage]) -> list[ReadPage]:
        """Ask for all of `pages` in one request; the results of those that are `wanted`, in order.

        Raises:
            EngineError: the engine did not start, or died.
        """
        started = time.perf_counter()
        found = await asyncio.gather(*map(self._prepared, pages))
        shown = [
            _Shown(page, one) for page, one in zip(pages, found, strict=True) if isinstance(one, PreparedPage)
        ]
        judged = await self._judged(shown)
        done = {page.ref: one for page, one in zip(pages, found, strict=True) if isinstance(one, ReadPage)}
        reading = [
            self._finished(one, of_it, len(shown), started)
            for one, of_it in zip(shown, judged, strict=True)
            if one.page in wanted
        ]
        done |= {read_ref: read for read_ref, read in await asyncio.gather(*reading)}
        return [done[page.ref] for page in pages if page in wanted]

    async def _prepared(self, page: AskedPage) -> PreparedPage | ReadPage:
        """The page's views at the mode of all; the result of one that cannot be drawn, or is blank."""
        try:
            first = await self._shared.prepare(page.ref)
        except InputError as error:
            return failed_page(self._given, page.ref, page.page_print, str(error))
        return self._alone.blank(page.ref, page.page_print, first) or first

    async def _judged(self, shown: Sequence[_Shown]) -> list[ladder.Judged | None]:
        """What the answer is worth for each page; None where it was not asked for in company."""
        if len(shown) < 2:
            return [None] * len(shown)
        await self._shared.start.ready()
        try:
            generation = await self._engine.generate(self._request(shown))
        except RequestError as error:
            logger.debug("%s: pages together: %s", shown[0].page.key, error)
            return [ladder.refused(ladder.FIRST, str(error), len(shown))] * len(shown)
        pieces = await aside(_pieces, generation, shown)
        shares = _shares(generation, pieces)
        return [
            await aside(
                self._judge, one, piece, _answer(generation, piece, one, share, self._family), len(shown)
            )
            for one, piece, share in zip(shown, pieces, shares, strict=True)
        ]

    def _request(self, shown: Sequence[_Shown]) -> GenerationRequest:
        first, *rest = shown
        made = request_for(self._config, first.prepared.views, first.page.key.request_id, family=self._family)
        further = tuple(FurtherPage(one.page.key.request_id, one.prepared.views) for one in rest)
        return replace(made, max_tokens=made.max_tokens * len(shown), further=further)

    def _judge(self, shown: _Shown, piece: PagePiece, generation: Generation, pages: int) -> ladder.Judged:
        if piece.doubt:
            return ladder.refused(ladder.FIRST, piece.doubt, pages)
        answer = answer_to_page(generation, 0, shown.page.key.stem)
        found = ladder.judged(self._config, ladder.FIRST, answer, facts_of(shown.prepared))
        return replace(found, pages=pages)

    async def _finished(
        self, shown: _Shown, judged: ladder.Judged | None, pages: int, started: float
    ) -> tuple[PageRef, ReadPage]:
        page, first = shown.page, shown.prepared
        if judged is not None and self._is_good(judged, first):
            attempts = [judged]
            read = await self._shared.finish(page.ref, page.key, page.page_print, first, attempts, started)
            return page.ref, read
        why = [] if judged is None else [ladder.refused(ladder.FIRST, _why(judged), pages)]
        return page.ref, await self._alone.read(page.ref, page.key, page.page_print, tried=why)

    def _is_good(self, judged: ladder.Judged, first: PreparedPage) -> bool:
        """Whether a page needs no reading of its own: none that it would get after such an attempt alone."""
        quality, facts = self._config.quality, facts_of(first)
        again = any(ladder.applies(step, judged, facts, quality) for step in quality.retries)
        return judged.status is PageStatus.DONE and not judged.suspect and not again


def _why(judged: ladder.Judged) -> str:
    return judged.reason or ("unlike the page's text layer" if judged.suspect else "read badly")


def _pieces(generation: Generation, shown: Sequence[_Shown]) -> tuple[PagePiece, ...]:
    layers = [one.prepared.text_layer.text for one in shown]
    return page_pieces(generation.text, layers, is_whole=generation.finish_reason is FinishReason.STOP)


def _shares(generation: Generation, pieces: Sequence[PagePiece]) -> list[int]:
    """The answer's tokens by page: an engine counts those of the whole, so by the length of each text."""
    chars = [len(piece.text) for piece in pieces]
    total, most = sum(chars) or 1, generation.output_tokens
    ends = [sum(chars[: at + 1]) * most // total for at in range(len(chars))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _answer(generation: Generation, piece: PagePiece, shown: _Shown, tokens: int, family: str) -> Generation:
    """A page's part of the answer, as if it had been asked for alone."""
    visual = vision_tokens(shown.prepared.views, family)
    most = generation.output_tokens or 1
    return replace(
        generation,
        text=piece.text,
        finish_reason=FinishReason.STOP,
        vision_tokens=visual,
        prompt_tokens=generation.prompt_tokens - generation.vision_tokens + visual,
        output_tokens=tokens,
        seconds=generation.seconds * tokens / most,
        drafted_tok=generation.drafted_tok * tokens // most,
        accepted_tok=generation.accepted_tok * tokens // most,
        loop=None,
    )
