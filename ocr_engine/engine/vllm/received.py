"""Views that a client sends to vLLM's server: arrays in numpy's file format, checked before memory is taken.

vLLM would also read what `torch.load` does. A page needs none of it, so nothing else is taken for our models.
"""

import asyncio
import binascii
import io
import math
import sys
from functools import wraps
from typing import Any

import numpy as np
import pybase64
import torch
from numpy.lib import format as numpy_format
from torch import Tensor

from ocr_engine.engine.vllm.internals import MEDIA_CONNECTOR_REGISTRY, VLLMValidationError, envs
from ocr_engine.engine.vllm.view_tensors import global_sizes_px, tile_sizes_px
from ocr_engine.errors import RequestError
from ocr_engine.families import FAMILIES

npy: Any = numpy_format  # it has no types
_DTYPES = (np.dtype(np.uint8), np.dtype(np.int64))
_CHANNELS, _MAX_DIMENSIONS = 3, 5
_HEADER_BYTES = 1024


class RefusedPageError(RequestError, VLLMValidationError):
    """A page that vLLM's own server answers with status 400."""


def _largest_array_bytes() -> int:
    tiles = (FAMILIES[family].max_tiles * px**2 for family in FAMILIES for _, px in tile_sizes_px(family))
    views = (px**2 for family in FAMILIES for px in global_sizes_px(family))
    return _CHANNELS * max(*tiles, *views)


MAX_BYTES = _largest_array_bytes() + _HEADER_BYTES
"""Of one file: the most pixels that a page has in any mode."""


def array_of(text: str) -> Tensor:
    """The array in base64 of an .npy file of uint8 or int64, without a copy.

    Raises:
        RefusedPageError: no such file, another type, or larger than any page's.
    """
    if len(text) > 4 * MAX_BYTES // 3 + 4:
        raise RefusedPageError(f"image_embeds: over {MAX_BYTES:,} bytes, which no page needs")
    try:
        data = pybase64.b64decode_as_bytearray(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedPageError("image_embeds: not in base64") from None
    shape, dtype, start = _header(data)
    if dtype not in _DTYPES or len(shape) > _MAX_DIMENSIONS or not all(0 <= n <= MAX_BYTES for n in shape):
        raise RefusedPageError(
            f"image_embeds: expected uint8 or int64, no more than a page and {_MAX_DIMENSIONS} dimensions"
        )
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise RefusedPageError("image_embeds: the .npy file is not as long as its header says")
    return torch.from_numpy(np.frombuffer(data, dtype, offset=start).reshape(shape))


def _header(data: bytearray) -> tuple[tuple[int, ...], "np.dtype[Any]", int]:
    """Shape, type and the place of the first value."""
    file = io.BytesIO(data[:_HEADER_BYTES])
    try:
        if npy.read_magic(file) != (1, 0):
            raise ValueError("another version")
        shape, fortran_order, dtype = npy.read_array_header_1_0(file)
    except Exception as error:  # the header is a Python literal: whatever it breaks, it is none of ours
        raise RefusedPageError("image_embeds: expected numpy's .npy format, version 1.0") from error
    if fortran_order:
        raise RefusedPageError("image_embeds: expected rows in C order")
    return shape, dtype, file.tell()


class _ArraysOnly:
    """What vLLM's server fetches media with, in front of the class it would take."""

    def fetch_image_embedding(self, data: str) -> Tensor:
        """See `array_of`."""
        return array_of(data)

    async def fetch_image_embedding_async(self, data: str) -> Tensor:
        """See `array_of`."""
        return await asyncio.to_thread(array_of, data)


def install() -> None:
    """Read views as `array_of` does from now on, in this process, which serves one of our models."""
    connector = MEDIA_CONNECTOR_REGISTRY.name2class.get(envs.VLLM_MEDIA_CONNECTOR)
    if connector is None or issubclass(connector, _ArraysOnly):
        return
    ours = type(connector.__name__, (_ArraysOnly, connector), {})
    MEDIA_CONNECTOR_REGISTRY.register(envs.VLLM_MEDIA_CONNECTOR)(ours)
    _refuse_what_is_no_array()


def _refuse_what_is_no_array() -> None:
    """vLLM takes the values of `image_embeds` for tensors, and answers a number with status 500."""
    from ocr_engine.engine.vllm.internals import BaseMultiModalItemTracker

    module: Any = sys.modules[BaseMultiModalItemTracker.__module__]
    merge = getattr(module, "_merge_embeds", None)
    if merge is None:
        return

    @wraps(merge)
    def checked(items: list[dict[str, Any]], *rest: Any) -> Any:
        for name, value in ((name, value) for item in items for name, value in item.items()):
            if not isinstance(value, Tensor):
                raise RefusedPageError(f"image_embeds: {name}: expected a string, got {type(value).__name__}")
        return merge(items, *rest)

    module._merge_embeds = checked
