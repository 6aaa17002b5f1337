"""Decides what a page still needs, from its last journal row. Reads no pixels, starts nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from ocr_engine import stages
from ocr_engine.config import Config
from ocr_engine.outputs.files import OutputNames
from ocr_engine.records import JournalRow, OpenedDocument, PageRef, PageStatus


class Plan(Enum):
    """What a page still needs."""

    NOTHING = auto()
    """It has its record and its files."""
    WRITE = auto()
    """Its stored raw text is current; only the way it is written changed."""
    READ = auto()
    """It has to be rendered and read by the model."""


@dataclass(frozen=True, slots=True)
class Redo:
    """What the user asks to do again: everything, or pages that ended so."""

    everything: bool = False
    statuses: frozenset[PageStatus] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """A page on its way: what it is, its name below the output folder, the fingerprint it will carry."""

    ref: PageRef
    request_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PagePlanner:
    """Names a run's pages, and says what each still needs."""

    config: Config
    root: Path
    """The output folder."""
    names: OutputNames
    model_id: str
    redo: Redo
    rows: Mapping[tuple[str, int | None], JournalRow] = field(repr=False)
    """The last journal row of every document (page None) and page, from before this run."""

    def pages(self, opened: OpenedDocument, indexes: Iterable[int]) -> Iterator[Page]:
        """These pages of a document, 0-based, in order."""
        folder = self.names.folder_for(opened.document)
        for index in indexes:
            ref = opened.page(index)
            page_print = stages.page_fingerprint(self.config, ref, self.model_id)
            yield Page(ref, f"{folder}/pages/{ref.number:04d}", page_print)

    def row(self, page: Page) -> JournalRow | None:
        """What earlier runs say of a page."""
        return self.rows.get((page.ref.document.given, page.ref.number))

    def plan(self, page: Page) -> Plan:
        """What a page needs."""
        return plan_page(self.row(page), page.fingerprint, self.root, self.redo)


def plan_page(row: JournalRow | None, page_print: str, root: Path, redo: Redo) -> Plan:
    """Compare a page's last row with its fingerprint of now; a row whose files are gone does not count."""
    if row is None or redo.everything or row.status in redo.statuses:
        return Plan.READ
    read_then, _, write_then = row.fingerprint.partition(".")
    read_now, _, write_now = page_print.partition(".")
    if read_then != read_now or not all((root / output).is_file() for output in row.outputs):
        return Plan.READ
    return Plan.NOTHING if write_then == write_now else Plan.WRITE
