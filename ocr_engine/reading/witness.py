"""The page's text layer as a witness of what was read: how both agree, and what the layer mends.

Pure functions of a page's blocks and layer, for render workers: the main process only hands them over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_engine.config import Config
from ocr_engine.formats import LAYOUTS
from ocr_engine.layer.agreement import agreement
from ocr_engine.layer.comparison import compared
from ocr_engine.layer.repair import Level, repaired, with_lines
from ocr_engine.records import Block, PageAgreement, PageImage, PageRecord, TextLayer, TextRepair

READING_PROMPTS = ("markdown", "ocr", "free")
"""Prompts whose answer is the page's text."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A page's blocks as its layer leaves them, what it changed, and how both agreed before."""

    blocks: tuple[Block, ...]
    repairs: tuple[TextRepair, ...]
    agreement: PageAgreement


def repair_level(config: Config) -> Level:
    """How far a layer mends what is written: official layouts hold the model's own text."""
    is_ours = LAYOUTS[config.output.layout].mends and config.prompt in READING_PROMPTS
    return config.text_layer.repair if is_ours else "off"


def wants_lines(config: Config) -> bool:
    """Whether something that is written asks where the lines of a page stand."""
    if not LAYOUTS[config.output.layout].mends or config.prompt not in READING_PROMPTS:
        return False
    asked = any(export.needs_lines for export in config.output.exports)
    return asked or config.text.list_repair or config.text.join_paragraphs


def asks_layer(config: Config) -> bool:
    """Whether what is written follows from pages' text layers, too."""
    return repair_level(config) != "off" or wants_lines(config)


def witness(blocks: Sequence[Block], layer: TextLayer, level: Level, *, lines: bool = False) -> Witnessed:
    """Compare a page's blocks with its layer, and mend them. With `lines`, they say where those stand."""
    found = compared(blocks, layer)
    found = with_lines(found) if lines else found
    mended, repairs = repaired(found, level)
    return Witnessed(mended, repairs, agreement(found))


def witness_page(page: PageImage, blocks: Sequence[Block], level: Level, *, lines: bool = False) -> Witnessed:
    """The same with the layer of a page that was just drawn."""
    return witness(blocks, page.text_layer(), level, lines=lines)


def with_repairs(record: PageRecord, witnessed: Witnessed) -> PageRecord:
    """The record of a page, its blocks mended."""
    return replace(record, blocks=witnessed.blocks, text_repairs=witnessed.repairs)


def with_agreement(record: PageRecord, witnessed: Witnessed, suspect_recall: float) -> PageRecord:
    """The record of a page with the layer's word on it: `recall` and `suspect` follow from that."""
    recall = record.recall if witnessed.agreement.recall is None else witnessed.agreement.recall
    unlike = recall is not None and recall < suspect_recall
    was_unlike = record.recall is not None and record.recall < suspect_recall
    suspect = unlike or (record.suspect and not was_unlike)
    return replace(record, agreement=witnessed.agreement, recall=recall, suspect=suspect)
