"""Images of any mode as 8-bit RGB on white: transparent, deep, LAB; in strips where they are large."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

_STRIP_PIXELS = 8_000_000
_OPAQUE, _LIGHT = 128, 225
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def to_rgb(image: Image.Image, shrink: int) -> Image.Image:
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
