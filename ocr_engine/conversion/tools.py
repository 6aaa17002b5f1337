"""What a conversion works with: its tools, what opens documents and reads pages, and how much at once."""

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ocr_engine.config import Config
from ocr_engine.conversion.progress import Progress
from ocr_engine.engine.base import Engine, EngineInfo
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.names import OutputNames
from ocr_engine.pages.pool import RenderPool
from ocr_engine.reading.reader import ReadPage
from ocr_engine.records import Document, OpenedDocument, PageKey, PageRef

DOCUMENTS_AHEAD = 32
"""How many documents may wait for room for their pages. One whose pages have all begun lets in another:
a window of 800 pages is filled by as many one-page documents, and stays full where some pages take long.
"""
PAGES_AHEAD = 16
"""How many pages are rendered ahead of the engine, so that it never waits for one."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a conversion works with; the caller opens and closes them."""

    root: Path
    engine: Engine
    info: EngineInfo
    pool: RenderPool
    journal: Journal
    names: OutputNames
    progress: Progress


class Opener(Protocol):
    """Opens documents; a `RenderPool` does."""

    def open(self, document: Document) -> "Future[OpenedDocument]":
        """The document once it is open; InputError where it cannot be."""


class Reader(Protocol):
    """Reads pages; a `PageReader` does."""

    @property
    def starting(self) -> bool:
        """Whether pages wait for an engine that has not started."""

    async def read(self, ref: PageRef, key: PageKey, page_print: str, *, said_before: str = "") -> ReadPage:
        """The page's record and text, or one that says why it could not be read. Raises EngineError.

        `said_before` is its raw text of an earlier run, for a reader that makes drafts of it.
        """

    def close(self) -> None:
        """Give up what is not there yet."""


@dataclass(frozen=True, slots=True)
class Window:
    """How much of a run is on its way at one time."""

    documents: int
    pages: int

    @classmethod
    def of_run(cls, config: Config, info: EngineInfo) -> "Window":
        """As many pages as the engine takes at once, and a few that are rendered ahead of it."""
        return cls(DOCUMENTS_AHEAD, config.engine.in_flight or info.capacity + PAGES_AHEAD)
