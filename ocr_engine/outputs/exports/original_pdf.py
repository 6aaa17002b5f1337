"""A document as the PDF it came as, with what was read as invisible text where its pages have none.

Vectors, links, bookmarks, layers and forms' looks stay; what acts is taken out. Needs PyMuPDF.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocr_engine.errors import DocumentError
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.invisible_font import InvisibleFont
from ocr_engine.outputs.exports.own_text import OwnText, has_text, lines_in, own_text, remove_hidden
from ocr_engine.outputs.exports.scrubbing import scrub
from ocr_engine.outputs.exports.text_layer import Line, laid_out, operators
from ocr_engine.records import LayerVerdict, PageGeometry, PageRecord

if TYPE_CHECKING:
    from ocr_engine.outputs.exports.own_text import Points

_FONT = "OcrEngineText"
"""What pages call our font: a name that no other program gives."""
_SIZE_PT = 3.0
"""A page of another size than the one that was read is not that page."""
_NAMED_PAGES = 10


@dataclass(slots=True)
class Notes:
    """What people should know of the file: a reason, and the pages it holds for."""

    pages: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def lines(self) -> list[str]:
        """A line a reason."""
        return [f"{_pages(numbers)}: {reason}" for reason, numbers in self.pages.items()]


def write(
    document: SourceDocument, source: Path, path: Path, keep: Callable[[Any], None] | None = None
) -> list[str]:
    """Write the PDF at `source` with its text to `path`; returns what people should know.

    `keep` is given the `pymupdf.Document` before it is saved.

    Raises:
        DocumentError: the source cannot be used, and why.
    """
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    with closing(opened(source)) as pdf, mupdf_errors():
        notes = Notes()
        scrub(pdf)
        writer = _Writer(document, pdf, notes)
        for record in document.records():
            writer.add(record)
        writer.end()
        if keep is not None:
            keep(pdf)
        save(pdf, path)
        return notes.lines()


def save(pdf: Any, path: Path) -> None:
    """Write a `pymupdf.Document`: equal ones give equal files."""
    import pymupdf

    pdf.save(str(path), encryption=pymupdf.PDF_ENCRYPT_NONE, garbage=2, no_new_id=True, use_objstms=1)


@contextmanager
def mupdf_errors() -> Iterator[None]:
    """Turn what MuPDF raises on broken objects into a DocumentError."""
    import pymupdf

    try:
        yield
    except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError) as error:
        raise DocumentError(f"MuPDF: {' '.join(str(error).split())[:200]}") from None


def opened(source: Path) -> Any:
    """The PDF as a `pymupdf.Document`, for the caller to close.

    Raises DocumentError where it cannot be used.
    """
    import pymupdf

    try:
        pdf = pymupdf.open(source)
    except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
        raise DocumentError(f"it cannot be opened: {' '.join(str(error).split())[:200]}") from None
    reason = ""
    if not pdf.is_pdf:
        reason = "it is no PDF"
    elif pdf.needs_pass or (pdf.metadata or {}).get("encryption"):
        reason = "it is encrypted"
    elif pdf.is_repaired:
        reason = "it is damaged"
    if reason:
        pdf.close()
        raise DocumentError(reason)
    return pdf


class _Writer:
    """Writes the text of one page after the other into an open PDF."""

    def __init__(self, document: SourceDocument, pdf: Any, notes: Notes) -> None:
        self._document, self._pdf, self._notes = document, pdf, notes
        self._font = InvisibleFont()
        self._number = 0
        """Of the font's object; 0 until a page has text."""

    def add(self, record: PageRecord) -> None:
        """Write what the page does not have."""
        if not record.status.has_text or record.from_text_layer or record.geometry is None:
            return
        if record.page > self._pdf.page_count:
            return self._note(record, "not in the source")
        page, size = self._pdf[record.page - 1], record.geometry
        if abs(page.rect.width - size.width_pt) + abs(page.rect.height - size.height_pt) > _SIZE_PT:
            return self._note(record, "of another size than when it was read: no text was added")
        lines = list(self._lines(record, page))
        if lines:
            self._write(self._pdf[record.page - 1], operators(lines, size, self._font, _FONT), size)

    def end(self) -> None:
        """Write the font."""
        if self._number:
            self._font.write(self._number, self._pdf.get_new_xref, self._pdf.update_object, self._stream)

    def _lines(self, record: PageRecord, page: Any) -> Iterator[Line]:
        """The text of blocks that the page does not have, at the places of its hidden words if any."""
        texts, blocks, own = self._document.block_texts(record), list(record.blocks), own_text(page)
        if own.is_hidden:
            found = lines_in(page, blocks)
            if remove_hidden(page):
                own = replace(own, hidden=own.hidden[:0])
                pairs = zip(blocks, found, strict=True)
                blocks = [replace(block, lines=block.lines or lines) for block, lines in pairs]
            else:
                self._note(record, "its hidden text cannot be removed without changing the page, and stays")
        points = self._standing(record, own)
        for block, text in zip(blocks, texts, strict=True):
            if text.strip() and not (len(points) and has_text(points, block)):
                yield from laid_out(text, block, record.geometry or _never())

    def _standing(self, record: PageRecord, own: OwnText) -> "Points":
        """The letters that ours would stand beside."""
        if record.agreement is not None and record.agreement.layer is LayerVerdict.BROKEN:
            if len(own.all):
                self._note(record, "its own text, which cannot be read, stays beside ours")
            return own.all[:0]
        return own.all

    def _note(self, record: PageRecord, reason: str) -> None:
        self._notes.pages[reason].append(record.page)

    def _write(self, page: Any, text: bytes, size: PageGeometry) -> None:
        import pymupdf

        mupdf = pymupdf.mupdf
        self._number = self._number or self._pdf.get_new_xref()
        self._add_font(page)
        page.wrap_contents()
        box, matrix = mupdf.FzRect(), mupdf.FzMatrix()
        mupdf.pdf_page_transform(mupdf.pdf_page_from_fz_page(page.this), box, matrix)
        shown = pymupdf.Matrix(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
        x, y = page.rect.width / size.width_pt, page.rect.height / size.height_pt
        # From points of our page, upwards, to points as it is shown, downwards, to the page as it is written.
        turned = pymupdf.Matrix(x, 0, 0, -y, 0, page.rect.height) * ~shown
        numbers = " ".join(f"{number:.6f}" for number in turned)
        pymupdf.TOOLS._insert_contents(page, f"q {numbers} cm\n".encode() + text + b"\nQ", True)

    def _add_font(self, page: Any) -> None:
        """Ours among the page's own resources; what it inherits is copied, not cut off."""
        import pymupdf

        mupdf = pymupdf.mupdf
        pdf = mupdf.pdf_specifics(self._pdf.this)
        own = mupdf.pdf_page_from_fz_page(page.this).obj()
        resources = mupdf.pdf_dict_gets(own, "Resources")
        if not mupdf.pdf_is_dict(resources):
            inherited = mupdf.pdf_dict_gets_inheritable(own, "Resources")
            is_there = mupdf.pdf_is_dict(inherited)
            resources = mupdf.pdf_copy_dict(inherited) if is_there else mupdf.pdf_new_dict(pdf, 1)
            mupdf.pdf_dict_puts(own, "Resources", resources)
        fonts = mupdf.pdf_dict_gets(resources, "Font")
        if not mupdf.pdf_is_dict(fonts):
            fonts = mupdf.pdf_new_dict(pdf, 1)
            mupdf.pdf_dict_puts(resources, "Font", fonts)
        mupdf.pdf_dict_puts(fonts, _FONT, mupdf.pdf_new_indirect(pdf, self._number, 0))

    def _stream(self, number: int, entries: str, data: bytes) -> None:
        plain = zlib.decompress(data) if "FlateDecode" in entries else data
        entries = entries.replace("/Filter /FlateDecode", "")
        self._pdf.update_object(number, f"<< {entries} >>")
        self._pdf.update_stream(number, plain, new=1, compress=1)


def _pages(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_NAMED_PAGES]))
    more = len(numbers) - _NAMED_PAGES
    return f"page{'s' if len(numbers) > 1 else ''} {shown}{f' and {more:,} more' if more > 0 else ''}"


def _never() -> PageGeometry:
    raise AssertionError("asked before")
