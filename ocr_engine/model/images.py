"""Where the processor finds what cuts a page image into views. `engine.vllm.serve_plugin` puts it here.

The model package knows no rendering; without a cutter it takes ready views alone.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ocr_engine.errors import RequestError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ocr_engine.records import PageViews

Cutter = Callable[["Image", Mapping[str, object], str], "PageViews"]
"""Image, the request's `mm_processor_kwargs`, model family -> views; raises RequestError."""
_cutters: list[Cutter] = []


def set_cutter(cutter: Cutter) -> None:
    """Cut images with this from now on."""
    _cutters[:] = [cutter]


def cut(image: "Image", options: Mapping[str, object], family: str) -> "PageViews":
    """The views of a page image.

    Raises:
        RequestError: the options are wrong, or no cutter is there.
    """
    if not _cutters:
        raise RequestError("image: this engine takes the views of a page, not an image")
    return _cutters[0](image, options, family)
