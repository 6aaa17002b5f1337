"""Pages on their way through vLLM to the model."""

import numpy as np
import pytest

pytest.importorskip("vllm", reason="needs vllm")

import torch

from ocr_engine.engine.vllm.processor import PageViewsParser
from ocr_engine.engine.vllm.view_tensors import FIELDS, joined, tensors_of
from ocr_engine.families import OCR
from ocr_engine.records import PageViews


@pytest.mark.parametrize("channels", [(3, 3), (1, 3), (1, 1)])
def test_pages_reach_the_model_as_they_were_sent_and_apart(channels: tuple[int, int]) -> None:
    """Through vLLM's messages between its processes and its batching of a step's pages, not to its device."""
    from vllm.multimodal.inputs import MultiModalKwargsItem
    from vllm.multimodal.utils import group_and_batch_mm_kwargs
    from vllm.v1.serial_utils import MsgpackDecoder, MsgpackEncoder

    chance, items, sent = np.random.default_rng(0), [], []
    for count in channels:
        tiles = chance.integers(0, 256, (2, 640, 640, count), np.uint8)
        page = PageViews(chance.integers(0, 256, (1024, 1024, count), np.uint8), tiles, (2, 1))
        sent.append(page)
        parsed = PageViewsParser(OCR)._parse_image_data(tensors_of(page))
        message = MsgpackEncoder().encode(parsed._kwargs["image"][0])
        items.append(
            ("image", MsgpackDecoder(MultiModalKwargsItem).decode([bytearray(part) for part in message]))
        )
    ((_, number, fields),) = group_and_batch_mm_kwargs(items, device=torch.device("meta"))
    assert number == 2
    for page, *found in zip(sent, *(joined(fields[name]) for name in FIELDS), strict=True):
        wanted = page.global_view, page.tiles, np.array(page.grid)
        assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))
