"""What runs on the nodes of a cluster: the same steps as in a local run, each from one row to the next.

A row is `{"item": bytes}`, a pickled record of this module: a column of plain bytes keeps Ray from guessing
types. Nothing here knows Ray.
"""

import asyncio
import functools
import pickle
import zlib
from dataclasses import dataclass, replace
from typing import Any

from ocr_engine.config import Config
from ocr_engine.conversion.planning import PlannedPage
from ocr_engine.engine.factory import create_engine
from ocr_engine.errors import InputError, UsageError
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.pages.pool import RenderPool
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.reading.attempts import first_task
from ocr_engine.reading.draft import BY_ENGINE
from ocr_engine.reading.draw import draw_task
from ocr_engine.reading.prepare import PreparedPage
from ocr_engine.reading.reader import PageReader, ReadPage, failed_page
from ocr_engine.reading.record import undrawn_record
from ocr_engine.records import Document, OpenedDocument

Row = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Opened:
    """A document after a node opened it, or why it could not."""

    document: Document
    opened: OpenedDocument | None
    error: InputError | UsageError | None


@dataclass(frozen=True, slots=True)
class SentPage:
    """A page to read."""

    page: PlannedPage
    packed_text: bytes = b""
    """Its raw text of an earlier run, compressed: the driver holds those of many pages."""

    @classmethod
    def of(cls, page: PlannedPage, said_before: str) -> "SentPage":
        """With such a raw text, where it has any."""
        return cls(page, zlib.compress(said_before.encode(errors="replace"), 1) if said_before else b"")

    @property
    def said_before(self) -> str:
        """The raw text; "" without any."""
        return zlib.decompress(self.packed_text).decode() if self.packed_text else ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page whose views are cut, or why they could not be."""

    page: PlannedPage
    prepared: PreparedPage | None
    error: InputError | None


@dataclass(frozen=True, slots=True)
class Result:
    """A page that was read, its figures cropped. Small: no pixels but those of figures."""

    page: PlannedPage
    read: ReadPage


def packed(item: object) -> Row:
    """The row of a record."""
    return {"item": pickle.dumps(item, protocol=5)}


def unpacked(row: Row) -> Any:
    """The record of a row."""
    return pickle.loads(row["item"])  # noqa: S301 - written by this module on another node


def verifies_drafts(config: Config) -> bool:
    """Whether an engine on this node verifies drafts."""
    return create_engine(config).identify().tokenizer is not None


def open_document(row: Row, config: Config) -> Row:
    """Document -> Opened."""
    document: Document = unpacked(row)
    try:
        return packed(Opened(document, render_pool(config).open(document).result(), None))
    except (InputError, UsageError) as error:
        return packed(Opened(document, None, error))


def prepare(row: Row, config: Config, family: str) -> Row:
    """SentPage -> Prepared: rendered and cut into views."""
    asked: SentPage = unpacked(row)
    page, task = asked.page, first_task(config, family, BY_ENGINE, asked.said_before)
    try:
        return packed(Prepared(page, render_pool(config).run(page.ref, task).result(), None))
    except InputError as error:
        return packed(Prepared(page, None, error))


class ReadPages:
    """Prepared -> Result, by one engine; any number of rows at a time. Lives as long as its process."""

    def __init__(self, config: Config, family: str) -> None:
        """The engine starts with the first page."""
        # What is rendered here is what is asked for beyond the first: a retry, a figure.
        self._reader = PageReader(config, render_pool(config), create_engine(config), family, BY_ENGINE)
        self._config = config

    async def __call__(self, row: Row) -> Row:
        """Raises EngineError where the engine does not start, or dies for good."""
        prepared: Prepared = await asyncio.to_thread(unpacked, row)
        page, error = prepared.page, prepared.error
        if error is not None:
            return packed(Result(page, failed_page(self._config, page.ref, page.fingerprint, str(error))))
        read = await self._reader.read(page.ref, page.key, page.fingerprint, prepared=prepared.prepared)
        return packed(Result(page, read))


def draw(row: Row, config: Config) -> Row:
    """Result -> Result with figures and overlay, where the page has any."""
    result: Result = unpacked(row)
    page, read = result.page, result.read
    task = draw_task(config, read.record)
    if task is None:
        return row
    try:
        drawn = render_pool(config).run(page.ref, task).result()
        return packed(Result(page, replace(read, drawn=drawn)))
    except InputError as error:
        record = undrawn_record(read.record, error)
        return packed(Result(page, replace(read, record=record, drawn=DrawnPage())))


def render_pool(config: Config) -> RenderPool:
    """This process's one killable render worker: the node's scheduler says how many such processes run."""
    wants = config.text.wants_bookmarks
    return _render_pool(replace(config.render, workers=1), config.input, bookmarks=wants)


_render_pool = functools.cache(FetchingPool)
