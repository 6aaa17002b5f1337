"""What every renderer of a document offers, and the size limits they share. Knows no library."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.records import PageImage

POINTS_PER_INCH = 72
_CHUNK_BYTES = 1 << 20
MAX_SIDE_PT = 1_000_000
"""A page that claims more is damaged: the PDF limit is 14,400 units a side."""
MAX_SIDE_PX = 65_000
"""JPEG, which figures are saved as, ends at 65,535."""


class OpenDocument(Protocol):
    """A document held open by one library. Not thread-safe."""

    page_count: int

    def bookmarks(self) -> Iterator[tuple[int, int, str]]:
        """The entries of its outline in order: level, from 1; page index, negative for none; title.

        Raises whatever the library raises on a hostile outline.
        """
        ...

    def render(self, index: int, config: RenderConfig) -> PageImage:
        """The page at 0-based `index` as upright RGB.

        Raises:
            PageError: the page cannot be rendered.
        """
        ...


class NotInstalledError(DocumentError):
    """The renderer's library is not there, which says nothing of the document."""


class EncryptedError(DocumentError):
    """The document needs a password, or another one."""


def encrypted(password: str) -> EncryptedError:
    """The error to raise where `password` (perhaps empty) does not open a document."""
    return EncryptedError(
        "encrypted: input.password is wrong" if password else "encrypted: give its password as input.password"
    )


def fit_zoom(width_pt: float, height_pt: float, config: RenderConfig) -> float:
    """Pixels a point: `dpi / 72`, or less where the page would exceed `max_pixels` or a side of 65,000 px.

    Raises:
        PageError: the size is no size (zero, negative, infinite, not a number, beyond a million points).
    """
    if not (0 < width_pt <= MAX_SIDE_PT and 0 < height_pt <= MAX_SIDE_PT):
        raise PageError(f"the page is {width_pt:g} x {height_pt:g} points, which cannot be drawn")
    zoom = min(config.dpi / POINTS_PER_INCH, MAX_SIDE_PX / max(width_pt, height_pt))
    while (pixels := math.ceil(width_pt * zoom) * math.ceil(height_pt * zoom)) > config.max_pixels:
        zoom *= math.sqrt(config.max_pixels / pixels) * 0.999
    return zoom


_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"PK\x03\x04", "a ZIP archive (such as DOCX, XLSX or EPUB)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%!PS", "PostScript"),
    (b"{\\rtf", "RTF"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
)


def what_is(path: Path) -> str:
    """What a file is by its first bytes, for messages: "a PNG image", "HTML"; "" when unknown.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        return "an empty file"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1"):
        return "a HEIC image"
    text = head.lower()
    return next(
        (
            name
            for tag, name in ((b"<svg", "SVG"), (b"<html", "HTML"), (b"<!doctype html", "HTML"))
            if tag in text
        ),
        "",
    )


def content_hash(path: Path) -> str:
    """The content id of a file: of its bytes, whatever its name. Raises OSError."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
