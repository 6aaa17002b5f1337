"""Images that end early or are broken inside: decoded as far as they go, with words for what is missing.

Pillow raises at the first error, but what it decoded before stays in the image.
"""

import math
from dataclasses import dataclass

from PIL import Image

from ocr_engine.families import PAD_COLOR

_EDGES = ("left", "upper", "right", "lower")
_MAX_TIFF_TAIL = 64_000_000
_TAIL_RATIO = 9
_MAX_FILE = 256_000_000
"""Of a file that is read into memory to put a tail after it."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What of an image could not be decoded: words, and the share of its width or height from one edge."""

    words: str = ""
    edge: str = ""
    share: float = 0.0


WHOLE = Damage()


def load_what_is_there(image: Image.Image) -> Damage:
    """Decode an image, as far as it goes.

    Raises:
        Exception: whatever Pillow raised, where nothing was decoded, or an interlaced image is not whole.
    """
    try:
        image.load()
        return WHOLE
    except MemoryError:
        raise
    except Exception as error:
        if image.info.get("interlace"):
            raise  # its rows lie scattered
        image.tile = []  # type: ignore[attr-defined]  # nothing more to decode: what is there counts as loaded
        box = image.getbbox(alpha_only=False)
        if box is None:
            raise
        return _damage(image.size, box, one_line(error))


def _damage(size: tuple[int, int], box: tuple[int, int, int, int], reason: str) -> Damage:
    """`box` holds the pixels that are not 0, as those are that were never decoded."""
    width, height = size
    gaps = (box[0] / width, box[1] / height, 1 - box[2] / width, 1 - box[3] / height)
    share = max(gaps)
    edge = _EDGES[gaps.index(share)]
    lost = f"the {edge} {share:.0%} of it" if share else "part of it"
    return Damage(f"the image is damaged, {lost} could not be decoded: {reason}", edge, share)


def paint(page: Image.Image, damage: Damage) -> None:
    """Make what is missing of an RGB page the grey of padding, so that it is neither paper nor ink."""
    across, down = (math.floor(damage.share * side) for side in page.size)
    area = {
        "left": (0, 0, across, page.height),
        "upper": (0, 0, page.width, down),
        "right": (page.width - across, 0, page.width, page.height),
        "lower": (0, page.height - down, page.width, page.height),
    }
    if damage.share:
        page.paste(PAD_COLOR, area[damage.edge])


def one_line(error: Exception) -> str:
    """The words of an error, or its type where it has none."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def tail_for(image_format: str | None, size_bytes: int) -> bytes:
    """What has a decoder give out what it holds of a file that ends early; b"" where nothing does.

    An end marker for a progressive JPEG; zeros for a TIFF that ends within its one strip.
    """
    if size_bytes > _MAX_FILE:
        return b""
    if image_format in ("JPEG", "MPO"):
        return b"\xff\xd9"
    if image_format == "TIFF":
        return bytes(min(_TAIL_RATIO * size_bytes, _MAX_TIFF_TAIL))
    return b""
