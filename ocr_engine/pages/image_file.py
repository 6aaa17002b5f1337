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

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.log import logger
from ocr_engine.pages.backend import POINTS_PER_INCH, what_is
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
_STRIP_PIXELS = 8_000_000
_SANE_DPI = (30, 2400)
_MAX_FRAMES = 100_000
"""Of a TIFF: 20 bytes can claim one more."""
_OPAQUE, _LIGHT = 128, 225
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
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


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
    pixels = _to_rgb(image, shrink)
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


def _to_rgb(image: Image.Image, shrink: int) -> Image.Image:
    """8-bit RGB on white, each side divided by `shrink`; in pieces where shrinking, to bound memory."""
    white_level, paper = _white_level(image), _paper(image)
    if shrink == 1:
        return _flat(image, white_level, paper)
    width, height = image.size
    small = Image.new("RGB", (-(-width // shrink), -(-height // shrink)))
    for area in _pieces(width, height, shrink):
        piece = _flat(image.crop(area), white_level, paper)
        small.paste(piece.reduce(shrink), (area[0] // shrink, area[1] // shrink))
    return small


def _pieces(width: int, height: int, step: int) -> Iterator[tuple[int, int, int, int]]:
    """Areas that cover an image, their corners at multiples of `step`: strips, or parts of very long ones."""
    rows = max(1, _STRIP_PIXELS // (width * step)) * step
    columns = -(-_STRIP_PIXELS // (min(rows, height) * step)) * step
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _paper(image: Image.Image) -> str:
    """What to put a transparent image on: white, or black where all that is drawn on it is light writing."""
    if not image.has_transparency_data or image.mode in _DEEP_MODES:
        return "white"
    drawn = np.zeros(256, dtype=np.int64)
    for strip in _strips(image):
        layer = _layer(strip)
        opaque = layer.getchannel("A").point(lambda alpha: 255 * (alpha >= _OPAQUE))
        drawn += np.array(layer.convert("L").histogram(opaque))
    shown, dark = int(drawn.sum()), int(drawn[:_LIGHT].sum())
    is_writing = 0 < shown < image.width * image.height / 2
    return "black" if is_writing and dark <= shown / 1000 else "white"


def _layer(image: Image.Image) -> Image.Image:
    return (image.convert("LA") if image.mode == "La" else image).convert("RGBA")


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _flat(image: Image.Image, white_level: float, paper: str) -> Image.Image:
    if image.mode in _DEEP_MODES:
        return _from_deep(image, white_level).convert("RGB")
    if image.mode == "LAB":
        return image.getchannel("L").convert("RGB")
    if image.has_transparency_data:
        layer = _layer(image)
        sheet = Image.new("RGB", image.size, paper)
        sheet.paste(layer, mask=layer.getchannel("A"))
        return sheet
    return image.convert("RGB")


def _white_level(image: Image.Image) -> float:
    """The value that stands for white in an image of more than 8 bits a channel: the top of its bit range.

    Scanners put 10 or 12 bits into 16-bit files, and floating point images run to 1, to 255 or to 65535.
    """
    if image.mode not in _DEEP_MODES:
        return 255.0
    peak = max(float(np.max(strip, initial=0.0)) for strip in _deep_strips(image))
    return 1.0 if image.mode == "F" and peak <= 1 else float(2 ** max(int(peak).bit_length(), 8) - 1)


def _deep_strips(image: Image.Image) -> Iterator[npt.NDArray[np.float32]]:
    yield from map(_deep_values, _strips(image))


def _deep_values(image: Image.Image) -> npt.NDArray[np.float32]:
    values = np.asarray(image, dtype=np.float32)
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _from_deep(image: Image.Image, white_level: float) -> Image.Image:
    values = _deep_values(image)
    grey = np.clip(values * (255.0 / white_level), 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)


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
