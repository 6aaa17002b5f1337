"""Reads the figures of a page ("deep parsing"): the engine is asked about each crop with "Parse the figure.".

Figures are read one after the other. So a page has at most one request in the engine and one figure's pixels
in memory, however many figures it has.
"""

import time
from collections.abc import Iterable, Sequence
from functools import partial

from ocr_engine.config import Config
from ocr_engine.engine.base import Engine, OnText
from ocr_engine.errors import InputError, RequestError
from ocr_engine.families import Mode
from ocr_engine.formats import LAYOUTS
from ocr_engine.outputs.cards import Card
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.outcome import outcome
from ocr_engine.reading.answer import status_of
from ocr_engine.reading.prepare import prepare_figure
from ocr_engine.reading.request import figure_request, sends_png
from ocr_engine.records import Block, Box, FigureText, PageGeometry, PageKey, PageRecord, PageRef, PageStatus
from ocr_engine.text.figure_text import card_text


class FigureReader:
    """Reads the figures of pages with the engine and the mode that read the pages."""

    def __init__(self, config: Config, pool: RenderPool, engine: Engine) -> None:
        self._config = config
        self._pool = pool
        self._engine = engine

    async def read(
        self,
        ref: PageRef,
        key: PageKey,
        figures: Iterable[tuple[str, Box]],
        mode: Mode,
        on_text: OnText | None = None,
    ) -> tuple[tuple[FigureText, ...], float]:
        """Read these figures of a page, in order; returns what they say and the seconds it took.

        A figure that cannot be read gets a status and a reason, as a page does. Raises EngineError.
        """
        started_s = time.perf_counter()
        texts = [
            await self._read_one(ref, key.figure_id(name), name, box, mode, on_text) for name, box in figures
        ]
        return tuple(texts), time.perf_counter() - started_s

    async def _read_one(
        self, ref: PageRef, request_id: str, name: str, box: Box, mode: Mode, on_text: OnText | None
    ) -> FigureText:
        task = partial(prepare_figure, box=box, mode=mode, png=sends_png(self._config))
        try:
            views = await outcome(self._pool.run(ref, task))
            request = figure_request(self._config, views, request_id, mode.family)
            generation = await self._engine.generate(request, on_text)
        except (InputError, RequestError) as error:
            return FigureText(name, PageStatus.FAILED, str(error))
        status, reason = status_of(generation)
        return FigureText(
            name, status, reason, generation.text, generation.vision_tokens, generation.output_tokens
        )


def chosen(config: Config, blocks: Sequence[Block], size: PageGeometry) -> list[tuple[str, Box]]:
    """Choose the figures to read: large ones and, of more than `figures.max_per_page`, the largest."""
    if not config.figures.parse or config.prompt == "figure":
        return []
    large = [
        (name, box)
        for name, box in _figures(blocks)
        if min(_sides(box.to_px(size.width_px, size.height_px))) >= config.figures.min_side_px
    ]
    largest = sorted(large, key=lambda figure: _area(figure[1]), reverse=True)[: config.figures.max_per_page]
    return [figure for figure in large if figure in largest]


def cards(config: Config, record: PageRecord) -> tuple[Card, ...]:
    """The contents of a page's cards: one card for each figure that was read."""
    if not config.figures.cards or not record.figure_texts or not LAYOUTS[config.output.layout].cards:
        return ()
    boxes = dict(_figures(record.blocks))
    return tuple(
        Card(text.name, boxes[text.name], card_text(text.text) or text.reason)
        for text in record.figure_texts
        if text.name in boxes
    )


def _figures(blocks: Iterable[Block]) -> list[tuple[str, Box]]:
    return [pair for block in blocks for pair in zip(block.figures, block.boxes, strict=False)]


def _sides(area: Sequence[int]) -> tuple[int, int]:
    return area[2] - area[0], area[3] - area[1]


def _area(box: Box) -> int:
    return (box.x2 - box.x1) * (box.y2 - box.y1)
