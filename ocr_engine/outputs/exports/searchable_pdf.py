"""A document as a PDF to search in: its pages as pictures, their text invisible where it stands."""

from pathlib import Path

from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.outputs.exports.invisible_font import InvisibleFont
from ocr_engine.outputs.exports.text_layer import Line, laid_out, operators
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.jpeg_pdf import JpegPdf
from ocr_engine.records import A4, PageGeometry

"""The size of a page that could not be rendered."""


def write(document: SourceDocument, path: Path) -> None:
    """Write the PDF page by page. A page has its source's size, upright. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
        pdf = JpegPdf(file)
        font = InvisibleFont()
        for page in document.pages():
            geometry = page.record.geometry or A4
            jpeg = page.image.read_bytes() if page.image else None
            text = operators(_lines(document, page, geometry), geometry, font)
            pdf.add_page(jpeg, geometry.width_pt, geometry.height_pt, text)
        pdf.write_font(font.write)
        pdf.close()


def _lines(document: SourceDocument, page: SourcePage, geometry: PageGeometry) -> list[Line]:
    texts = document.block_texts(page.record)
    lines: list[Line] = []
    for block, text in zip(page.record.blocks, texts, strict=True):
        if text.strip():
            lines += laid_out(text, block, geometry)
    return lines
