"""What follows a page's first answer, in one go for a render worker: parsed, judged, compared, written.

Most pages need no second attempt. For them the main process hands over an answer and gets back what is saved.
"""

import pickle
from dataclasses import dataclass, replace
from functools import lru_cache

from ocr_engine.config import Config
from ocr_engine.outputs.document_folder import ReadyPage
from ocr_engine.processes.sealed import Sealed
from ocr_engine.reading import ladder, second
from ocr_engine.reading.answer import answer_to_page
from ocr_engine.reading.dense_tables import dense_tables
from ocr_engine.reading.draw import DrawTask, draw_task
from ocr_engine.reading.figures import chosen
from ocr_engine.reading.prepare import SeenPage
from ocr_engine.reading.record import read_record
from ocr_engine.reading.texts import texts_of
from ocr_engine.reading.witness import is_witnessed, with_witness, witness_of
from ocr_engine.records import Generation, PageRecord, PageRef, page_stem


@dataclass(frozen=True)
class Finished:
    """A page of which nothing more is to be asked.

    `brief` is its record without what only who writes it needs, `ready` the whole, `drawing` what a render
    worker is still to draw from it.
    """

    brief: PageRecord
    ready: Sealed[ReadyPage]
    drawing: Sealed[DrawTask] | None


def frozen(config: Config) -> bytes:
    """The config as a worker takes it: it is thawed once, not with every page."""
    return pickle.dumps(config)


_thawed = lru_cache(4)(pickle.loads)


def finished(
    config_bytes: bytes,
    ref: PageRef,
    page_print: str,
    sealed: Sealed[SeenPage],
    generation: Generation,
    freed: object = None,
) -> Finished | None:
    """The page as its first answer leaves it; None where another attempt, or a figure, is to be asked for.

    `config_bytes` is what `frozen` gave. `freed` is what is freed by coming here.
    """
    config: Config = _thawed(config_bytes)
    seen = sealed.opened()
    facts = ladder.PageFacts(seen.ink, seen.text_layer, seen.ink_map)
    answer = answer_to_page(generation, ladder.FIRST.turn, page_stem(ref.number))
    judged = ladder.judged(config, ladder.FIRST, answer, facts)
    if any(ladder.applies(step, judged, facts, config.quality) for step in config.quality.retries):
        return None
    kept = ladder.kept([judged], facts, config.quality, page_stem(ref.number))
    if second.why(config, kept, facts):
        return None
    if dense_tables(config, kept, seen.text_layer, seen.geometry, seen.mode):
        return None
    if chosen(config, kept.answer.parsed.blocks, seen.geometry):
        return None
    record = read_record(config, ref, page_print, seen, kept)
    if is_witnessed(record, seen.text_layer):
        record = with_witness(config, record, witness_of(config, record, seen.text_layer)())
    task = draw_task(config, record)
    ready = ReadyPage(record, texts_of(config, record, kept.answer.generation.text))
    return Finished(_brief(config, record), Sealed(ready), None if task is None else Sealed(task))


def _brief(config: Config, record: PageRecord) -> PageRecord:
    if config.prompt == "locate":  # whose places are said as the page ends
        return record
    return replace(record, blocks=(), agreement=None, text_repairs=(), differences=(), heading_types=())
