"""Draws from a page after it was read, by rendering it again: figures, overlays, pictures and cards."""

from collections.abc import Callable
from functools import partial

from ocr_engine.config import Config
from ocr_engine.formats import LAYOUTS, Overlay
from ocr_engine.outputs.drawing import DrawnPage, draw_outputs
from ocr_engine.reading.figures import cards as figure_cards
from ocr_engine.records import (
    PageImage,
    PageRecord,
    PageStatus,
)

DrawTask = Callable[[PageImage], DrawnPage]


def draw_task(config: Config, record: PageRecord) -> DrawTask | None:
    """The task for a render worker that draws from this page; None if nothing is to be drawn."""
    figures, overlay, image = drawings_wanted(config, record)
    cards = figure_cards(config, record)
    if not (figures or overlay or image or cards):
        return None
    return partial(
        draw_outputs, blocks=record.blocks, figures=figures, overlay=overlay, image=image, cards=cards
    )


def drawings_wanted(config: Config, record: PageRecord) -> tuple[bool, bool, bool]:
    """Whether to crop figures, to draw the page with its boxes, and to keep its picture."""
    if record.status is PageStatus.FAILED:
        return False, False, False
    layout = LAYOUTS[config.output.layout]
    figures = config.output.figures and any(block.figures for block in record.blocks)
    # Who looks for something wants to see where it is.
    asked_for = (config.output.overlays or config.prompt == "locate") and any(
        block.boxes for block in record.blocks
    )
    overlay = {Overlay.NEVER: False, Overlay.WANTED: asked_for, Overlay.ALWAYS: True}[layout.overlay]
    image = any(export.needs_pictures for export in config.output.exports)
    return figures and layout.figures, overlay, image
