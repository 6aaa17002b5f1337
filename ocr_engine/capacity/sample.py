"""A corpus measured by a sample: documents opened, a few pages rendered, text layers counted. No model."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TypeVar

from ocr_engine.capacity.costs import Work, mpx
from ocr_engine.errors import InputError, UsageError
from ocr_engine.families import Mode, view_tokens
from ocr_engine.pages.pool import RenderPool
from ocr_engine.pages.sources import Refused
from ocr_engine.reading.auto_mode import CHARS_PER_TOK, AutoMode
from ocr_engine.reading.prepare import prepare
from ocr_engine.records import Document, LayerVerdict, PageImage

T = TypeVar("T")
BOX_TOK_PER_CHAR = 0.035
"""Tokens of boxes and tags, by the characters of the page: a block of 600 characters has about 21."""
DEFAULT_OUTPUT_TOK = 880.0
"""Tokens of a page without a text layer, where no page of the sample has one."""
_MIN_LAYER_CHARS = 40


@dataclass(frozen=True, slots=True)
class SampledPage:
    """What the sample saw of one page."""

    mode: Mode
    tiles: int
    visual_tok: int
    text_chars: int
    born_digital: bool = False
    """Whether its text layer is the page's own text, from which drafts are made."""


@dataclass(frozen=True, slots=True)
class CorpusSample:
    """A corpus, estimated. `pages` is exact where every document was opened."""

    documents: int
    unreadable: int
    opened: int
    pages: int
    sampled_pages: int
    with_text_layer: int
    born_digital: int
    work: Work


def take(
    found: Iterable[Document | Refused],
    pool: RenderPool,
    mode: Mode | AutoMode,
    most: int,
    seed: int = 0,
    *,
    drafts: bool = False,
) -> CorpusSample:
    """Open and render at most `most` documents, chosen evenly at random, and as many of their pages.

    With `drafts` born-digital pages are decoded with drafts of their text, others with what was said before.

    Raises:
        UsageError: nothing can be read.
    """
    items = list(found)
    documents = [item for item in items if isinstance(item, Document)]
    chance = random.Random(seed)
    chosen = _some(documents, most, chance)
    opened = _results([pool.open(document) for document in chosen])
    if not opened:
        raise UsageError("none of the sampled documents can be opened, so nothing can be predicted")
    pages = [(one, index) for one in opened for index in range(one.page_count)]
    task = partial(_facts, mode=mode)
    facts = _results([pool.run(one.page(index), task) for one, index in _some(pages, most, chance)])
    if not facts:
        raise UsageError("none of the sampled pages can be rendered, so nothing can be predicted")
    born_digital = sum(one.born_digital for one in facts)
    in_all = round(fmean(one.page_count for one in opened) * len(documents) * len(opened) / len(chosen))
    modes = Counter(one.mode.name for one in facts)
    layered = [one for one in facts if one.text_chars >= _MIN_LAYER_CHARS]
    return CorpusSample(
        documents=len(documents),
        unreadable=len(items) - len(documents) + len(chosen) - len(opened),
        opened=len(opened),
        pages=in_all,
        sampled_pages=len(facts),
        with_text_layer=len(layered),
        born_digital=born_digital,
        work=Work(
            modes={name: count / len(facts) for name, count in modes.most_common()},
            global_mpx=fmean(mpx(one.mode.base_size_px) for one in facts),
            tiles=fmean(one.tiles for one in facts),
            tiles_mpx=fmean(one.tiles * mpx(one.mode.tile_size_px) for one in facts),
            visual_tok=fmean(one.visual_tok for one in facts),
            output_tok=fmean(map(output_tokens, layered)) if layered else DEFAULT_OUTPUT_TOK,
            pages_per_document=max(1.0, in_all / len(documents)),
            drafted=born_digital / len(facts) if drafts else 0.0,
            recalled=1 - born_digital / len(facts) if drafts else 0.0,
            bytes_per_page=sum(one.document.size_bytes for one in opened) / len(pages),
        ),
    )


def _some(items: Sequence[T], most: int, chance: random.Random) -> Sequence[T]:
    return items if len(items) <= most else chance.sample(items, most)


def output_tokens(page: SampledPage) -> float:
    """The answer to a page with this text layer, estimated."""
    return page.text_chars / CHARS_PER_TOK + page.text_chars * BOX_TOK_PER_CHAR


def _facts(page: PageImage, mode: Mode | AutoMode) -> SampledPage:
    prepared = prepare(page, mode, ink=True, text_layer=True)
    views, mode = prepared.views, prepared.seen.mode
    columns, rows = views.grid
    visual = view_tokens(mode.base_size_px, mode.tile_size_px, columns, rows, row_newline=mode.row_newline)
    layer = prepared.seen.text_layer
    born_digital = layer.verdict is LayerVerdict.BORN_DIGITAL
    return SampledPage(mode, len(views.tiles), visual, len(layer.text), born_digital)


def _results(futures: "Sequence[Future[T]]") -> list[T]:
    done = []
    for future in futures:
        try:
            done.append(future.result())
        except (InputError, UsageError):
            continue
    return done
