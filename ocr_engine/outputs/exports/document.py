"""One document as it stands on disk, page by page: what every export is made from. Memory holds one page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from ocr_engine.outputs.document_folder import JoinPages, marker
from ocr_engine.outputs.jsonl import Position
from ocr_engine.outputs.page_store import PageStore, StoredPages
from ocr_engine.outputs.writer import FIGURE_LINK
from ocr_engine.records import OutlineEntry, PageRecord, page_stem

BlockTexts = Callable[[PageRecord], tuple[str, ...]]
"""The clean markdown of each block of a record, figure links as `../figures/NAME`."""

OutlineOf = Callable[[Iterable[PageRecord]], Sequence[OutlineEntry]]
"""The headings of a document, from its records."""


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A page to export: its record, its clean markdown without our marker, its picture where there is one."""

    record: PageRecord
    text: str
    """Figure links as seen from the page's own file: `../figures/NAME`."""
    image: Path | None

    @property
    def text_from_folder(self) -> str:
        """The text with figure links as seen from the document's folder."""
        return FIGURE_LINK.sub(r"\1\2", self.text)


@dataclass(frozen=True)
class SourceDocument:
    """A finished document in `layout: tree`."""

    root: Path
    folder: PurePosixPath
    """Below `root`."""
    given: str
    """The input, as the user named it."""
    content_id: str
    block_texts: BlockTexts
    join_pages: JoinPages | None = None
    """What puts together tables and paragraphs that page breaks cut, where that is asked for."""
    last_page: int = 0
    """The highest page number of any run, of pages included that are gone."""
    outline_of: OutlineOf | None = None
    """What finds the document's headings."""
    with_levels: Callable[[StoredPages], Iterable[PageRecord]] | None = None
    """What writes headings at the outline's levels."""
    original: Callable[[], Path | None] | None = None
    """What finds the PDF it came as, where a searchable PDF is to be that; None for an image.

    It raises DocumentError with why it cannot be had.
    """
    is_pdfa: bool = False
    """Whether a searchable PDF is to be PDF/A-2b."""
    chunk_tokens: int = 400
    """The most tokens of a chunk."""

    @property
    def path(self) -> Path:
        """The document's folder."""
        return self.root / self.folder

    @property
    def name(self) -> str:
        """What the files of the document are called, without a suffix."""
        return self.folder.name

    @cached_property
    def positions(self) -> dict[int, Position]:
        """Where each page's record is, by 1-based page number, in order."""
        return PageStore(self.path).positions()

    def records(self) -> StoredPages:
        """All records in page order, one at a time."""
        return PageStore(self.path).at(self.positions)

    def leveled_records(self) -> Iterable[PageRecord]:
        """All records in page order, their headings at the levels of the outline."""
        return self.with_levels(self.records()) if self.with_levels else self.records()

    def outline(self) -> list[OutlineEntry]:
        """The document's headings in order."""
        found = self.outline_of(self.records()) if self.outline_of else ()
        return [entry for entry in found if entry.level]

    def pages(self) -> Iterator[SourcePage]:
        """All pages in order, one at a time. Raises OSError where a file cannot be read."""
        for record in self.records():
            yield self._page(record)

    def joined_pages(self) -> Iterator[SourcePage]:
        """The same with what page breaks cut put together, as in the merged file."""
        if self.join_pages is None:
            yield from self.pages()
            return
        for record, text in self.join_pages(self.records()):
            page = self._page(record)
            yield page if text is None else replace(page, text=text.strip("\n"))

    def _page(self, record: PageRecord) -> SourcePage:
        folder = self.path / "pages"
        file, image = folder / f"{page_stem(record.page)}.md", folder / f"{page_stem(record.page)}.jpg"
        text = file.read_bytes().decode("utf-8", "replace") if file.is_file() else ""
        text = text.removeprefix(marker(record)).strip("\n")
        return SourcePage(record, text, image if image.is_file() else None)
