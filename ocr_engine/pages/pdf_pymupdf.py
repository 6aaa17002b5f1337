"""PDF pages through PyMuPDF: the same pixels as the official PDF script (`get_pixmap`, no alpha)."""

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from ocr_engine.pages.layer_pymupdf import layer_of
from ocr_engine.pages.text_layer import unreadable
from ocr_engine.records import PageGeometry, PageImage, TextLayer

if TYPE_CHECKING:
    import numpy.typing as npt

NAME = "pymupdf"
REOPEN_AFTER = 500
"""Pages after which a document is opened anew: MuPDF keeps every object it has met, 0.7 kB a simple page."""


_DAMAGE = re.compile(
    r"error|premature end|truncated|unexpected end|end of file|not a stream|corrupt|cannot (?!find CMap)",
    re.I,
)
"""Messages of MuPDF that mean that something of a page is not drawn, or not all of it."""
_WRITES = {"fill-text", "stroke-text"}
_ROWS = 128
"""Looked at together for colour: as many as stay in a core's cache."""
_FREE_ALL = 100
"""Per cent of MuPDF's store."""


class PyMuPdfDocument:
    """A PDF held open by PyMuPDF."""

    def __init__(self, path: Path, password: str) -> None:
        """Open `path`.

        Raises:
            DocumentError: not a PDF, damaged, without pages, or encrypted (then an `EncryptedError`).
        """
        self._path, self._password = path, password
        self._document = self._opened()
        self._rendered = 0
        self._damaged = False
        self.page_count = _count(self._document)
        self._doubt = _doubt_of_file(self._document)

    def _opened(self) -> Any:
        document = _open(self._path)
        if not document.is_pdf:
            kind = (document.metadata or {}).get("format") or "something else"
            raise DocumentError(f"not a PDF: the file holds {kind}")
        if document.needs_pass and not (self._password and document.authenticate(self._password)):
            raise encrypted(self._password)
        return document

    def bookmarks(self) -> Iterator[tuple[int, int, str]]:
        """The entries of the outline in order: level, from 1; page index, negative for none; title.

        Raises whatever MuPDF raises on a hostile outline.
        """
        pending = [(1, self._document.outline)]
        while pending:
            level, entry = pending.pop()
            if entry is not None:
                yield level, entry.page, entry.title or ""
                pending += [(level, entry.next), (level + 1, entry.down)]

    def render(self, index: int, config: RenderConfig) -> PageImage:
        """The page at `index` (0-based), /Rotate and /UserUnit applied, annotations drawn.

        Raises:
            PageError: the page cannot be read or drawn.
        """
        try:
            if self._rendered == REOPEN_AFTER:
                self._document.close()
                self._document, self._rendered = self._opened(), 0
            self._rendered += 1
            return self._render(index, config)
        except (PageError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - hostile pages make MuPDF raise many types
            raise PageError(f"{NAME}: {first_line(error)}") from None

    def _render(self, index: int, config: RenderConfig) -> PageImage:
        import pymupdf

        if self._damaged:
            # MuPDF complains of an image once and then draws it from its store: each page must say the same.
            pymupdf.TOOLS.store_shrink(_FREE_ALL)
        page = self._document[index]
        width_pt, height_pt = page.rect.width, page.rect.height
        zoom = fit_zoom(width_pt, height_pt, config)
        _messages()
        # As `page.get_pixmap` does; the text layer is read from the same list.
        drawn = page.get_displaylist()
        pixmap = drawn.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False)
        damage = _damage(_messages())
        self._damaged = self._damaged or bool(damage)
        image = _picture(pixmap)
        geometry = PageGeometry(image.width, image.height, width_pt, height_pt, zoom * POINTS_PER_INCH)
        shown = pixmap if image.mode == "RGB" else image
        layer = partial(_text_layer, drawn, shown, (width_pt, height_pt))
        doubt = partial(_doubt, page, self._doubt)
        return PageImage(image, geometry, NAME, text_layer=layer, damage=damage, doubt=doubt)


