"""Image files as documents: one page a TIFF frame, else one page, through Pillow.

Everything becomes upright RGB on white (light writing on a transparent ground: on black), with memory bounded
before a pixel is decoded. Damaged images are read as far as they go. Knows no PDF.
"""

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.log import logger
from ocr_engine.pages.backend import POINTS_PER_INCH, what_is
from ocr_engine.pages.image_colours import to_rgb
from ocr_engine.pages.image_damage import Damage, load_what_is_there, one_line, paint, tail_for
from ocr_engine.pages.image_limits import (
    CLAIMED_PIXELS,
    ORIENTATION_TAG,
    large_images_allowed,
    refuse_bomb,
    shrink_factor,
)
from ocr_engine.records import PageGeometry, PageImage

NAME = "pillow"
FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "BMP", "DIB", "WEBP", "GIF", "JPEG2000", "PPM", "AVIF", "HEIF")
"""Pillow goes by content, not suffix: without this list an EPS named .png would start Ghostscript."""
_SANE_DPI = (30, 2400)
_MAX_FRAMES = 100_000
"""Of a TIFF: 20 bytes can claim one more."""
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the operation that makes the image upright."""


class ImageDocument:
    """An image file. Each page opens it anew: Pillow closes a file once it is decoded."""

    def __init__(self, path: Path) -> None:
        """Read the header of `path`.

        Raises:
            DocumentError: not an image, damaged, or too large to decode.
        """
        self._path = path
        try:
            with _opened(path) as image:
                self.page_count = _page_count(image, path)
        except (DocumentError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - hostile images make Pillow raise many types
            raise DocumentError(_why_not_an_image(path, error)) from None

    def bookmarks(self) -> Iterator[tuple[int, int, str]]:
        """None: images have no outline."""
        return iter(())

    def render(self, index: int, config: RenderConfig) -> PageImage:
        """The frame at `index` (0-based), upright by EXIF, on white, with at most `max_pixels` pixels.

        What a damaged image lacks is grey, and `damage` of the page says so.

        Raises:
            PageError: nothing of the frame can be decoded, or it is too large to decode.
        """
        try:
            return self._render(index, config)
        except (PageError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - hostile images make Pillow raise many types
            raise PageError(f"cannot be decoded: {_reason(error)}") from None

    def _render(self, index: int, config: RenderConfig) -> PageImage:
        tail = b""
        try:
            with _opened(self._path) as image:
                tail = tail_for(image.format, self._path.stat().st_size)
                return _page(image, index, config)
        except OSError as error:
            if not tail:
                raise
            return self._with_tail(tail, one_line(error), index, config)

    def _with_tail(self, tail: bytes, reason: str, index: int, config: RenderConfig) -> PageImage:
        """The page of a file that ends before anything of it could be decoded."""
        with _opened(self._path, tail) as image:
            page = _page(image, index, config)
        if _is_flat(page.image):
            raise PageError(f"cannot be decoded: {reason}")
        return replace(page, damage=page.damage or f"the image is damaged, part of it is missing: {reason}")


@contextmanager
def _opened(path: Path, tail: bytes = b"") -> Iterator[Image.Image]:
    """The image of a file, with `tail` put after its bytes."""
    _register_plugins(path)
    with warnings.catch_warnings(), large_images_allowed():
        warnings.simplefilter("ignore")  # damaged metadata does not matter here, sizes are checked below
        with _open(io.BytesIO(path.read_bytes() + tail) if tail else path) as image:
            yield image


def _open(source: Path | io.BytesIO) -> Image.Image:
    try:
        Image.init()
        return Image.open(source, formats=[name for name in FORMATS if name in Image.OPEN])
    except Image.DecompressionBombError:
        raise DocumentError(f"too large to decode: over {CLAIMED_PIXELS:,} pixels") from None


def _is_flat(image: Image.Image) -> bool:
    return all(low == high for low, high in image.getextrema())  # type: ignore[misc]


def _page_count(image: Image.Image, path: Path) -> int:
    if image.format == "TIFF":
        return _tiff_frames(image)
    if (frames := int(getattr(image, "n_frames", 1))) > 1:
        logger.debug("%s: animated, %d frames: reading the first", path.name, frames)
    return 1


def _tiff_frames(image: Image.Image) -> int:
    """Frames of a TIFF. One whose entry is damaged counts, as a page that fails; none behind it is found."""
    frame = 0
    try:
        while frame + 1 < _MAX_FRAMES:
            image.seek(frame + 1)
            frame += 1
        return _MAX_FRAMES
    except EOFError:
        return frame + 1
    except Exception:  # noqa: BLE001 - hostile entries make Pillow raise many types
        return frame + 2
    finally:
        with contextlib.suppress(Exception):
            image.seek(0)


def _page(image: Image.Image, index: int, config: RenderConfig) -> PageImage:
    if index:
        _go_to(image, index)
    file_size = image.size
    dpi = _dpi(image)
    pixels, damage = _decoded(image, config)
    scale = max(pixels.size) / max(file_size)
    operation = _UPRIGHT.get(image.getexif().get(ORIENTATION_TAG, 1))
    if operation is not None:
        pixels = pixels.transpose(operation)
    return PageImage(pixels, _geometry(pixels.size, dpi, scale), NAME, damage=damage.words)


def _go_to(image: Image.Image, index: int) -> None:
    try:
        image.seek(index)
    except Exception as error:  # noqa: BLE001 - as above
        reason = one_line(error)
        raise PageError(
            f"the file is damaged: its entry for this page cannot be read ({reason}), and pages behind it, if"
            " there are any, cannot be found"
        ) from None


def _decoded(image: Image.Image, config: RenderConfig) -> tuple[Image.Image, Damage]:
    """The image as RGB within the limits, and what is missing of it."""
    file_size = image.size
    shrink = shrink_factor(file_size, config.max_pixels)
    if shrink > 1:
        image.draft("RGB", (max(1, image.width // shrink), max(1, image.height // shrink)))
        shrink = shrink_factor(image.size, config.max_pixels)
    refuse_bomb(image, file_size, config)
    damage = load_what_is_there(image)
    pixels = to_rgb(image, shrink)
    paint(pixels, damage)
    return pixels, damage


def _geometry(size: tuple[int, int], dpi: float, scale: float) -> PageGeometry:
    points_per_px = POINTS_PER_INCH / (dpi * scale)
    return PageGeometry(*size, size[0] * points_per_px, size[1] * points_per_px, dpi * scale)


def _dpi(image: Image.Image) -> float:
    """The resolution the file claims, where it can be true; else 72, so that points are pixels."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return POINTS_PER_INCH
    low, high = _SANE_DPI
    square = low <= across <= high and abs(across - down) < 1
    return across if square else POINTS_PER_INCH


def _register_plugins(path: Path) -> None:
    if path.suffix.lower() in (".heic", ".heif"):
        try:
            importlib.import_module("pillow_heif").register_heif_opener()
        except ImportError:
            return


def _why_not_an_image(path: Path, error: Exception) -> str:
    try:
        kind = what_is(path)
    except OSError:
        return _reason(error)
    if kind == "a HEIC image":
        return "HEIC images need a plug-in: pip install pillow-heif"
    if kind and "image" not in kind:
        return f"not an image: the file is {kind}"
    return f"cannot be read as an image: {_reason(error)}"


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a format known here, or damaged"
    return one_line(error)
