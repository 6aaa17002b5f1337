"""A rendered page in, a small JPEG out; runs in the render worker, so that a page's pixels never travel."""

import io

from PIL import Image

from ocr_engine.records import PageImage

_QUALITY = 60


def thumbnail(page: PageImage, side_px: int) -> bytes:
    """The page as JPEG, at most `side_px` on each side."""
    small = page.image.convert("RGB")
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()