def _picture(pixmap: Any) -> Image.Image:
    """A pixmap as RGB, or as grey (L) where none of it has colour: all that follows is cheaper so."""
    size, pixels = (pixmap.width, pixmap.height), _pixels(pixmap)
    if _has_colour(pixels.reshape(pixmap.height, -1)):
        return Image.frombytes("RGB", size, pixmap.samples_mv)
    return Image.frombuffer("L", size, np.ascontiguousarray(pixels[:, :, 0]), "raw", "L", 0, 1)


def _pixels(pixmap: Any) -> "npt.NDArray[np.uint8]":
    """uint8 (height, width, 3), as long as the pixmap is there."""
    return np.frombuffer(pixmap.samples_mv, np.uint8).reshape(pixmap.height, pixmap.width, 3)


def _has_colour(rows: "npt.NDArray[np.uint8]") -> bool:
    """Whether the channels of any pixel differ; a row is one pixel's three values after the other's.

    Each value is compared with the next, which is five times as fast as channel with channel; the third of
    a pixel, which is compared with the next pixel's first, does not count.
    """
    for top in range(0, len(rows), _ROWS):
        some = rows[top : top + _ROWS]
        differs = np.bitwise_or.reduce(some[:, 1:] ^ some[:, :-1], axis=0)
        if differs[0::3].any() or differs[1::3].any():
            return True
    return False


def _messages() -> str:
    """What MuPDF has said since it was last asked."""
    import pymupdf

    return str(pymupdf.TOOLS.mupdf_warnings())


def _damage(messages: str) -> str:
    """The first of MuPDF's messages that tells of something missing, "" without one."""
    first = next((line for line in messages.splitlines() if _DAMAGE.search(line)), "")
    return f"{NAME}: {' '.join(first.split())[:200]}" if first else ""


def _doubt_of_file(document: Any) -> str:
    """What is wrong with a document as a whole, or ""; MuPDF says it once, with the first page."""
    try:
        document.load_page(0)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - hostile pages make MuPDF raise many types
        return f"the file is damaged ({first_line(error)})"
    damage = _damage(_messages()).removeprefix(f"{NAME}: ")
    return f"the file is damaged ({damage or 'repaired'})" if damage or document.is_repaired else ""


def _doubt(page: Any, of_file: str) -> str:
    """Why a page that MuPDF draws empty, without a word, may hold something all the same."""
    if of_file:
        return of_file
    try:
        drawn = {kind for kind, *_ in page.get_bboxlog()}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - hostile pages make MuPDF raise many types
        return f"{NAME}: {first_line(error)}"
    return "it writes text, none of it within the page" if drawn & _WRITES else ""


def _text_layer(drawn: Any, shown: Any, size_pt: tuple[float, float]) -> TextLayer:
    try:
        is_grey = isinstance(shown, Image.Image)
        return layer_of(drawn, np.asarray(shown)[:, :, None] if is_grey else _pixels(shown), size_pt)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a page that was drawn is read, whatever its text layer is like
        return unreadable(f"{NAME}: {first_line(error)}")


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type where it has none."""
    return next(iter(str(error).splitlines()), "").strip()[:200] or type(error).__name__


def _open(path: Path) -> Any:
    try:
        import pymupdf
    except ImportError:
        raise NotInstalledError("PyMuPDF is not installed (pip install pymupdf)") from None
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    _messages()
    try:
        with path.open("rb") as file:
            # MuPDF takes names as UTF-8 only; the descriptor's name is always ASCII.
            return pymupdf.open(path if _is_utf8(path) else f"/dev/fd/{file.fileno()}", filetype="pdf")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - hostile files make MuPDF raise many types
        raise DocumentError(f"{NAME}: {first_line(error).replace(os.fspath(path), path.name)}") from None


def _count(document: Any) -> int:
    try:
        count = int(document.page_count)
    except Exception as error:  # noqa: BLE001 - as above: a damaged page tree
        raise DocumentError(f"{NAME}: {first_line(error)}") from None
    if count < 1:
        raise DocumentError(f"{NAME}: no pages")
    return count


def _is_utf8(path: Path) -> bool:
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
