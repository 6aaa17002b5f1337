"""JPEGs in, a PDF with one JPEG a page out, written as a stream: memory holds one page, whatever the length.

Ours because img2pdf, Pillow and PDFium hold all pages until the end. Syntax: ISO 32000-1, 7.5 (file
structure) and 8.9 (images); a JPEG goes in as it is, under the filter DCTDecode.
"""

import hashlib
import io
import zlib
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from ocr_engine.outputs import pdfa

_CATALOG, _PAGES = 1, 2
_MIN_POINTS, _MAX_POINTS = 3.0, 14_400.0
"""The smallest and largest page in its own units (PDF 1.7, annex C); a larger one takes larger units."""

NewNumber = Callable[[], int]
Object = Callable[[int, str], None]
"""Writes an object: its number and its body."""
Stream = Callable[[int, str, bytes], None]
"""Writes a stream object: its number, the entries of its dictionary, its bytes."""


class JpegPdf:
    """Writes to a binary file that the caller opens and closes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offset = 0
        self._offsets: dict[int, int] = {}
        self._pages: list[int] = []
        self._next = _PAGES + 1
        self._font = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self._write(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")

    def add_page(self, jpeg: bytes | None, width_pt: float, height_pt: float, text: bytes = b"") -> None:
        """A page of this size, the RGB or grey JPEG filling it; without one, an empty page.

        `text` is drawn after it: operators that may use the font `/F` of `write_font`.
        """
        width_pt, height_pt = (max(size, _MIN_POINTS) for size in (width_pt, height_pt))
        unit_pt = max(1.0, width_pt / _MAX_POINTS, height_pt / _MAX_POINTS)
        width, height = (max(size / unit_pt, _MIN_POINTS) for size in (width_pt, height_pt))
        page, contents, image = self._next, self._next + 1, self._next + 2
        self._next += 3
        self._pages.append(page)
        resources = f"/XObject << /Im {image} 0 R >>" if jpeg else ""
        if text:
            self._font = self._font or self._new_number()
            resources += f" /Font << /F {self._font} 0 R >>"
        self._object(
            page,
            f"<< /Type /Page /Parent {_PAGES} 0 R /MediaBox [0 0 {width:.2f} {height:.2f}]"
            f"{f' /UserUnit {unit_pt:.6f}' if unit_pt > 1 else ''}"
            f" /Contents {contents} 0 R /Resources << {resources} >> >>",
        )
        drawing = f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Im Do Q".encode() if jpeg else b""
        if text and unit_pt > 1:
            text = f"{1 / unit_pt:.8f} 0 0 {1 / unit_pt:.8f} 0 0 cm\n".encode() + text
        if text:
            self._stream(contents, "/Filter /FlateDecode", zlib.compress(drawing + b"\n" + text))
        else:
            self._stream(contents, "", drawing)
        if jpeg:
            self._stream(image, _image_entries(jpeg), jpeg)
        else:
            self._object(image, "null")

    def write_font(self, write: Callable[[int, NewNumber, Object, Stream], None]) -> None:
        """Write the font `/F`, after the last page: `write` gets its number and writes its objects."""
        if self._font:
            write(self._font, self._new_number, self._object, self._stream)

    def close(self, *, is_pdfa: bool = False) -> None:
        """Write the page tree, what makes it PDF/A-2b where that is asked for, and the cross-references."""
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._object(_PAGES, f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>")
        archived = self._write_pdfa() if is_pdfa else ""
        self._object(_CATALOG, f"<< /Type /Catalog /Pages {_PAGES} 0 R{archived} >>")
        start = self._offset
        entries = "".join(f"{self._offsets[number]:010d} 00000 n \n" for number in range(1, self._next))
        self._write(f"xref\n0 {self._next}\n0000000000 65535 f \n{entries}".encode())
        named = f" /ID [<{self._hash.hexdigest()}> <{self._hash.hexdigest()}>]" if is_pdfa else ""
        self._write(f"trailer\n<< /Size {self._next} /Root {_CATALOG} 0 R{named} >>\n".encode())
        self._write(f"startxref\n{start}\n%%EOF\n".encode())

    def _write_pdfa(self) -> str:
        """What the file says of itself, and its colours; returns their entries of the catalog."""
        about, colours = self._new_number(), self._new_number()
        self._stream(about, "/Type /Metadata /Subtype /XML", pdfa.metadata())
        self._stream(colours, "/N 3", pdfa.srgb())
        intent = f"<< {pdfa.INTENT} /DestOutputProfile {colours} 0 R >>"
        return f" /Metadata {about} 0 R /OutputIntents [{intent}]"

    def _new_number(self) -> int:
        self._next += 1
        return self._next - 1

    def _object(self, number: int, body: str) -> None:
        self._offsets[number] = self._offset
        self._write(f"{number} 0 obj\n{body}\nendobj\n".encode())

    def _stream(self, number: int, entries: str, data: bytes) -> None:
        self._offsets[number] = self._offset
        self._write(f"{number} 0 obj\n<< {entries} /Length {len(data)} >>\nstream\n".encode())
        self._write(data)
        self._write(b"\nendstream\nendobj\n")

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._offset += len(data)


def _image_entries(jpeg: bytes) -> str:
    with Image.open(io.BytesIO(jpeg)) as image:
        width, height = image.size
        colors = "DeviceGray" if image.mode == "L" else "DeviceRGB"
    return (
        f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /{colors}"
        " /BitsPerComponent 8 /Filter /DCTDecode"
    )
