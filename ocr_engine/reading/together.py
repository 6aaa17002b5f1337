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
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.aside import aside
from ocr_engine.reading import ladder
from ocr_engine.reading.prepare import PreparedPage
from ocr_engine.reading.reader import PageReader, ReadPage, failed_page
from ocr_engine.reading.request import request_for
from ocr_engine.records import (
    FinishReason,
    FurtherPage,
    Generation,
    GenerationRequest,
    PageKey,
    PageRef,
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


@dataclass(frozen=True, slots=True)
class _Part:
    """A page's part of the answer; without one, why. And how many pages the request had."""

    generation: Generation | None
    doubt: str
    pages: int


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
        found = dict(zip(pages, await asyncio.gather(*map(self._prepared, pages)), strict=True))
        shown = [_Shown(page, one) for page, one in found.items() if isinstance(one, PreparedPage)]
        parts = await self._parts(shown)
        done = {page: one for page, one in found.items() if isinstance(one, ReadPage)}
        asked = [(one, part) for one, part in zip(shown, parts, strict=True) if one.page in wanted]
        read = await asyncio.gather(*(self._read(one, part, started) for one, part in asked))
        done |= {one.page: result for (one, _), result in zip(asked, read, strict=True)}
        return [done[page] for page in pages if page in wanted]

    async def _prepared(self, page: AskedPage) -> PreparedPage | ReadPage:
        """The page's views at the mode of all; the result of one that cannot be drawn, or is blank."""
        try:
            first = await self._shared.prepare(page.ref)
        except InputError as error:
            return failed_page(self._given, page.ref, page.page_print, str(error))
        return self._alone.blank(page.ref, page.page_print, first) or first

    async def _parts(self, shown: Sequence[_Shown]) -> Sequence[_Part | None]:
        """What was said of each page; None where it was not asked for in company."""
        if len(shown) < 2:
            return [None] * len(shown)
        await self._shared.start.ready()
        try:
            generation = await self._engine.generate(self._request(shown))
        except RequestError as error:
            return [_Part(None, str(error), len(shown))] * len(shown)
        return await aside(_divided, generation, shown, self._family)

    def _request(self, shown: Sequence[_Shown]) -> GenerationRequest:
        first, *rest = shown
        made = request_for(self._config, first.prepared.views, first.page.key.request_id, family=self._family)
        further = tuple(FurtherPage(one.page.key.request_id, one.prepared.views) for one in rest)
        return replace(made, max_tokens=made.max_tokens * len(shown), further=further)

    async def _read(self, shown: _Shown, part: _Part | None, started: float) -> ReadPage:
        """The page from its part of the answer; else it is read alone, as it is where it had no company."""
        page, doubt = shown.page, ""
        if part is not None and part.generation is not None:
            read = await self._shared.answered(
                page.ref, page.page_print, shown.prepared, part.generation, started
            )
            if read is not None:
                return read
        if part is not None:
            doubt = part.doubt or "read badly beside others"
        tried = [ladder.refused(ladder.FIRST, doubt, part.pages)] if part else []
        return await self._alone.read(page.ref, page.key, page.page_print, tried=tried)


def _divided(generation: Generation, shown: Sequence[_Shown], family: str) -> list[_Part]:
    """The answer by page."""
    layers = [one.prepared.seen.text_layer.text for one in shown]
    is_whole = generation.finish_reason is FinishReason.STOP
    pieces = page_pieces(generation.text, layers, is_whole=is_whole)
    return [
        _Part(None, piece.doubt, len(shown))
        if piece.doubt
        else _Part(_share(generation, piece.text, tokens, one, family), "", len(shown))
        for one, piece, tokens in zip(shown, pieces, _shares(generation, pieces), strict=True)
    ]


def _shares(generation: Generation, pieces: Sequence[PagePiece]) -> list[int]:
    """The answer's tokens by page: an engine counts those of the whole, so by the length of each text."""
    chars = [len(piece.text) for piece in pieces]
    total, most = sum(chars) or 1, generation.output_tokens
    ends = [sum(chars[: at + 1]) * most // total for at in range(len(chars))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _share(generation: Generation, text: str, tokens: int, shown: _Shown, family: str) -> Generation:
    """A page's part of the answer, as if it had been asked for alone."""
    visual, most = vision_tokens(shown.prepared.views, family), generation.output_tokens or 1
    return replace(
        generation,
        text=text,
        finish_reason=FinishReason.STOP,
        vision_tokens=visual,
        prompt_tokens=generation.prompt_tokens - generation.vision_tokens + visual,
        output_tokens=tokens,
        seconds=generation.seconds * tokens / most,
        drafted_tok=generation.drafted_tok * tokens // most,
        accepted_tok=generation.accepted_tok * tokens // most,
        loop=None,
        scores=None,
    )
