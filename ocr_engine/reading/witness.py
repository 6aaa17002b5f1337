"""The page's text layer as a witness of what was read: how both agree, and what the layer mends.

Pure functions of a page's blocks and layer, for render workers: the main process only hands them over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from ocr_engine.config import Config
from ocr_engine.families import READING_PROMPTS
from ocr_engine.formats import LAYOUTS
from ocr_engine.layer.agreement import agreement
from ocr_engine.layer.comparison import compared
from ocr_engine.layer.differences import differences
from ocr_engine.layer.repair import Level, repaired, with_lines
from ocr_engine.records import (
    Block,
    BlockDifference,
    PageAgreement,
    PageImage,
    PageRecord,
    TextLayer,
    TextRepair,
)


@dataclass(frozen=True, slots=True)
class LayerUse:
    """What a page's layer is asked for besides how it agrees."""

    repair: Level = "off"
    lines: bool = False
    """Whether blocks say where their lines stand."""
    differences: bool = False
    """Whether the record says what the page has where a block is unlike it."""


NO_USE = LayerUse()


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A page's blocks as its layer leaves them, what it changed, and how both agreed before."""

    blocks: tuple[Block, ...]
    repairs: tuple[TextRepair, ...]
    agreement: PageAgreement
    differences: tuple[BlockDifference, ...] = ()


def layer_use(config: Config) -> LayerUse:
    """What a run asks layers for: official layouts hold the model's own text alone."""
    if not LAYOUTS[config.output.layout].mends or config.prompt not in READING_PROMPTS:
        return NO_USE
    exports, text = config.output.exports, config.text
    return LayerUse(
        config.text_layer.repair,
        any(export.needs_lines for export in exports) or text.list_repair or text.join_paragraphs,
        any(export.needs_differences for export in exports),
    )


def witness(blocks: Sequence[Block], layer: TextLayer, use: LayerUse) -> Witnessed:
    """Compare a page's blocks with its layer, and mend them."""
    found = compared(blocks, layer)
    found = with_lines(found) if use.lines else found
    mended, repairs = repaired(found, use.repair)
    after = differences(compared(mended, layer)) if use.differences else ()
    return Witnessed(mended, repairs, agreement(found), after)


def witness_page(page: PageImage, blocks: Sequence[Block], use: LayerUse) -> Witnessed:
    """The same with the layer of a page that was just drawn."""
    return witness(blocks, page.text_layer(), use)


def is_witnessed(record: PageRecord, layer: TextLayer) -> bool:
    """Whether a page that was read has a layer that is asked about it."""
    return bool(layer.words) and not record.from_text_layer and record.prompt in READING_PROMPTS


def witness_of(config: Config, record: PageRecord, layer: TextLayer) -> "partial[Witnessed]":
    """The task that asks the layer about a page's record."""
    return partial(witness, record.blocks, layer, layer_use(config))


def with_witness(config: Config, record: PageRecord, found: Witnessed) -> PageRecord:
    """The record of a page with all that its layer says of it."""
    record, quality = with_repairs(record, found), config.quality
    return with_agreement(record, found, quality.suspect_recall) if quality.compare_text_layer else record


def with_repairs(record: PageRecord, witnessed: Witnessed) -> PageRecord:
    """The record of a page, its blocks mended."""
    return replace(
        record,
        blocks=witnessed.blocks,
        text_repairs=witnessed.repairs,
        differences=witnessed.differences,
    )


def with_agreement(record: PageRecord, witnessed: Witnessed, suspect_recall: float) -> PageRecord:
    """The record of a page with the layer's word on it: `recall` and `suspect` follow from that."""
    recall = record.recall if witnessed.agreement.recall is None else witnessed.agreement.recall
    unlike = recall is not None and recall < suspect_recall
    was_unlike = record.recall is not None and record.recall < suspect_recall
    suspect = unlike or (record.suspect and not was_unlike)
    return replace(record, agreement=witnessed.agreement, recall=recall, suspect=suspect)
