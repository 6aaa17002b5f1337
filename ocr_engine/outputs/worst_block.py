"""A block that is unlike the page's own text, as the report shows it: its picture and both texts."""

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_engine.outputs.drawing import crop_box
from ocr_engine.outputs.thumbnail import small_jpeg
from ocr_engine.records import Box, PageImage

CROP_PX = (640, 360)


@dataclass(frozen=True, slots=True)
class WorstBlock:
    """What was read of a block, what the page's own text has there, and the place as JPEG."""

    label: str
    read: str
    written: str
    picture: bytes


def crop_jpeg(page: PageImage, boxes: Sequence[Box]) -> bytes:
    """What holds all the boxes, no larger than `CROP_PX`."""
    return small_jpeg(crop_box(page.image, Box.around(boxes)), CROP_PX)
