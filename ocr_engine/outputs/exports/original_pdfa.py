"""A searchable PDF on the original page as PDF/A-2b: what Ghostscript makes of it, where that is the same.

Ghostscript may draw a font that is not in the file otherwise, lose letters, or leave out what makes a PDF/A.
So each page is compared with what it was made of. Needs PyMuPDF.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing
from math import sqrt
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops
from rapidfuzz.distance import Indel

from ocr_engine.errors import DocumentError
from ocr_engine.outputs import pdfa
from ocr_engine.outputs.exports import original_pdf
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.ghostscript import make_pdfa
from ocr_engine.outputs.exports.own_text import MAX_LETTERS

_ZOOM, _MAX_PX, _CELL_PX = 50 / 72, 4_000_000, 8
"""Pages are compared at 50 dpi, in cells of 4 mm."""
MAX_CELL_CHANGE = 25
"""How much a cell's mean of any colour may change, of 255: edges drawn otherwise stay below 24 (67 real
PDFs, by hand), another font or a lost word gives 28 and more.
"""
LEAST_ALIKE = 0.98
"""The share of a page's letters that must come back in their order."""
_CLAIM = re.compile(r"pdfaid:part\W{1,3}2\b")
_EMBEDDED = ("FontFile", "FontFile2", "FontFile3")
_PRINTED = 4
"""Flags of a link: printed, not hidden."""


def write(document: SourceDocument, source: Path, path: Path) -> list[str]:
    """Write the PDF at `source` with its text as PDF/A to `path`; returns what people should know.

    Raises:
        DocumentError: no PDF/A that looks and reads the same can be made of it, and why.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        plain, made = Path(folder, "plain.pdf"), Path(folder, "made.pdf")
        notes = original_pdf.write(document, source, plain, keep=flattened)
        with original_pdf.mupdf_errors(), closing(original_pdf.opened(plain)) as before:
            make_pdfa(plain, made, before.page_count)
            with closing(original_pdf.opened(made)) as after:
                check(before, after)
                _describe(after, before.metadata or {}, _identity(plain))
                original_pdf.save(after, path)
    return notes


def flattened(document: Any) -> None:
    """Draw notes, marks and forms of a `pymupdf.Document` into its pages, and have its links printed.

    Ghostscript draws some of them otherwise, and leaves out links that are not marked as printed.
    """
    document.bake()
    for page in document:
        for number, *_ in page.annot_xrefs():
            document.xref_set_key(number, "F", str(_PRINTED))
            if document.xref_get_key(number, "A")[1] == "<<>>":
                document.xref_set_key(number, "A", "null")


def check(before: Any, after: Any) -> None:
    """Raise DocumentError where one `pymupdf.Document` is no PDF/A, or another document than `before`."""
    if reason := next(problems(after), ""):
        raise DocumentError(f"Ghostscript makes no PDF/A of it: {reason}")
    if before.page_count != after.page_count:
        raise DocumentError(f"Ghostscript makes {after.page_count:,} pages of {before.page_count:,}")
    for one, other in zip(before, after, strict=True):
        if _changed(_looks(one), _looks(other)) > MAX_CELL_CHANGE:
            raise DocumentError(f"in PDF/A page {one.number + 1} would look otherwise")
        if Indel.normalized_similarity(_letters(one), _letters(other)) < LEAST_ALIKE:
            raise DocumentError(f"in PDF/A page {one.number + 1} would have other letters")


def problems(document: Any) -> Iterator[str]:
    """What keeps a `pymupdf.Document` from being PDF/A-2b, as far as is looked at; not all rules are."""
    if not _CLAIM.search(document.get_xml_metadata()):
        yield "it does not say so"
    if document.xref_get_key(document.pdf_catalog(), "OutputIntents")[0] != "array":
        yield "it does not say what its colours mean"
    for number in range(1, document.xref_length()):
        kind = document.xref_get_key(number, "Type")[1]
        if kind == "/FontDescriptor" and not _has(document, number, *_EMBEDDED):
            yield f"the font {document.xref_get_key(number, 'FontName')[1]} is not in it"
        if document.xref_get_key(number, "ColorSpace")[1] == "/DeviceCMYK":
            yield "a picture has colours of a printer"
    for page in document:
        if any(_number(document, number, "F") != _PRINTED for number, *_ in page.annot_xrefs()):
            yield f"page {page.number + 1} has more than links upon it"


def _has(document: Any, number: int, *keys: str) -> bool:
    return any(document.xref_get_key(number, key)[0] != "null" for key in keys)


def _number(document: Any, number: int, key: str) -> int:
    kind, value = document.xref_get_key(number, key)
    return int(value) if kind == "int" else 0


def _looks(page: Any) -> Image.Image:
    """The page as means of its cells, RGB."""
    import pymupdf

    zoom = min(_ZOOM, sqrt(_MAX_PX / max(page.rect.width * page.rect.height, 1.0)))
    drawn = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False)
    return Image.frombytes("RGB", (drawn.width, drawn.height), drawn.samples).reduce(_CELL_PX)


def _changed(one: Image.Image, other: Image.Image) -> int:
    """The largest change of a cell's mean, 0 to 255."""
    if one.size != other.size:
        return 255
    extremes = ImageChops.difference(one, other).getextrema()
    return max(int(most) for _, most in extremes)  # type: ignore[misc]


def _letters(page: Any) -> str:
    return "".join(page.get_text().split())[:MAX_LETTERS]


def _identity(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _describe(document: Any, about: dict[str, str], identity: str) -> None:
    """Have the file say what it is and what its source said of itself; equal sources give equal files."""
    document.set_xml_metadata(pdfa.metadata(about).decode())
    document.xref_set_key(-1, "Info", "null")
    document.xref_set_key(-1, "ID", f"[<{identity}> <{identity}>]")
