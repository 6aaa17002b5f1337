"""Writes a run's report, with pictures of the pages that need a look."""

import concurrent.futures
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from ocr_engine.config import Config
from ocr_engine.conversion.planning import page_fingerprint
from ocr_engine.errors import InputError
from ocr_engine.formats import REVIEW
from ocr_engine.outputs import report
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.retry import Command
from ocr_engine.outputs.run_numbers import PageLine
from ocr_engine.outputs.thumbnail import thumbnail
from ocr_engine.pages import sources
from ocr_engine.pages.pool import RenderPool
from ocr_engine.records import Document, DocumentKind, Fingerprint

T = TypeVar("T")
THUMBNAILS_TIMEOUT_S = 60.0
"""After this long the report is written without the pictures still missing."""


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
    wanted = report.wanted_thumbnails(numbers) if pool is not None else []
    pictures = _thumbnails(pool, config, model_id, wanted) if pool is not None else {}
    folders = {given: f"{folder}/{REVIEW.target}" for folder, given in journal.claims().items()}
    reviewed = REVIEW in config.output.exports
    report.write(root, numbers, command, pictures, folders if reviewed else report.NOWHERE)


def _thumbnails(
    pool: RenderPool, config: Config, model_id: str, wanted: Sequence[PageLine]
) -> report.Thumbnails:
    """Render pictures of pages whose files did not change since. What takes too long is left out."""
    deadline_s = time.monotonic() + THUMBNAILS_TIMEOUT_S
    documents = {line.document: _document(line.document) for line in wanted}
    opening = {name: pool.open(found) for name, found in documents.items() if found is not None}
    rendering: dict[tuple[str, int], Future[bytes]] = {}
    for line in wanted:
        opened = _result(opening.get(line.document), deadline_s)
        if opened is None or line.page > opened.page_count:
            continue
        ref = opened.page(line.page - 1)
        now, then = page_fingerprint(config, ref, model_id), line.fingerprint
        if Fingerprint.parse(now).read == Fingerprint.parse(then).read:
            task: Callable[..., bytes] = partial(thumbnail, side_px=report.THUMBNAIL_PX)
            rendering[line.document, line.page] = pool.run(ref, task)
    pictures = {key: _result(future, deadline_s) for key, future in rendering.items()}
    return {key: picture for key, picture in pictures.items() if picture is not None}


def _document(given: str) -> Document | None:
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
