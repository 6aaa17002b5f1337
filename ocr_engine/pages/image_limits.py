"""What an image file may cost before a pixel of it is decoded: its size in, a refusal out."""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from ocr_engine.config import RenderConfig
from ocr_engine.errors import PageError
from ocr_engine.pages.backend import MAX_SIDE_PX

FREE_PIXELS = 178_956_970
"""Pillow's own bound against decompression bombs. Larger images are weighed, where their weight is known."""
CLAIMED_PIXELS = 2**32
"""More is refused when the file is opened: no JPEG or GIF can have it."""
_WEIGHED = ("PNG", "JPEG", "MPO", "TIFF", "BMP", "DIB", "PPM")
"""Formats decoded row by row into one picture: it is nearly all they take."""
_BYTES_PER_PX = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_OTHER_MODES = 4
_COEFFICIENT_BYTES = 2
_RESERVE_BYTES = 250_000_000
"""For the process, its strips and the file's own buffers."""
_MB = 1_000_000
ORIENTATION_TAG = 0x0112
_ROW_TAGS = (278, 323)
"""RowsPerStrip, TileLength."""


@contextmanager
def large_images_allowed() -> Iterator[None]:
    """Have Pillow open images of up to `CLAIMED_PIXELS`; to ask `refuse_bomb` is then up to the caller."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = CLAIMED_PIXELS // 2  # Pillow raises at twice its limit
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def shrink_factor(size: tuple[int, int], max_pixels: int) -> int:
    """The smallest whole number to divide both sides by for at most `max_pixels`, and 65,000 px a side."""
    factor = -(-max(size) // MAX_SIDE_PX)
    while -(-size[0] // factor) * -(-size[1] // factor) > max_pixels:
        factor += 1
    return factor


def refuse_bomb(image: Image.Image, file_size: tuple[int, int], config: RenderConfig) -> None:
    """Refuse an image that would not fit into the worker's memory.

    Args:
        image: opened, not decoded, perhaps set to be decoded smaller.
        file_size: its width and height in the file.

    Raises:
        PageError: too large to decode; says what it would take.
    """
    width, height = file_size
    if width * height <= FREE_PIXELS:
        return
    words = f"too large to decode: {width} x {height} pixels"
    if image.format not in _WEIGHED:
        raise PageError(f"{words}, more than {FREE_PIXELS:,}, which is the limit for {image.format} images")
    kept = _OTHER_MODES * config.max_pixels
    needed = _decoded_bytes(image, file_size) + kept + _RESERVE_BYTES
    if needed > config.worker_memory_mb * _MB:
        memory = f"render.worker_memory_mb ({config.worker_memory_mb})"
        raise PageError(f"{words} take {-(-needed // _MB):,} MB of memory, more than {memory}")


def _decoded_bytes(image: Image.Image, file_size: tuple[int, int]) -> int:
    picture = image.width * image.height * _BYTES_PER_PX.get(image.mode, _OTHER_MODES)
    pixels = file_size[0] * file_size[1]
    if image.format == "TIFF":  # Pillow turns it whole, and holds a strip or a row of tiles beside it
        turned = image.getexif().get(ORIENTATION_TAG, 1) != 1
        return picture * (2 if turned else 1) + picture * _rows_at_once(image) // image.height
    if image.info.get("progressive"):
        return picture + int(_COEFFICIENT_BYTES * pixels * _samples_per_px(image))
    return picture


def _rows_at_once(image: Image.Image) -> int:
    """Rows of a strip or tile of a TIFF; all, where the file does not say."""
    tags = getattr(image, "tag_v2", {})
    rows = next((tags[tag] for tag in _ROW_TAGS if isinstance(tags.get(tag), int)), image.height)
    return int(min(max(rows, 1), image.height))


def _samples_per_px(image: Image.Image) -> float:
    """Of a JPEG: 3 where colour is kept whole, 1.5 where it has half the width and height."""
    layers = [(across, down) for _, across, down, _ in getattr(image, "layer", ())]
    if not layers:
        return float(len(image.getbands()))
    most = max(across for across, _ in layers) * max(down for _, down in layers)
    return float(sum(across * down for across, down in layers) / most)
