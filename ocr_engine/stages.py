"""The steps of one page between the packages: what to ask, what the answer means, what to write.

Each is a plain function of its arguments, so that the local pipeline and a cluster run share them.
"""

import time
from collections.abc import Iterator
from dataclasses import astuple, replace
from functools import partial

import ocr_engine.text.official as official
from ocr_engine.config import READ_KEYS, WRITE_KEYS, Config, fingerprint
from ocr_engine.outputs.document_folder import keeps_raw
from ocr_engine.outputs.journal import RECORD
from ocr_engine.outputs.record_lines import facts_of
from ocr_engine.outputs.writer import JoinPages
from ocr_engine.records import (
    FinishReason,
    Generation,
    GenerationRequest,
    JournalRow,
    PageGeometry,
    PageRecord,
    PageRef,
    PageStatus,
    PageTexts,
    PageViews,
    ParsedText,
)
from ocr_engine.spec import LOCATE_SLOT, OFFICIAL_PAGE_SPLIT, PROMPTS, Mode, resolve_mode
from ocr_engine.text.cross_page import join_pages
from ocr_engine.text.figure_text import texts_by_name
from ocr_engine.text.grounding import parse
from ocr_engine.text.markdown import block_texts, to_markdown
from ocr_engine.text.table_csv import tables_as_csv

MAX_LOCATED = 20
"""Places that `located` names; the record has all."""


def sends_png(config: Config) -> bool:
    """Whether pages go to a server as images, which needs them beside their views."""
    return config.engine.backend == "server" and config.engine.server.images == "png"


def figure_request(config: Config, views: PageViews, request_id: str) -> GenerationRequest:
    """What the engine is asked for a cropped figure."""
    return replace(request_for(config, views, request_id), prompt=PROMPTS["figure"])


def mode_of(config: Config, family: str) -> Mode:
    """The configured mode with its tile limit.

    Raises:
        UsageError: the model family has no such mode.
    """
    return resolve_mode(config.mode, config.max_tiles, family)


def prompt_of(config: Config) -> str:
    """The exact prompt text: an official one by name, the text to find filled in, or a custom one."""
    prompt = PROMPTS.get(config.prompt, config.prompt)
    return prompt.replace(LOCATE_SLOT, config.find) if config.prompt == "locate" else prompt


def page_fingerprint(config: Config, ref: PageRef, model_id: str) -> str:
    """`READ.WRITE`: the first half names what was read, the second how it was written.

    Two runs agree on a half exactly when nothing it depends on changed: file content, page, model and
    the keys of `READ_KEYS`, or the keys of `WRITE_KEYS`.
    """
    read = fingerprint(config, READ_KEYS, ref.content_id, str(ref.index), model_id)
    return f"{read}.{fingerprint(config, WRITE_KEYS)}"


def request_for(
    config: Config, views: PageViews, request_id: str, temperature: float = 0.0
) -> GenerationRequest:
    """What the engine is asked for these views."""
    engine = config.engine
    return GenerationRequest(
        request_id=request_id,
        views=views,
        prompt=prompt_of(config),
        max_tokens=engine.max_tokens,
        ngram_size=engine.ngram.size,
        ngram_window=engine.ngram.window,
        abort_loops=config.quality.loop_abort,
        temperature=temperature,
    )


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


def texts_of(config: Config, record: PageRecord, raw: str) -> PageTexts:
    """Every text the chosen layout writes for a page."""
    if config.output.layout == "official":
        return PageTexts(raw, det=official.page_det(raw), mmd=official.page_mmd(raw, record.page - 1))
    if config.output.layout in ("official-image", "page-folders"):
        return PageTexts(raw, det=raw, mmd=official.image_mmd(raw))
    if config.output.layout in ("official-eval", "official-eval2"):
        return PageTexts(raw, det=raw, mmd=official.eval_md(raw, config.output.layout == "official-eval"))
    tables = tables_as_csv(record.blocks) if config.output.tables_csv else ()
    return PageTexts(raw, markdown=markdown_of(config, record), tables=tables)


def chars_of(texts: PageTexts) -> int:
    """How many characters the page's text has, as its layout writes it."""
    return len(texts.markdown or texts.mmd.removesuffix(OFFICIAL_PAGE_SPLIT))


def markdown_of(config: Config, record: PageRecord) -> str:
    """The page's markdown as `text:` asks for, figures linked as seen from the page's own file."""
    link_prefix = "../figures/" if config.output.figures else None
    figure_texts = texts_by_name(record.figure_texts, config.text)
    return to_markdown(ParsedText(record.blocks), link_prefix, config.text, figure_texts)


def block_texts_of(config: Config, record: PageRecord) -> tuple[str, ...]:
    """The markdown of each of the page's blocks, written like `markdown_of`."""
    link_prefix = "../figures/" if config.output.figures else None
    figure_texts = texts_by_name(record.figure_texts, config.text)
    return block_texts(ParsedText(record.blocks), link_prefix, config.text, figure_texts)


def page_joiner(config: Config) -> JoinPages | None:
    """What puts together tables and paragraphs cut by page breaks; None where neither is asked for."""
    if not (config.text.merge_tables or config.text.join_paragraphs):
        return None

    return partial(_joined, config)


def _joined(config: Config, records: Iterator[PageRecord]) -> Iterator[tuple[PageRecord, str | None]]:
    for record, changed in join_pages(records, config.text):
        yield record, markdown_of(config, record) if changed else None


def drawings_wanted(config: Config, record: PageRecord) -> tuple[bool, bool, bool]:
    """Whether figures have to be cropped, the page drawn with its boxes, and its picture kept."""
    if record.status is PageStatus.FAILED:
        return False, False, False
    layout = config.output.layout
    figures = config.output.figures and any(block.figures for block in record.blocks)
    # Who looks for something wants to see where it is.
    overlay = (config.output.overlays or config.prompt == "locate") and any(
        block.boxes for block in record.blocks
    )
    # NAME_layouts.pdf and result_with_boxes.jpg of the official scripts show every page, boxes or not.
    overlay = overlay or layout in ("official", "official-image", "page-folders")
    drawn = layout not in ("official-eval", "official-eval2")
    return figures and drawn, overlay and drawn, config.output.review or config.output.searchable_pdf


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


def journal_row(
    ref: PageRef, record: PageRecord, texts: PageTexts, outputs: tuple[str, ...], seconds: dict[str, float]
) -> JournalRow:
    """The line that says a page is done, written after its files."""
    return JournalRow(
        document=ref.document.given,
        page=record.page,
        status=record.status,
        reason=record.reason,
        fingerprint=record.fingerprint,
        outputs=outputs,
        attempts=record.attempts,
        seconds={stage: round(value, 4) for stage, value in seconds.items()},
        extra={
            "mode": record.mode,
            "chars": chars_of(texts),
            "vision_tokens": record.vision_tokens,
            "text_tokens": record.text_tokens,
            **({} if record.recall is None else {"recall": record.recall}),
            **({"suspect": record.suspect} if record.suspect or record.recall is not None else {}),
            **({"renderer": record.renderer} if record.renderer else {}),
            **({"from_text_layer": True} if record.from_text_layer else {}),
            "ended": round(time.time(), 1),
            "content_id": ref.content_id,
            RECORD: facts_of(record, texts.raw if keeps_raw(record, texts) else None),
        },
    )
