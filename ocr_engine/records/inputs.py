"""Documents and their pages, before any pixel is read. Page indexes are 0-based."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath


class DocumentKind(StrEnum):
    """How a document is opened."""

    PDF = "pdf"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of a PDF's own outline: its level, 1 for the top, and its title as the file has it."""

    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Document:
    """One input file: how the user named it, where it is, and its place below the output folder."""

    given: str
    path: Path
    relative: PurePosixPath
    """Path below the input folder it was found in (its bare name when given as a file)."""
    kind: DocumentKind
    size_bytes: int
    mtime_ns: int
    url: str = ""
    """Where it is when it is in an object store; `path` is then its name alone."""
    version: str = ""
    """What the store calls this content."""


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document after a renderer opened it once."""

    document: Document
    content_id: str
    """Hash of the file's bytes."""
    page_count: int
    backend: str
    """The renderer that could open it: `pymupdf`, `pdfium` or `pillow`."""
    claimed_pages: int = 0
    """Pages the file claims; more than `page_count` where `input.max_document_pages` cut it."""

    bookmarks: Mapping[int, tuple[Bookmark, ...]] = field(default_factory=dict)
    """Of each page, by 0-based index, the entries of the outline that lead to it; only where asked for."""

    def page(self, index: int) -> "PageRef":
        """One of its pages, 0-based."""
        bookmarks = self.bookmarks.get(index, ())
        return PageRef(self.document, self.content_id, index, self.page_count, self.backend, bookmarks)


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page of one document, before any pixel is read."""

    document: Document
    content_id: str
    index: int
    page_count: int
    backend: str
    bookmarks: tuple[Bookmark, ...] = ()
    """The entries of the document's outline that lead to it."""

    @property
    def number(self) -> int:
        """1-based page number, for people."""
        return self.index + 1

    def __str__(self) -> str:
        return f"{self.document.given} page {self.number}"
