"""A document as a PDF to search in: its pages as pictures or as they came, their text invisible in its place.

A source that cannot be used is said, and its pages are pictures.
"""

from pathlib import Path

from ocr_engine.errors import DocumentError
from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.outputs.exports.invisible_font import InvisibleFont
from ocr_engine.outputs.exports.text_layer import Line, laid_out, operators
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.jpeg_pdf import JpegPdf
from ocr_engine.records import A4, PageGeometry


def write(document: SourceDocument, path: Path) -> list[str]:
    """Write the PDF; returns what people should know of it. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary:
        if document.original is None:
            return _write_pictures(document, temporary)
        try:
            if source := document.original():
                return _with_original(document, source, temporary)
        except DocumentError as error:
            notes = _write_pictures(document, temporary)
            return [*notes, f"its pages are pictures: the original cannot be used: {error}"]
        return _write_pictures(document, temporary)


def _with_original(document: SourceDocument, source: Path, path: Path) -> list[str]:
    try:
        from ocr_engine.outputs.exports import original_pdf, original_pdfa

        write = original_pdfa.write if document.is_pdfa else original_pdf.write
        return write(document, source, path)
    except ImportError:
        raise DocumentError("PyMuPDF is not installed (pip install pymupdf)") from None


def _write_pictures(document: SourceDocument, path: Path) -> list[str]:
    """Write page by page. A page has its source's size, upright."""
    with path.open("wb") as file:
        pdf = JpegPdf(file)
        font = InvisibleFont()
        for page in document.pages():
            geometry = page.record.geometry or A4
            jpeg = page.image.read_bytes() if page.image else None
            text = operators(_lines(document, page, geometry), geometry, font)
            pdf.add_page(jpeg, geometry.width_pt, geometry.height_pt, text)
        pdf.write_font(font.write)
        pdf.close(is_pdfa=document.is_pdfa)
    return []


def _lines(document: SourceDocument, page: SourcePage, geometry: PageGeometry) -> list[Line]:
    texts = document.block_texts(page.record)
    lines: list[Line] = []
    for block, text in zip(page.record.blocks, texts, strict=True):
        if text.strip():
            lines += laid_out(text, block, geometry)
    return lines
