"""A block that is unlike the page's own text, as the report shows it: its picture and both texts."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ocr_engine.outputs.drawing import crop_box
from ocr_engine.records import Box, PageImage

CROP_PX = (640, 360)
_QUALITY = 60


@dataclass(frozen=True, slots=True)
class WorstBlock:
    """What was read of a block, what the page's own text has there, and the place as JPEG."""

    label: str
    read: str
    written: str
    picture: bytes


def crop_jpeg(page: PageImage, boxes: Sequence[Box]) -> bytes:
    """What holds all the boxes, no larger than `CROP_PX`."""
    around = Box(
        min(box.x1 for box in boxes),
        min(box.y1 for box in boxes),
        max(box.x2 for box in boxes),
        max(box.y2 for box in boxes),
    )
    crop = crop_box(page.image, around).convert("RGB")
    crop.thumbnail(CROP_PX, Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    crop.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()
