"""Makes the record of a page, for each way a page can end. The one author of records."""

from collections.abc import Iterable
from dataclasses import astuple, replace

from ocr_engine.config import Config
from ocr_engine.errors import InputError
from ocr_engine.reading.heading_types import heading_types
from ocr_engine.reading.ladder import Kept, config_of
from ocr_engine.reading.prepare import SeenPage
from ocr_engine.records import FigureText, PageRecord, PageRef, PageStatus, page_stem
from ocr_engine.text.grounding import parse

MAX_LOCATED = 20
"""The most places that `located` names. The record has all."""


def read_record(
    config: Config,
    ref: PageRef,
    page_print: str,
    seen: SeenPage,
    kept: Kept,
    figure_texts: Iterable[FigureText] = (),
) -> PageRecord:
    """The record of a page that was read. `seen` is the page as rendered for the first attempt."""
    best, generation, parsed = kept.best, kept.answer.generation, kept.answer.parsed
    asked = config_of(config, best.step)
    return PageRecord(
        page=ref.number,
        status=best.status,
        reason=_joined(kept.reason, seen.damage),
        fingerprint=page_print,
        mode=best.step.mode or seen.mode.name,
        mode_reason="" if best.step.mode else seen.mode_reason,
        prompt=asked.prompt,
        blocks=parsed.blocks,
        geometry=seen.geometry,
        finish_reason=generation.finish_reason,
        vision_tokens=generation.vision_tokens,
        text_tokens=generation.output_tokens,
        repairs=parsed.repairs,
        attempts=len(kept.attempts),
        content_id=ref.content_id,
        file=ref.file_name,
        figure_texts=tuple(figure_texts),
        tried=tuple(one.summary for one in kept.attempts) if len(kept.attempts) > 1 else (),
        recall=None if kept.from_text_layer else best.recall,
        suspect=(best.suspect and not kept.from_text_layer) or bool(seen.damage),
        turned_deg=best.step.turn,
        from_text_layer=kept.from_text_layer,
        renderer=seen.renderer,
        heading_types=heading_types(parsed.blocks, seen.text_layer),
        bookmarks=ref.bookmarks,
        confidence=kept.answer.confidence,
        second=kept.second,
        table_readings=kept.tables,
    )


def blank_record(config: Config, ref: PageRef, page_print: str, seen: SeenPage) -> PageRecord:
    """The record of a page without ink, which no engine was asked about."""
    return PageRecord(
        page=ref.number,
        status=PageStatus.BLANK,
        reason=_joined("no ink on the page (quality.blank_ink)", seen.damage),
        fingerprint=page_print,
        mode=seen.mode.name,
        mode_reason=seen.mode_reason,
        prompt=config.prompt,
        geometry=seen.geometry,
        content_id=ref.content_id,
        file=ref.file_name,
        suspect=bool(seen.damage),
        renderer=seen.renderer,
        bookmarks=ref.bookmarks,
    )


def failed_record(config: Config, ref: PageRef, page_print: str, reason: str) -> PageRecord:
    """The record of a page that could not be read."""
    return PageRecord(
        page=ref.number,
        status=PageStatus.FAILED,
        reason=reason,
        fingerprint=page_print,
        mode=config.mode,
        prompt=config.prompt,
        content_id=ref.content_id,
        file=ref.file_name,
        bookmarks=ref.bookmarks,
    )


def rewritten_record(record: PageRecord, raw: str, page_print: str) -> PageRecord:
    """The record of a page that is written anew from its stored raw text.

    The stored text of a page that was read turned or in halves is cleaner than the answer was. So the count
    of repairs from when it was read stays, if it is higher.
    """
    parsed = parse(raw, page_stem(record.page))
    repairs = max(record.repairs, parsed.repairs)
    return replace(
        record, blocks=parsed.blocks, repairs=repairs, fingerprint=page_print, text_repairs=(), differences=()
    )


def undrawn_record(record: PageRecord, error: InputError) -> PageRecord:
    """The record of a page that was read, but could not be rendered again to draw from it."""
    words = f"text read, but its figures were not cropped: {error}"
    return replace(record, reason=_joined(record.reason, words))


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def located(config: Config, record: PageRecord) -> str:
    """Say where `prompt: locate` found its text, in pixels of the page; "" for other prompts."""
    if config.prompt != "locate" or record.status is PageStatus.FAILED:
        return ""
    boxes = [box for block in record.blocks for box in block.boxes]
    size = record.geometry
    sides = [box.to_px(size.width_px, size.height_px) if size else astuple(box) for box in boxes]
    shown = "; ".join("({}, {})-({}, {})".format(*side) for side in sides[:MAX_LOCATED])
    more = f"; and {len(sides) - MAX_LOCATED:,} more" if len(sides) > MAX_LOCATED else ""
    return f"{config.find!r}: {len(boxes):,} found{': ' if shown else ''}{shown}{more}"
