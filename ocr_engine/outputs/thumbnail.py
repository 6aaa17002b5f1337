"""A rendered page in, a small JPEG out; runs in the render worker, so that a page's pixels never travel."""

import io

from PIL import Image

from ocr_engine.records import PageImage

_QUALITY = 60


def thumbnail(page: PageImage, side_px: int) -> bytes:
    """The page as JPEG, at most `side_px` on each side."""
    return small_jpeg(page.image, (side_px, side_px))


def small_jpeg(image: Image.Image, most_px: tuple[int, int]) -> bytes:
    """A picture as JPEG, at most so wide and high; the picture stays as it is."""
    small = image.convert("RGB")
    small.thumbnail(most_px, Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()
