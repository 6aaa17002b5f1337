"""The tensors worked out from a config are those that the model's own modules have."""

import json

import pytest
import torch
from safetensors import safe_open

from fixtures.checkpoints import NANO, official_config, official_weights
from ocr_engine.engine.weights import differences, expected_tensors
from ocr_engine.families import FAMILIES, OCR, OCR2, UNLIMITED
from ocr_engine.model.encoder_config import DeepEncoderConfig, QueryDeepEncoderConfig
from ocr_engine.model.query_tower import QueryVisionTower
from ocr_engine.model.vision_tower import VisionTower

SAM = {"downsample_channels": [512, 1024], "global_attn_indexes": [2, 5, 8, 11], "heads": 12, "layers": 12}
CLIP = {"heads": 16, "image_size": 224, "layers": 24, "patch_size": 14, "width": 1024}
VISION = {
    OCR: {"sam_vit_b": {**SAM, "width": 768}, "clip-l-14-224": CLIP},
    UNLIMITED: {"sam_vit_b": {**SAM, "width": 768}, "clip-l-14-224": CLIP},
    OCR2: {"sam_vit_b": {**SAM, "width": 768}, "qwen2-0-5b": {"dim": 896}},
}
LANGUAGE = {
    "first_k_dense_replace": 1, "hidden_size": 1280, "intermediate_size": 6848, "moe_intermediate_size": 896,
    "n_routed_experts": 64, "n_shared_experts": 2, "num_attention_heads": 10, "num_hidden_layers": 12,
    "num_key_value_heads": 10, "vocab_size": 129280,
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_small_official_checkpoints_hold_exactly_these(family):
    found = {name: tuple(tensor.shape) for name, tensor in official_weights(family).items()}
    assert found == expected_tensors(official_config(family), family)


def test_nano_holds_exactly_these():
    with safe_open(NANO / "model.safetensors", "pt") as file:
        found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert differences(found, json.loads((NANO / "config.json").read_text()), OCR) == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_full_size_towers_have_exactly_these(family):
    widths = VISION[family]
    with torch.device("meta"):
        if family == OCR2:
            tower = QueryVisionTower(QueryDeepEncoderConfig.from_vision_config(widths), 1280)
        else:
            tower = VisionTower(DeepEncoderConfig.from_vision_config(widths), 1280)
    of_modules = {f"model.{name}": tuple(tensor.shape) for name, tensor in tower.state_dict().items()}
    config = {
        "language_config": LANGUAGE,
        "vision_config": {"width": widths},
        "projector_config": {"input_dim": 896 if family == OCR2 else 2048},
    }
    expected = expected_tensors(config, family)
    language = {
        name for name in expected if name.startswith(("model.layers.", "model.embed", "model.norm", "lm_"))
    }
    assert {name: shape for name, shape in expected.items() if name not in language} == of_modules
    # 3 matrices an expert, one gate, 3 shared, 4 of attention, 2 norms; the first layer is dense.
    assert len(language) == 11 * (3 * 64 + 1 + 3 + 4 + 2) + (3 + 4 + 2) + 3
