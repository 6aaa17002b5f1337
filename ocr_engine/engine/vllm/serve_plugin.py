"""What `vllm serve` learns from this project beside the model class: pages as images, modes, guard, views.

The plug-in `ocr_engine_serving` calls `register` in every vLLM process; other models are not touched.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ocr_engine.engine.guard_args import set_vocabulary
from ocr_engine.errors import RequestError, UsageError
from ocr_engine.families.views import make_views
from ocr_engine.records import PageViews
from ocr_engine.spec import MAX_TILES_LIMIT, MAX_TILES_OCR2, OCR, OCR2, resolve_mode

if TYPE_CHECKING:
    from PIL.Image import Image

ARCHITECTURES = ("DeepseekOCRForCausalLM", "DeepseekOCR2ForCausalLM")
GUARDS = {
    True: "ocr_engine.engine.vllm.guard_v2:DeviceNgramGuard",
    False: "ocr_engine.engine.vllm.guard_v1:NgramGuard",
}
"""The guard for vLLM's V2 model runner and for the V1 runner; each refuses the other's."""
DEFAULT_MODE = "gundam"
DEFAULT_TILES = 6
VIEWS_KEY = "ocr_engine_views"
"""In vLLM's `additional_config`: false keeps a server from taking ready views, PNG alone."""
_OPTIONS = {"mode", "max_tiles"}
_MAX_TILES = {OCR: MAX_TILES_LIMIT, OCR2: MAX_TILES_OCR2}


def register() -> None:
    """Teach vLLM to take page images for our architectures, and to guard and configure them by default."""
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP

    from ocr_engine.model.images import set_cutter

    set_cutter(views_of_image)
    MODELS_CONFIG_MAP.update(dict.fromkeys(ARCHITECTURES, ServedDefaults))


def views_of_image(image: "Image", options: Mapping[str, object], family: str) -> PageViews:
    """The views of an image sent to a server, cut as `batch_images.py` does.

    Args:
        image: any mode; transparency is put on white by vLLM's image loader.
        options: the request's `mm_processor_kwargs`: `mode` (gundam) and `max_tiles` (6), nothing else.

    Raises:
        RequestError: an unknown option, mode or number of tiles.
    """
    unknown = sorted(options.keys() - _OPTIONS)
    mode, tiles = options.get("mode", DEFAULT_MODE), options.get("max_tiles", DEFAULT_TILES)
    if unknown:
        raise RequestError(
            f"mm_processor_kwargs: {unknown[0]}: unknown (one of: {', '.join(sorted(_OPTIONS))})"
        )
    if not isinstance(mode, str):
        raise RequestError(f"mm_processor_kwargs: mode: expected a name, got {mode!r}")
    if not isinstance(tiles, int) or not 2 <= tiles <= _MAX_TILES[family]:
        raise RequestError(
            f"mm_processor_kwargs: max_tiles: expected 2 to {_MAX_TILES[family]}, got {tiles!r}"
        )
    try:
        return make_views(image, resolve_mode(mode, tiles, family))
    except UsageError as error:
        raise RequestError(f"mm_processor_kwargs: {error}") from None


def _takes_views(additional_config: object) -> bool:
    return not isinstance(additional_config, Mapping) or additional_config.get(VIEWS_KEY, True) is not False


class ServedDefaults:
    """vLLM's hook for an architecture's config: what `vllm serve` then needs no flag for."""

    @staticmethod
    def verify_and_update_config(vllm_config: Any) -> None:
        """Take ready views, and guard requests that ask for it (`vllm_xargs`).

        `additional_config: {"ocr_engine_views": false}` leaves views to vLLM's own `enable_mm_embeds`.
        """
        model = vllm_config.model_config
        set_vocabulary(model.get_vocab_size())
        if model.multimodal_config is not None and _takes_views(vllm_config.additional_config):
            model.multimodal_config.enable_mm_embeds = True
        processors = list(model.logits_processors or ())
        if vllm_config.speculative_config is None and not processors:
            model.logits_processors = [GUARDS[bool(vllm_config.use_v2_model_runner)]]

    @staticmethod
    def verify_and_update_model_config(model_config: Any) -> None:
        """Nothing to change before the whole config is known."""
