"""PDF pages through PDFium: the fallback, and the choice where PyMuPDF's licence does not fit."""

import contextlib
import io
import mmap
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.pages.backend import (
    POINTS_PER_INCH,
    NotInstalledError,
    encrypted,
    fit_zoom,
)
from ocr_engine.pages.layer_pdfium import layer_of
from ocr_engine.pages.text_layer import unreadable
from ocr_engine.records import PageGeometry, PageImage, TextLayer

NAME = "pdfium"
_USER_UNIT = re.compile(rb"/UserUnit\s+(\d{1,6}(?:\.\d{1,6})?)")


class PdfiumDocument:
    """A PDF held open by PDFium."""

    def __init__(self, path: Path, password: str) -> None:
        """Open `path`.

        Raises:
            DocumentError: damaged, without pages, or encrypted (then an `EncryptedError`).
        """
        self._document = _open(path, password)
        self.page_count = len(self._document)
        if self.page_count < 1:
            raise DocumentError(f"{NAME}: no pages")
        self._has_user_units = _mentions_user_unit(path)

    def bookmarks(self) -> Iterator[tuple[int, int, str]]:
        """The entries of the outline in order: level, from 1; page index, negative for none; title.

        Raises whatever PDFium's binding raises on a hostile outline.
        """
        for entry in self._document.get_toc():
            place = entry.get_dest()
            index = place.get_index() if place else None
            yield entry.level + 1, -1 if index is None else index, entry.get_title()

    def render(self, index: int, config: RenderConfig) -> PageImage:
        """The page at `index` (0-based), /Rotate and /UserUnit applied, annotations and forms drawn.

        Raises:
            PageError: the page cannot be read or drawn.
        """
        try:
            return self._render(index, config)
        except (PageError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - hostile pages make PDFium's binding raise many types
            raise PageError(f"{NAME}: {' '.join(str(error).split())[:200] or type(error).__name__}") from None

    def _render(self, index: int, config: RenderConfig) -> PageImage:
        unit = self._user_unit(index) if self._has_user_units else 1.0
        with contextlib.closing(self._document[index]) as page:
            width_pt, height_pt = (side * unit for side in page.get_size())
            zoom = fit_zoom(width_pt, height_pt, config)
            with contextlib.closing(page.render(scale=zoom * unit, rev_byteorder=True)) as bitmap:
                image: Image.Image = bitmap.to_pil().convert("RGB")
        geometry = PageGeometry(image.width, image.height, width_pt, height_pt, zoom * POINTS_PER_INCH)
        layer = partial(self._text_layer, index, image, (width_pt, height_pt))
        return PageImage(image, geometry, NAME, text_layer=layer)

    def _text_layer(self, index: int, image: Image.Image, size_pt: tuple[float, float]) -> TextLayer:
        try:
            with contextlib.closing(self._document[index]) as page:
                return layer_of(page, np.asarray(image), size_pt)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a page that was drawn is read, whatever its text layer is like
            return unreadable(f"{NAME}: {' '.join(str(error).split())[:200] or type(error).__name__}")

    def _user_unit(self, index: int) -> float:
        """PDFium has no call for /UserUnit; a copy of the page spells it out."""
        import pypdfium2

        with contextlib.closing(pypdfium2.PdfDocument.new()) as copy:
            copy.import_pages(self._document, [index])
            written = io.BytesIO()
            copy.save(written)
        match = _USER_UNIT.search(written.getbuffer())
        return float(match[1]) or 1.0 if match else 1.0


def _open(path: Path, password: str) -> Any:
    try:
        import pypdfium2
        import pypdfium2.raw
    except ImportError:
        raise NotInstalledError("pypdfium2 is not installed (pip install pypdfium2)") from None
    try:
        document = pypdfium2.PdfDocument(path, password=password or None)
        if document.get_formtype() != pypdfium2.raw.FORMTYPE_NONE:
            document.init_forms()
        return document
    except MemoryError:
        raise
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise encrypted(password) from None
        raise DocumentError(f"{NAME}: {error}") from None
    except Exception as error:  # noqa: BLE001 - hostile files make PDFium's binding raise many types
        raise DocumentError(f"{NAME}: {type(error).__name__}: {error}") from None


def _mentions_user_unit(path: Path) -> bool:
    """Whether the key stands in the file in the clear; inside compressed objects it is not seen (unit 1)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"/UserUnit") >= 0
