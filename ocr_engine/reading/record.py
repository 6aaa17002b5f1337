"""What an answer means: the page's status, its blocks, its record."""

from dataclasses import astuple, replace

from ocr_engine.config import Config
from ocr_engine.records import (
    FinishReason,
    Generation,
    PageGeometry,
    PageRecord,
    PageRef,
    PageStatus,
)
from ocr_engine.text.grounding import parse

MAX_LOCATED = 20


"""Places that `located` names; the record has all."""


def status_of(generation: Generation) -> tuple[PageStatus, str]:
    """The page's status and reason, from how generation ended."""
    if loop := generation.loop:
        place = f"from token {loop.start_tok:,} on" if loop.start_tok else "from the start"
        return PageStatus.LOOPED, f"the same {loop.period_tok:,} tokens over and over {place}; kept once"
    if generation.finish_reason is FinishReason.ABORT:
        return PageStatus.TRUNCATED, "stopped by the user; the text so far is kept"
    if generation.finish_reason is FinishReason.ERROR:
        tokens = f"{generation.output_tokens:,} tokens"
        return PageStatus.TRUNCATED, f"the engine failed after {tokens}; the text so far is kept"
    if generation.finish_reason is not FinishReason.STOP:
        return PageStatus.TRUNCATED, f"no end of sequence within {generation.output_tokens:,} tokens"
    if not generation.text.strip():
        return PageStatus.BLANK, "the model found nothing to read"
    return PageStatus.DONE, ""


def read_record(
    config: Config, ref: PageRef, geometry: PageGeometry, generation: Generation, page_print: str
) -> PageRecord:
    """The record of a page that was read."""
    parsed = parse(generation.text, figure_stem=figure_stem(ref.number))
    status, reason = status_of(generation)
    return PageRecord(
        page=ref.number,
        status=status,
        reason=reason,
        fingerprint=page_print,
        mode=config.mode,
        prompt=config.prompt,
        blocks=parsed.blocks,
        geometry=geometry,
        finish_reason=generation.finish_reason,
        vision_tokens=generation.vision_tokens,
        text_tokens=generation.output_tokens,
        repairs=parsed.repairs,
        content_id=ref.content_id,
    )


def parsed_again(record: PageRecord, raw: str, page_print: str) -> PageRecord:
    """The record of a page whose stored raw text is written anew."""
    parsed = parse(raw, figure_stem=figure_stem(record.page))
    return replace(record, blocks=parsed.blocks, repairs=parsed.repairs, fingerprint=page_print)


def figure_stem(page_number: int) -> str:
    """What the names of a page's figures start with."""
    return f"{page_number:04d}"


def failed_record(config: Config, ref: PageRef, reason: str, page_print: str) -> PageRecord:
    """The record of a page that could not be read."""
    status, content_id = PageStatus.FAILED, ref.content_id
    return PageRecord(
        ref.number, status, reason, page_print, config.mode, config.prompt, content_id=content_id
    )


def located(config: Config, record: PageRecord) -> str:
    """Where `prompt: locate` found its text, in pixels of the page, for people; "" for other prompts."""
    if config.prompt != "locate" or record.status is PageStatus.FAILED:
        return ""
    boxes = [box for block in record.blocks for box in block.boxes]
    size = record.geometry
    sides = [box.to_px(size.width_px, size.height_px) if size else astuple(box) for box in boxes]
    shown = "; ".join("({}, {})-({}, {})".format(*side) for side in sides[:MAX_LOCATED])
    more = f"; and {len(sides) - MAX_LOCATED:,} more" if len(sides) > MAX_LOCATED else ""
    return f"{config.find!r}: {len(boxes):,} found{': ' if shown else ''}{shown}{more}"
