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
from ocr_engine.pages.ink_map import ink_map
from ocr_engine.pages.look import WHOLE, Look, apply_look
from ocr_engine.processes.sealed import Sealed
from ocr_engine.reading.auto_mode import AutoMode, ModeChoice, choose
from ocr_engine.reading.draft import DraftForm, draft_of
from ocr_engine.reading.held_views import held
from ocr_engine.records import Box, Ink, PageGeometry, PageImage, PageViews, TextLayer, no_layer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class SeenPage:
    """What a render worker found out about a page, apart from its views."""

    mode: Mode
    """The mode of the views."""
    geometry: PageGeometry
    ink: Ink | None
    text_layer: TextLayer
    """The text that the file itself holds of the page."""
    renderer: str
    damage: str
    """What is missing or doubtful about the page, as in `PageImage.damage`."""
    mode_reason: str
    """Why this mode, where it was chosen for the page."""
    ink_map: "npt.NDArray[np.uint8] | None" = field(repr=False)
    """Where its ink is, where that is asked for."""


@dataclass(frozen=True)
class PreparedPage:
    """A page ready for the engine, as it comes back from a render worker."""

    views: PageViews
    draft: bytes | str
    """What its answer probably is, as in `GenerationRequest`."""
    render_s: float
    views_s: float
    ink_share: float | None
    """As in `Ink`, where it was measured."""
    sealed: Sealed[SeenPage]
    """For the worker that goes on with the page."""

    @property
    def seen(self) -> SeenPage:
        """What else is known of the page."""
        return self.sealed.opened()


def prepare(
    page: PageImage,
    mode: Mode | AutoMode,
    *,
    png: bool = False,
    look: Look = WHOLE,
    ink: bool = False,
    text_layer: bool = False,
    draft: DraftForm | None = None,
    where_ink: bool = False,
) -> PreparedPage:
    """Cut the views of a rendered page, in the mode or in the one that is chosen for it.

    `look` turns the page or takes a part of it. `png` also keeps that as a PNG, for a server to cut. `ink`,
    `text_layer`, `draft` and `where_ink` ask for facts about the whole page.
    """
    started = time.perf_counter()
    layer = page.text_layer() if text_layer or draft or isinstance(mode, AutoMode) else no_layer()
    found = (page.ink or measure_ink(page.image)) if ink else None
    choice = _choice(page, mode, layer, found)
    image = apply_look(page.image, look)
    views = make_views(image, choice.mode)
    if png:
        views = replace(views, page_png=_png(image))
    views, views_s = held(views), time.perf_counter() - started
    seen = SeenPage(
        mode=choice.mode,
        geometry=page.geometry,
        ink=found,
        text_layer=layer if text_layer else no_layer(),
        renderer=page.backend,
        damage=page.damage,
        mode_reason=choice.reason,
        ink_map=ink_map(page.image) if where_ink else None,
    )
    return PreparedPage(
        views=views,
        draft=draft_of(layer, draft) if draft else b"",
        render_s=page.seconds,
        views_s=views_s,
        ink_share=found.share if found else None,
        sealed=Sealed(seen),
    )


def _choice(page: PageImage, mode: Mode | AutoMode, layer: TextLayer, ink: Ink | None) -> ModeChoice:
    if isinstance(mode, Mode):
        return ModeChoice(mode, "")
    return choose(page, layer, mode, lines_down=ink is not None and ink.lines_down)


def prepare_figure(page: PageImage, box: Box, mode: Mode, *, png: bool = False) -> PageViews:
    """Cut the views of one figure of a rendered page, as `prepare` does those of the page."""
    return prepare(replace(page, image=crop_box(page.image, box)), mode, png=png).views


def _png(image: "Image") -> bytes:
    buffer = io.BytesIO()
    # Level 1 is four times as fast as the default and a tenth larger.
    image.convert("RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
