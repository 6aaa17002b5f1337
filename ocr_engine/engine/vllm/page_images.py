"""Pages sent to a server as images: cut into views as `batch_images.py` does."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ocr_engine.errors import RequestError, UsageError
from ocr_engine.families import FAMILIES, resolve_mode
from ocr_engine.families.views import make_views
from ocr_engine.records import PageViews

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_MODE = "gundam"
_OPTIONS = {"mode", "max_tiles"}


def views_of_images(images: "Sequence[Image]", options: Mapping[str, object], family: str) -> list[PageViews]:
    """The views of the images of one request; several are cut as pages that are read together.

    Raises:
        RequestError: as `views_of_image`, or several images with another mode than theirs.
    """
    together = FAMILIES[family].together
    if len(images) > 1 and together is not None:
        if options.get("mode", together.mode) != together.mode:
            raise RequestError(f"mm_processor_kwargs: mode: several pages are read in {together.mode}")
        options = {**options, "mode": together.mode}
    return [views_of_image(image, options, family) for image in images]


def views_of_image(image: "Image", options: Mapping[str, object], family: str) -> PageViews:
    """The views of an image sent to a server, cut as `batch_images.py` does.

    Args:
        image: any mode; transparency is put on white by vLLM's image loader.
        options: the request's `mm_processor_kwargs`: `mode` (gundam) and `max_tiles` (the mode's), nothing
            else.

    Raises:
        RequestError: an unknown option, mode or number of tiles.
    """
    unknown = sorted(options.keys() - _OPTIONS)
    mode, tiles = options.get("mode", DEFAULT_MODE), options.get("max_tiles")
    if unknown:
        raise RequestError(
            f"mm_processor_kwargs: {unknown[0]}: unknown (one of: {', '.join(sorted(_OPTIONS))})"
        )
    if not isinstance(mode, str):
        raise RequestError(f"mm_processor_kwargs: mode: expected a name, got {mode!r}")
    most = FAMILIES[family].max_tiles
    if tiles is not None and not (isinstance(tiles, int) and 2 <= tiles <= most):
        raise RequestError(f"mm_processor_kwargs: max_tiles: expected 2 to {most}, got {tiles!r}")
    try:
        return make_views(image, resolve_mode(mode, tiles, family))
    except UsageError as error:
        raise RequestError(f"mm_processor_kwargs: {error}") from None
