"""What every layout's writer is, and how pages of one or several documents are written at one time.

All their files, then all their records: what one waits for on the disk, all wait for together.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.outputs.document_folder import DocumentFolder, Files, ReadyPage, write_together
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.page_store import ContentOf, append_together
from ocr_engine.outputs.record_lines import RecordLine
from ocr_engine.records import PageRecord, PageTexts


class PageWriter(ABC):
    """Writes the pages of one document in any order, then what is made of all of them.

    A layout says which files they have.
    """

    def __init__(self, files: DocumentFolder) -> None:
        self.files = files
        """The document's folder."""
        self._saved: set[int] = set()

    @abstractmethod
    def page_files(self, page: ReadyPage) -> Files:
        """All files of a page, also those that it has not: they are taken away."""

    @abstractmethod
    def tidy(self, page: ReadyPage, written: tuple[str, ...]) -> None:
        """Take away numbered files that an earlier attempt at the page left; `written` are those of now."""

    @property
    @abstractmethod
    def made(self) -> tuple[Path, ...]:
        """What `merge` writes besides the records, or takes away."""

    @property
    @abstractmethod
    def merged(self) -> bool:
        """Whether that is there where it is wanted, and not where it is not."""

    @abstractmethod
    def merge(self) -> tuple[str, ...]:
        """Write what is made of all pages; returns paths below the root. Raises OutputError."""

    @abstractmethod
    def unmerge(self) -> None:
        """Take away what is made of all pages: out of date, it must not pass for done. Raises OutputError."""

    @abstractmethod
    def drop_other_content(self, content_of: ContentOf) -> tuple[int, ...]:
        """Take away pages (1-based) that were read from other bytes than these; returns them.

        `content_of` gives the hash of the bytes that a page is read from; "" where there is no such page.

        Raises OutputError.
        """

    @property
    def records(self) -> Path:
        """The document's `pages.jsonl`."""
        return self.files.records

    def outputs_of(self, written: tuple[str, ...]) -> tuple[str, ...]:
        """The paths that a page's journal line names, of those `written`."""
        return written

    def stored(self, page: int, fingerprint: str) -> tuple[PageRecord, str] | None:
        """Record and raw text of a page (1-based), in whatever layout it was written.

        None where there is no raw text of the reading that `fingerprint` names.
        """
        return self.files.stored(page, fingerprint)

    def save_page(self, record: PageRecord, texts: PageTexts, drawn: DrawnPage | None) -> tuple[str, ...]:
        """Write one page, as `save_together`; returns its paths below the root."""
        return save_together([(self, [ReadyPage(record, texts, drawn)])])[0][0].outputs

    def begin(self, pages: Sequence[ReadyPage]) -> None:
        """These are about to be written."""
        numbers = {page.record.page for page in pages}
        if not numbers.isdisjoint(self._saved):
            self.files.look_again()
        self._saved |= numbers


@dataclass(frozen=True, slots=True)
class SavedPage:
    """What was written of a page: its files' paths below the root, and its line in `pages.jsonl`."""

    outputs: tuple[str, ...]
    line: RecordLine


Work = Sequence[tuple[PageWriter, Sequence[ReadyPage]]]
"""Documents and pages of each; no document twice, no page twice."""


def save_together(work: Work) -> list[list[SavedPage]]:
    """Write pages of several documents; returns what was written of each document's pages.

    First the pages' files, then their records: a record on disk says that its files are. What earlier
    attempts left is taken away. All is on disk when this returns. Raises OutputError.
    """
    for writer, pages in work:
        writer.begin(pages)
    files = [[writer.page_files(page) for page in pages] for writer, pages in work]
    write_together([(writer.files, _as_one(some)) for (writer, _), some in zip(work, files, strict=True)])
    saved = [
        [_tidied(writer, page, one) for page, one in zip(pages, some, strict=True)]
        for (writer, pages), some in zip(work, files, strict=True)
    ]
    append_together(
        [
            (writer.files.store, b"".join(one.line.data for one in some))
            for (writer, _), some in zip(work, saved, strict=True)
        ]
    )
    return saved


def _as_one(pages: Sequence[Files]) -> Files:
    return {name: data for files in pages for name, data in files.items()}


def _tidied(writer: PageWriter, page: ReadyPage, files: Files) -> SavedPage:
    written = writer.files.written(files)
    writer.tidy(page, written)
    return SavedPage(writer.outputs_of(written), RecordLine.of(page.record))
