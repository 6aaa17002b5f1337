"""Prepares a rendered page for the engine: cuts its views, measures its ink, takes its text layer.

This runs in a render worker, so that the page's pixels stay there.
"""

import io
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ocr_engine.families import Mode
from ocr_engine.families.views import make_views
from ocr_engine.outputs.drawing import crop_box
from ocr_engine.pages.ink import measure_ink
from ocr_engine.pages.look import WHOLE, Look, apply_look
from ocr_engine.reading.draft import DraftForm, draft_of
from ocr_engine.records import Box, Ink, PageGeometry, PageImage, PageViews, TextLayer, no_layer

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class PreparedPage:
    """A page ready for the engine, as it comes back from a render worker."""

    views: PageViews
    geometry: PageGeometry
    render_s: float
    views_s: float
    ink: Ink | None = None
    text_layer: TextLayer = field(default_factory=no_layer)
    draft: bytes | str = b""
    """What its answer probably is, as in `GenerationRequest`."""
    renderer: str = ""
    damage: str = ""
    """What is missing or doubtful about the page, as in `PageImage.damage`."""


def prepare(
    page: PageImage,
    mode: Mode,
    *,
    png: bool = False,
    look: Look = WHOLE,
    ink: bool = False,
    text_layer: bool = False,
    draft: DraftForm | None = None,
) -> PreparedPage:
    """Cut the views of a rendered page.

    `look` turns the page or takes a part of it. `png` also keeps that as a PNG, for a server to cut. `ink`,
    `text_layer` and `draft` ask for facts about the whole page.
    """
    started = time.perf_counter()
    image = apply_look(page.image, look)
    views = make_views(image, mode)
    if png:
        views = replace(views, page_png=_png(image))
    layer = page.text_layer() if text_layer or draft else no_layer()
    return PreparedPage(
        views=views,
        geometry=page.geometry,
        render_s=page.seconds,
        views_s=time.perf_counter() - started,
        ink=(page.ink or measure_ink(page.image)) if ink else None,
        text_layer=layer if text_layer else no_layer(),
        draft=draft_of(layer, draft) if draft else b"",
        renderer=page.backend,
        damage=page.damage,
    )


def prepare_figure(page: PageImage, box: Box, mode: Mode, *, png: bool = False) -> PageViews:
    """Cut the views of one figure of a rendered page, as `prepare` does those of the page."""
    return prepare(replace(page, image=crop_box(page.image, box)), mode, png=png).views


def _png(image: "Image") -> bytes:
    buffer = io.BytesIO()
    # Level 1 is four times as fast as the default and a tenth larger.
    image.convert("RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
