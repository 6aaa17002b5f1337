"""Writes a run's report, with pictures of the pages that need a look."""

import concurrent.futures
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ocr_engine.config import Config
from ocr_engine.conversion.planning import page_fingerprint
from ocr_engine.errors import InputError
from ocr_engine.families import READING_PROMPTS
from ocr_engine.formats import REVIEW
from ocr_engine.outputs import report, report_cards
from ocr_engine.outputs.document_folder import records_path
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.page_store import PageStore
from ocr_engine.outputs.retry import Command
from ocr_engine.outputs.run_numbers import PageLine, RunNumbers
from ocr_engine.outputs.thumbnail import thumbnail
from ocr_engine.pages import sources
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.worst_blocks import worst_blocks
from ocr_engine.records import Document, DocumentKind, Fingerprint, PageImage

T = TypeVar("T")
DRAWING_TIMEOUT_S = 60.0
"""After this long the report is written without the pictures, or the blocks, still missing."""


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A page that is drawn for the report, and what is made of it in the worker."""

    line: PageLine
    task: Callable[[PageImage], Any]


def write_report(
    root: Path,
    journal: Journal,
    config: Config,
    command: Command,
    pool: RenderPool | None,
    model_id: str = "",
) -> None:
    """Write `report.html`. Without a pool it has no pictures. Raises OutputError."""
    numbers = report.read_numbers(journal)
    folders = {given: folder for folder, given in journal.claims().items()}
    pictures: report_cards.Thumbnails = {}
    worst: report_cards.WorstBlocks = {}
    if pool is not None:
        pictures = _drawn(pool, config, model_id, list(_thumbnails(numbers)))
        worst = _drawn(pool, config, model_id, list(_worst_blocks(root, config, numbers, folders)))
    review = {given: f"{folder}/{REVIEW.target}" for given, folder in folders.items()}
    reviewed = review if REVIEW in config.output.exports else report_cards.NOWHERE
    report.write(root, numbers, command, pictures, reviewed, worst)


def _thumbnails(numbers: RunNumbers) -> Iterator[_Drawing]:
    task: Callable[[PageImage], Any] = partial(thumbnail, side_px=report.THUMBNAIL_PX)
    return (_Drawing(line, task) for line in report.wanted_thumbnails(numbers))


def _worst_blocks(
    root: Path, config: Config, numbers: RunNumbers, folders: Mapping[str, str]
) -> Iterator[_Drawing]:
    """What compares the blocks of a page, as they were written, with the page's own text."""
    for line in report_cards.wanted_blocks(numbers):
        if line.document not in folders:
            continue
        store = PageStore(records_path(root / folders[line.document], config.output.layout).parent)
        place = store.positions().get(line.page)
        for record in store.iterate({line.page: place} if place else {}):
            if record.prompt in READING_PROMPTS and not record.from_text_layer:
                yield _Drawing(line, partial(worst_blocks, blocks=record.blocks))


def _drawn(
    pool: RenderPool, config: Config, model_id: str, wanted: Sequence[_Drawing]
) -> dict[tuple[str, int], Any]:
    """What is made of pages whose files did not change since. What takes too long is left out."""
    deadline_s = time.monotonic() + DRAWING_TIMEOUT_S
    documents = {one.line.document: _document(one.line.document) for one in wanted}
    opening = {name: pool.open(found) for name, found in documents.items() if found is not None}
    rendering: dict[tuple[str, int], Future[Any]] = {}
    for line, task in ((one.line, one.task) for one in wanted):
        opened = _result(opening.get(line.document), deadline_s)
        if opened is None or line.page > opened.page_count:
            continue
        ref = opened.page(line.page - 1)
        now, then = page_fingerprint(config, ref, model_id), line.fingerprint
        if Fingerprint.parse(now).read == Fingerprint.parse(then).read:
            rendering[line.document, line.page] = pool.run(ref, task)
    made = {key: _result(future, deadline_s) for key, future in rendering.items()}
    return {key: one for key, one in made.items() if one is not None}


def _document(given: str) -> Document | None:
    if sources.is_folder(given):
        return sources.folder_at(given)
    found = next(iter(sources.find([given], set(DocumentKind))), None)
    return found if isinstance(found, Document) and found.given == given else None


def _result(future: "Future[T] | None", deadline_s: float) -> T | None:
    if future is None:
        return None
    try:
        return future.result(max(0.0, deadline_s - time.monotonic()))
    except (InputError, concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
        future.cancel()
        return None
