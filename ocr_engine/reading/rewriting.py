"""A page written anew from its stored raw text: no model is asked, its text layer mends it again."""

from dataclasses import replace
from functools import partial

from ocr_engine.config import Config
from ocr_engine.errors import InputError
from ocr_engine.families import READING_PROMPTS
from ocr_engine.log import logger, printable
from ocr_engine.pages.pool import RenderPool
from ocr_engine.processes.aside import aside
from ocr_engine.processes.outcome import outcome
from ocr_engine.reading.reader import ReadPage
from ocr_engine.reading.record import rewritten_record
from ocr_engine.reading.witness import (
    NO_USE,
    layer_use,
    with_repairs,
    witness_page,
)
from ocr_engine.records import PageRecord, PageRef


async def rewritten(
    config: Config, pool: RenderPool, ref: PageRef, page_print: str, record: PageRecord, raw: str
) -> ReadPage:
    """The page with a record for this config, made of an earlier record and the raw text it came from."""
    record = await aside(rewritten_record, record, raw, page_print)
    record = replace(record, bookmarks=ref.bookmarks, file=ref.file_name)
    return ReadPage(await _mended(config, pool, ref, record), raw, {})


async def _mended(config: Config, pool: RenderPool, ref: PageRef, record: PageRecord) -> PageRecord:
    """The record mended by the page's text layer, which is read again."""
    use = layer_use(config)
    if use == NO_USE or record.from_text_layer or record.prompt not in READING_PROMPTS:
        return record
    if not ref.document.kind.may_hold_text or not record.blocks:
        return record
    task = partial(witness_page, blocks=record.blocks, use=use)
    try:
        return with_repairs(record, await outcome(pool.run(ref, task)))
    except InputError as error:
        logger.warning("%s: not compared with its text layer: %s", printable(str(ref)), error)
        return record
