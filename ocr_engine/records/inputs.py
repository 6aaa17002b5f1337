"""Documents and their pages, before any pixel is read. Page indexes are 0-based."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath


class DocumentKind(StrEnum):
    """How a document is opened."""

    PDF = "pdf"
    IMAGE = "image"
    OFFICE = "office"
    """A PDF is made of it first."""
    FOLDER = "folder"
    """Images of one folder, each a page or more."""

    @property
    def may_hold_text(self) -> bool:
        """Whether its pages may have a text layer."""
        return self in (DocumentKind.PDF, DocumentKind.OFFICE)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of a PDF's own outline: its level, 1 for the top, and its title as the file has it."""

    level: int
    title: str


@dataclass(frozen=True)
class Document:
    """One input: how the user named it, where it is, and its place below the output folder."""

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
    """What the store calls this content; of a folder, a hash of what is known of its files."""
    files: "tuple[Document, ...]" = ()
    """Of a folder that is not yet open: its images, in the order of their pages."""

    @property
    def stem(self) -> str:
        """Its name without a suffix. A folder's dot starts none."""
        return self.relative.name if self.kind is DocumentKind.FOLDER else self.relative.stem


@dataclass(frozen=True, slots=True)
class PageFile:
    """The image file that a page of a folder is."""

    file: Document
    content_id: str
    """Hash of the file's bytes."""
    frame: int = 0
    """0-based."""
    name: str = ""
    """For people: the file's name, and the frame where it has several."""
    problem: str = ""
    """Why it cannot be opened; "" where it can."""


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document after a renderer opened it once."""

    document: Document
    content_id: str
    """Hash of the file's bytes; of a folder, of its pages' names and bytes."""
    page_count: int
    backend: str
    """The renderer that could open it: `pymupdf`, `pdfium` or `pillow`."""
    claimed_pages: int = 0
    """Pages the file claims; more than `page_count` where `input.max_document_pages` cut it."""

    bookmarks: Mapping[int, tuple[Bookmark, ...]] = field(default_factory=dict)
    """Of each page, by 0-based index, the entries of the outline that lead to it; only where asked for."""

    files: tuple[PageFile, ...] = ()
    """Of a folder, the file of each page."""

    def page(self, index: int) -> "PageRef":
        """One of its pages, 0-based."""
        file = self.files[index] if self.files else None
        content_id = file.content_id if file else self.content_id
        bookmarks = self.bookmarks.get(index, ())
        return PageRef(self.document, content_id, index, self.page_count, self.backend, bookmarks, file)

    def content_of(self, number: int) -> str:
        """Hash of the bytes that a page (1-based) is read from; "" where a folder has no such page."""
        if self.document.kind is not DocumentKind.FOLDER:
            return self.content_id
        return self.files[number - 1].content_id if 0 < number <= len(self.files) else ""


@dataclass(frozen=True)
class PageRef:
    """One page of one document, before any pixel is read."""

    document: Document
    content_id: str
    index: int
    page_count: int
    backend: str
    bookmarks: tuple[Bookmark, ...] = ()
    """The entries of the document's outline that lead to it."""
    file: PageFile | None = None
    """Of a page of a folder."""

    @property
    def number(self) -> int:
        """1-based page number, for people."""
        return self.index + 1

    @property
    def file_name(self) -> str:
        """What the page is called among the files of its folder; "" for a page of a file."""
        return self.file.name if self.file else ""

    def in_file(self) -> "PageRef":
        """The same page as one of the file that holds its pixels."""
        if self.file is None:
            return self
        return replace(self, document=self.file.file, index=self.file.frame, file=None)

    def __str__(self) -> str:
        name = f" ({self.file.name})" if self.file else ""
        return f"{self.document.given} page {self.number}{name}"
