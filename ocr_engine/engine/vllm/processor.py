"""vLLM's multimodal processor for pages: counts tokens, batches fields. Calls no Hugging Face processor.

A request carries `multi_modal_data={"image": {...}}` with the fields of `views.check_views`; vLLM calls
such inputs embeddings, so the engine needs `enable_mm_embeds=True`. An image is cut into views by
`images.cut`, as its `mm_processor_kwargs` say.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor
from transformers.feature_extraction_utils import BatchFeature

from ocr_engine.engine.vllm import received
from ocr_engine.engine.vllm.internals import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    DictEmbeddingItems,
    ImageProcessorItems,
    MediaWithBytes,
    MultiModalDataItems,
    MultiModalDataParser,
    MultiModalDummyOptions,
    MultiModalFieldConfig,
    MultiModalKwargsItems,
    PromptReplacement,
    PromptUpdate,
)
from ocr_engine.engine.vllm.page_images import views_of_images
from ocr_engine.engine.vllm.received import RefusedPageError
from ocr_engine.engine.vllm.view_tensors import (
    FIELDS,
    blank_pages,
    check_views,
    count_tokens,
    joined,
    largest_page,
    one_by_one,
    tensors_of,
)
from ocr_engine.errors import RequestError
from ocr_engine.families import FAMILIES, OCR, OCR2, TOKENS, UNLIMITED


def _fields(_: Mapping[str, Any]) -> Mapping[str, MultiModalFieldConfig]:
    # Not vLLM's flat layout for tiles: it pads tiles of different sizes to the largest of the step.
    return {name: MultiModalFieldConfig.batched("image", keep_on_cpu=True) for name in FIELDS}


class PageViewsParser(MultiModalDataParser):
    """Takes the views or the images of the pages of a request."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self._family = family

    def _parse_image_data(self, data: Any) -> DictEmbeddingItems | ImageProcessorItems:
        """Raises RequestError naming what is wrong with the views."""
        images = [_plain(item) for item in (data if isinstance(data, list) else [data])]
        if all(isinstance(image, Image) for image in images):
            return ImageProcessorItems(images)
        if not isinstance(data, Mapping):
            raise RefusedPageError(f"image: expected views of a page or an image, got {type(data).__name__}")
        _check_dense(data)
        with _refusals():
            check_views(data, self._family)
        return DictEmbeddingItems(one_by_one(data), "image", set(FIELDS), _fields)


def _check_dense(data: Mapping[str, object]) -> None:
    """A tensor without values, or a sparse one, is no page and would fail in the engine."""
    for name, value in data.items():
        if isinstance(value, Tensor) and (value.layout is not torch.strided or value.device.type != "cpu"):
            raise RefusedPageError(
                f"{name}: expected a plain tensor on the CPU, got {value.layout} on {value.device.type}"
            )


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except RequestError as error:
        raise RefusedPageError(str(error)) from None


def _plain(item: object) -> object:
    """An image that came over HTTP is wrapped with its bytes."""
    return item.media if isinstance(item, MediaWithBytes) else item


class PageInfo(BaseProcessingInfo):
    """What vLLM asks before any request: limits and token counts."""

    family = OCR

    def get_data_parser(self) -> MultiModalDataParser:
        """The parser of page views."""
        return PageViewsParser(self.family)

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Pages a request."""
        return {"image": FAMILIES[self.family].max_pages}

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:
        """Visual tokens of the largest page."""
        return {"image": largest_page(self.family)[1]}

    @property
    def image_token_id(self) -> int:
        """Id of `<image>` in this checkpoint's vocabulary."""
        return self.get_tokenizer().get_vocab()[TOKENS.image]


class QueryPageInfo(PageInfo):
    """The same for DeepSeek-OCR-2."""

    family = OCR2


class UnlimitedPageInfo(PageInfo):
    """The same for Unlimited-OCR."""

    family = UNLIMITED


class PageDummyInputs(BaseDummyInputsBuilder[PageInfo]):
    """The largest page, for vLLM's memory profiling."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """One placeholder a page."""
        return TOKENS.image * mm_counts.get("image", 0)

    def get_dummy_mm_data(
        self, seq_len: int, mm_counts: Mapping[str, int], mm_options: MultiModalDummyOptions
    ) -> Mapping[str, Any]:
        """Blank views: the largest page, or so many as are read together."""
        count = mm_counts.get("image", 0)
        views = largest_page(self.info.family)[0] if count < 2 else blank_pages(count, self.info.family)
        return {"image": views}


class PageProcessor(BaseMultiModalProcessor[PageInfo]):
    """Replaces `<image>` in the prompt by one placeholder a visual token."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        received.install()

    def _get_mm_fields_config(
        self, hf_inputs: Any, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        return _fields(hf_inputs)

    def _call_hf_processor(
        self, hf_data: Mapping[str, object], hf_kwargs: Mapping[str, object]
    ) -> BatchFeature:
        """Cut the views of the request's images; raises RequestError for wrong options."""
        images = hf_data["images"]
        assert isinstance(images, list)
        with _refusals():
            data = tensors_of(*views_of_images(images, hf_kwargs, self.info.family))
            return BatchFeature(one_by_one(data))

    def _get_prompt_updates(
        self,
        mm_items: MultiModalDataItems,
        hf_processor_mm_kwargs: Mapping[str, object],
        out_mm_kwargs: MultiModalKwargsItems,
    ) -> Sequence[PromptUpdate]:
        image_token_id = self.info.image_token_id

        def placeholders(index: int) -> list[int]:
            page = out_mm_kwargs["image"][index].get_data()
            view, tiles, grid = joined([page[name] for name in FIELDS])
            return [image_token_id] * count_tokens(view, tiles, grid, self.info.family)

        return [PromptReplacement("image", [image_token_id], placeholders)]
