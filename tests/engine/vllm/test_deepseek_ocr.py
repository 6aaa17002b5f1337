"""The model as vLLM builds it; what it answers is tested through the engine."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from torch import nn

from fixtures.checkpoints import encoder
from ocr_engine.engine.sizes import ENCODER_PX_KEY
from ocr_engine.engine.vllm import deepseek_ocr
from ocr_engine.engine.vllm.deepseek_ocr import DeepseekOCRForCausalLM
from ocr_engine.engine.vllm.deepseek_ocr2 import DeepseekOCR2ForCausalLM
from ocr_engine.families import OCR, OCR2


@pytest.mark.parametrize(("family", "kind"), [(OCR, DeepseekOCRForCausalLM), (OCR2, DeepseekOCR2ForCausalLM)])
@pytest.mark.parametrize(("told", "expected"), [({ENCODER_PX_KEY: 2 << 20}, 2 << 20), ({}, 0)])
def test_the_engine_says_how_many_pixels_are_encoded_at_once(
    monkeypatch: pytest.MonkeyPatch, family: str, kind: Any, told: dict[str, int], expected: int
) -> None:
    _, config, widths = encoder(family)
    decoder = nn.Module()
    decoder.make_empty_intermediate_tensors = None
    monkeypatch.setattr(deepseek_ocr, "init_vllm_registered_model", lambda **_: decoder)
    for mark in ("_mark_tower_model", "_mark_language_model"):
        monkeypatch.setattr(kind, mark, lambda *_: nullcontext())
    hf_config = SimpleNamespace(
        vision_config=SimpleNamespace(width=widths),
        projector_config=SimpleNamespace(projector_type="linear", input_dim=config.width, n_embed=64),
        tile_tag="2D",
        global_view_pos="head",
        text_config=None,
    )
    model_config = SimpleNamespace(hf_config=hf_config, enforce_eager=False)
    vllm_config = SimpleNamespace(model_config=model_config, additional_config=told)
    assert kind(vllm_config=vllm_config).vision_tower.batch_px == expected
