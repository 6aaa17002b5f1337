"""Documents to pages: the renderer is chosen here, with its fallback. Runs inside worker processes.

Knows no modes, prompts or engines; see `pool` for time and memory limits.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, InputError, PageError
from ocr_engine.pages import image_file, pdf_pdfium, pdf_pymupdf
from ocr_engine.pages.backend import EncryptedError, NotInstalledError, OpenDocument, content_hash, what_is
from ocr_engine.pages.bookmarks import bookmarks_of
from ocr_engine.pages.second_look import draw_page
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageImage, PageRef

_T = TypeVar("_T")
_E = TypeVar("_E", bound=InputError)
_HELD_OPEN = 2


def open_document(
    document: Document, config: RenderConfig, password: str, max_pages: int, *, bookmarks: bool = False
) -> OpenedDocument:
    """Open a document once: its content hash, its page count (at most `max_pages`) and who could open it.

    With `bookmarks`, also its outline.

    Raises:
        DocumentError: encrypted, damaged, without pages, or not what its suffix says; one line.
    """
    try:
        kind = what_is(document.path)
        if kind == "an empty file":
            raise DocumentError("the file is empty")
        backend, pages = _first_success(
            _backends(document, config), lambda name: _open(document, name, password)
        )
        content_id = content_hash(document.path)
        if _changed(document):
            raise DocumentError("the file changed while it was opened; run again to read its new content")
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror or error}") from None
    except DocumentError as error:
        raise _explained(error, document) from None
    count = min(pages.page_count, max_pages)
    found = bookmarks_of(pages) if bookmarks else {}
    return OpenedDocument(document, content_id, count, backend, pages.page_count, found)


def render_page(ref: PageRef, config: RenderConfig, password: str) -> PageImage:
    """One page as upright RGB, with at most `config.max_pixels` pixels.

    The renderer that opened the document goes first; with backend `auto`, the other follows where it fails,
    and where what it drew may not be all: then the page is the drawing with more ink.

    Raises:
        PageError: no renderer could draw the page, or the file changed since it was opened.
    """
    started = time.perf_counter()
    _refuse_changed(ref.document)
    try:
        page = _drawn(ref, config, password)
        # A renderer reads a page when it draws it: what changed meanwhile may be half old, half new.
        _refuse_changed(ref.document)
        return replace(page, seconds=time.perf_counter() - started)
    except DocumentError as error:
        raise PageError(str(error)) from None
    except OSError as error:
        raise PageError(f"cannot be read: {error.strerror or error}") from None


def _drawn(ref: PageRef, config: RenderConfig, password: str) -> PageImage:
    backends = _backends(ref.document, config)
    if ref.document.kind is DocumentKind.IMAGE:
        return _open(ref.document, backends[0], password).render(ref.index, config)
    # What PyMuPDF opened is drawn by PDFium alone after a worker died over the page.
    trouble = [] if ref.backend in backends else [f"{ref.backend}: hung, crashed or took too much memory"]
    in_turn = sorted(backends, key=lambda name: name != ref.backend)
    return draw_page([(name, partial(_draw, ref, config, password, name)) for name in in_turn], trouble)


def _draw(ref: PageRef, config: RenderConfig, password: str, name: str) -> PageImage:
    page = _open(ref.document, name, password).render(ref.index, config)
    if config.backend == "auto" and ref.backend == name == pdf_pdfium.NAME:
        return replace(page, doubt=partial(_not_opened, ref.document, password))
    return page


def _not_opened(document: Document, password: str) -> str:
    """What PyMuPDF has against a document that PDFium opened; "" where it is not installed."""
    try:
        _open(document, pdf_pymupdf.NAME, password)
    except NotInstalledError:
        return ""
    except InputError as error:
        return str(error)
    return f"{pdf_pymupdf.NAME} could not open the document at first"


def _backends(document: Document, config: RenderConfig) -> tuple[str, ...]:
    if document.kind is DocumentKind.IMAGE:
        return (image_file.NAME,)
    return (pdf_pymupdf.NAME, pdf_pdfium.NAME) if config.backend == "auto" else (config.backend,)


def _first_success(backends: tuple[str, ...], attempt: Callable[[str], _T]) -> tuple[str, _T]:
    """The first backend whose `attempt` succeeds, with its result; else one error with all reasons."""
    errors: list[InputError] = []
    for backend in backends:
        try:
            return backend, attempt(backend)
        except InputError as error:
            errors.append(error)
    locked = next((error for error in errors if isinstance(error, EncryptedError)), None)
    raise locked or type(errors[0])("; ".join(dict.fromkeys(str(error) for error in errors)))


def _open(document: Document, backend: str, password: str) -> OpenDocument:
    return _open_cached(document.path, document.mtime_ns, document.size_bytes, backend, password)


@lru_cache(maxsize=_HELD_OPEN)
def _open_cached(path: Path, _mtime_ns: int, _size_bytes: int, backend: str, password: str) -> OpenDocument:
    """Held open for the next page; the time and size only make a changed file another key."""
    if backend == image_file.NAME:
        return image_file.ImageDocument(path)
    if backend == pdf_pymupdf.NAME:
        return pdf_pymupdf.PyMuPdfDocument(path, password)
    return pdf_pdfium.PdfiumDocument(path, password)


def _explained(error: DocumentError, document: Document) -> DocumentError:
    """The same error, led by what the file really is where its name lies."""
    if document.kind is not DocumentKind.PDF or isinstance(error, EncryptedError):
        return error
    kind = what_is(document.path)
    if kind == "":
        return DocumentError(f"not a PDF, or one whose beginning is lost: {error}")
    if kind in ("a PDF", "an empty file"):
        return error
    return DocumentError(f"not a PDF: the file is {kind}")


def _refuse_changed(document: Document) -> None:
    try:
        changed = _changed(document)
    except OSError as error:
        raise PageError(f"cannot be read: {error.strerror or error}") from None
    if changed:
        raise PageError("the file changed during the run; run again to read its new content")


def _changed(document: Document) -> bool:
    status = document.path.stat()
    return (status.st_mtime_ns, status.st_size) != (document.mtime_ns, document.size_bytes)
