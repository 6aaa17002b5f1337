"""Decides which pages of a run still need reading or rewriting, and names them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import groupby
from pathlib import Path

from ocr_engine.config import WRITE_KEYS, Config, fingerprint, read_keys
from ocr_engine.outputs.files import is_file
from ocr_engine.outputs.names import OutputNames
from ocr_engine.records import (
    Fingerprint,
    JournalRow,
    OpenedDocument,
    PageKey,
    PageRef,
    PageStatus,
    page_stem,
)


class PageNeeds(Enum):
    """What a page still needs."""

    NOTHING = auto()
    """Its record and its files are there."""
    WRITE = auto()
    """Its stored raw text is current, but the way it is written changed, or a file is gone."""
    READ = auto()
    """It has to be rendered and read by the model."""


@dataclass(frozen=True, slots=True)
class Redo:
    """What the user asks to read again: everything, or pages that ended with one of these statuses."""

    everything: bool = False
    statuses: frozenset[PageStatus] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class PlannedPage:
    """A page to convert: what it is, its place below the output folder, and the fingerprint it will have.

    Equal to itself alone: to hash all that it is takes longer than what it is looked up for.
    """

    ref: PageRef
    key: PageKey
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a run would do with one input: how many pages need what, or why it cannot be read."""

    given: str
    reason: str
    needs: Counter[PageNeeds] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class PagePlanner:
    """Names a run's pages and decides what each still needs."""

    config: Config
    root: Path
    """The output folder."""
    names: OutputNames
    model_id: str
    redo: Redo
    rows: Mapping[tuple[str, int | None], JournalRow] = field(repr=False)
    """The last journal row of every document (page None) and page, from before this run."""
    lost: set[tuple[str, int | None]] = field(default_factory=set, repr=False)
    """Documents and pages whose records were found to be gone."""

    def pages(self, opened: OpenedDocument, indexes: Iterable[int]) -> Iterator[PlannedPage]:
        """These pages of a document, 0-based, in order."""
        folder = str(self.names.folder_for(opened.document))
        for index in indexes:
            ref = opened.page(index)
            page_print = page_fingerprint(self.config, ref, self.model_id)
            yield PlannedPage(ref, PageKey(folder, ref.number), page_print)

    def requests(
        self, opened: OpenedDocument, indexes: Iterable[int], size: int
    ) -> Iterator[list[PlannedPage]]:
        """The same by request, of so many pages at most: the first so many of the document, the next ..."""
        for _, pages in groupby(self.pages(opened, indexes), lambda page: page.ref.index // size):
            yield list(pages)

    def row(self, page: PlannedPage) -> JournalRow | None:
        """The page's last journal row from earlier runs, if any."""
        return self.rows.get((page.ref.document.given, page.ref.number))

    def needs(self, page: PlannedPage) -> PageNeeds:
        """Decide what a page needs."""
        if (page.ref.document.given, page.ref.number) in self.lost:
            return PageNeeds.READ
        return page_needs(self.row(page), page.fingerprint, self.root, self.redo)


def page_fingerprint(config: Config, ref: PageRef, model_id: str) -> str:
    """`READ.WRITE`: the first half names what was read, the second how it was written.

    Two runs agree on a half exactly when nothing it depends on changed: file content, page, model and
    the keys of `read_keys`, or the keys of `WRITE_KEYS` and what the page's file is called in its folder.
    """
    read = fingerprint(config, read_keys(config), ref.content_id, str(ref.index), model_id)
    named = (ref.file_name,) if ref.file else ()
    return str(Fingerprint(read, fingerprint(config, WRITE_KEYS, *named)))


def page_needs(row: JournalRow | None, page_print: str, root: Path, redo: Redo) -> PageNeeds:
    """Compare a page's last row with its present fingerprint and with the files that are there."""
    if row is None or redo.everything or row.status in redo.statuses:
        return PageNeeds.READ
    then, now = Fingerprint.parse(row.fingerprint), Fingerprint.parse(page_print)
    if then.read != now.read:
        return PageNeeds.READ
    if all(is_file(root / output) for output in row.outputs):
        return PageNeeds.NOTHING if then.write == now.write else PageNeeds.WRITE
    return PageNeeds.WRITE if has_raw_text(row, root) else PageNeeds.READ


def has_raw_text(row: JournalRow, root: Path) -> bool:
    """Whether the raw text that was stored with the page is there."""
    name = f"{page_stem(row.page or 0)}.raw.md"
    return any(path.endswith(f"/{name}") and is_file(root / path) for path in row.outputs)
