"""Chooses a page's mode for `mode: auto`: the cheapest one that keeps its text, before the model reads it.

By rules, from what the file says of its type and words, else from the picture; no model. A mode keeps the
page's text where the smaller type is large enough in the views, and where no visual token has to stand for
more text than the paper found to be read well (arXiv 2510.18234: about 97 % at 10 text tokens a visual token,
60 % at 20). docs/quality.md has the numbers.
"""

from dataclasses import dataclass

import numpy as np

from ocr_engine.config import AutoModeConfig
from ocr_engine.families import Mode, queries
from ocr_engine.families.tiling import choose_grid
from ocr_engine.pages.type_size import measure_type
from ocr_engine.records import LayerVerdict, PageImage, TextLayer, WordFlag

CHARS_PER_TOK = 3.6
"""Characters of text an output token stands for, boxes not counted (English and markdown)."""
TOK_PER_EM = 0.5
"""Text tokens an em of a line, as in the text layers of 75 pages: 1.8 characters an em."""
_SMALLER_TYPE = 0.05
"""Share of a page's characters that may be smaller than its smaller type: raised numbers, labels."""
_ENOUGH_WORDS = 50
"""A layer with fewer may be a stamp on a scan: the picture is looked at."""
_LEAST_SIZE_PT, _KNOWN_SIZES = 2.0, 0.5
_NOT_BODY = int(WordFlag.HIDDEN | WordFlag.TURNED | WordFlag.MIXED)


@dataclass(frozen=True, slots=True)
class AutoMode:
    """What stands for a mode until a page is seen: the modes to choose from, and what has to be kept."""

    modes: tuple[Mode, ...]
    limits: AutoModeConfig


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """The mode a page is read in, and why, for people."""

    mode: Mode
    reason: str


@dataclass(frozen=True, slots=True)
class PageText:
    """How large a page's smaller type is, in pixels of its picture, and how much text there is."""

    type_px: float
    text_tok: float
    source: str


def choose(page: PageImage, layer: TextLayer, auto: AutoMode, *, lines_down: bool = False) -> ModeChoice:
    """The cheapest mode that keeps the page's text; the dearest where none does or nothing can be measured.

    `lines_down` says that the lines of a sideways scan run down the picture.
    """
    modes, limits = auto.modes, auto.limits
    if len(modes) == 1:
        return ModeChoice(modes[0], f"auto: the only mode of {modes[0].family}")
    size = page.image.size
    ordered = sorted(modes, key=lambda mode: visual_tokens(mode, *size))
    text = _of_layer(page, layer) or _of_picture(page, lines_down=lines_down)
    if text is None:
        return ModeChoice(ordered[-1], "auto: no lines of text to measure")
    fitting = [mode for mode in ordered if keeps(mode, size, text, limits)]
    mode = fitting[0] if fitting else ordered[-1]
    return ModeChoice(mode, _reason(mode, size, text, enough=bool(fitting)))


def keeps(mode: Mode, size: tuple[int, int], text: PageText, limits: AutoModeConfig) -> bool:
    """Whether a page of so many pixels keeps its text in this mode."""
    is_legible = text.type_px * view_scale(mode, *size) >= limits.min_type_px
    return is_legible and text.text_tok <= limits.max_compression * visual_tokens(mode, *size)


def view_scale(mode: Mode, width_px: int, height_px: int) -> float:
    """Pixels of the sharpest views for a pixel of the page, in the direction that has fewer."""
    columns, rows = choose_grid(width_px, height_px, mode)
    if columns * rows > 1:
        return min(columns * mode.tile_size_px / width_px, rows * mode.tile_size_px / height_px)
    return mode.base_size_px / max(width_px, height_px)


def visual_tokens(mode: Mode, width_px: int, height_px: int) -> float:
    """Visual tokens that show the page, as the paper counts them: none of newlines and grey margins."""
    columns, rows = choose_grid(width_px, height_px, mode)
    tiles = columns * rows if columns * rows > 1 else 0
    filled = 1.0 if mode.stretch or tiles else min(width_px, height_px) / max(width_px, height_px)
    return float(queries(mode.base_size_px) ** 2 * filled + tiles * queries(mode.tile_size_px) ** 2)


def _of_layer(page: PageImage, layer: TextLayer) -> PageText | None:
    """What the document's own text layer says; None where it is none, or does not tell."""
    if layer.verdict is not LayerVerdict.BORN_DIGITAL:
        return None
    is_body = (layer.flags & _NOT_BODY) == 0
    lengths = np.array([len(word) for word in layer.words])
    known = is_body & (layer.sizes_pt >= _LEAST_SIZE_PT)
    if is_body.sum() < _ENOUGH_WORDS or lengths[known].sum() < _KNOWN_SIZES * lengths[is_body].sum():
        return None
    order = np.argsort(layer.sizes_pt[known], kind="stable")
    share = np.cumsum(lengths[known][order]) / lengths[known].sum()
    size_pt = float(layer.sizes_pt[known][order][int(np.searchsorted(share, _SMALLER_TYPE))])
    shown = (layer.flags & int(WordFlag.HIDDEN)) == 0
    text_tok = (lengths[shown].sum() + shown.sum()) / CHARS_PER_TOK
    px_per_pt = page.geometry.width_px / page.geometry.width_pt
    return PageText(size_pt * px_per_pt, float(text_tok), f"type from {size_pt:.1f} pt by the text layer")


def _of_picture(page: PageImage, *, lines_down: bool) -> PageText | None:
    found = measure_type(page.image, lines_down=lines_down)
    if found is None:
        return None
    source = f"type of about {found.size_px:.0f} px by the picture"
    return PageText(found.size_px, found.length_em * TOK_PER_EM, source)


def _reason(mode: Mode, size: tuple[int, int], text: PageText, *, enough: bool) -> str:
    type_px = text.type_px * view_scale(mode, *size)
    a_token = text.text_tok / visual_tokens(mode, *size)
    end = "" if enough else ", the most there is"
    return (
        f"auto: {text.source}, about {text.text_tok:,.0f} text tokens: {type_px:.0f} px in {mode.name},"
        f" {a_token:.1f} text tokens a visual token{end}"
    )
