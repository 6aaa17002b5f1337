"""The nano checkpoint's vision tower in float32, without vLLM."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import ocr_engine.model
from ocr_engine.model.deep_encoder import UNUSED_WEIGHTS
from ocr_engine.model.encoder_config import DeepEncoderConfig
from ocr_engine.model.vision_tower import VisionTower

NANO = Path(ocr_engine.model.__file__).parent / "nano"


@pytest.fixture(scope="session")
def tower() -> VisionTower:
    config = json.loads((NANO / "config.json").read_text())
    sizes = DeepEncoderConfig.from_vision_config(config["vision_config"]["width"])
    model = VisionTower(sizes, config["projector_config"]["n_embed"])
    weights = {
        name.removeprefix("model."): tensor.float()
        for name, tensor in load_file(NANO / "model.safetensors").items()
        if not name.startswith(("model.layers.", "model.embed_tokens.", "model.norm.", "lm_head."))
    }
    for name in UNUSED_WEIGHTS:
        weights.pop(f"vision_model.{name}", None)
    model.load_state_dict(weights)
    return model.eval()


@pytest.fixture
def page():
    """Views with some structure: (base, tile, grid) -> the fields of one page."""

    def make(base_px, tile_px=0, grid=(1, 1), seed=0):
        random = np.random.default_rng(seed)
        count = grid[0] * grid[1] if tile_px else 0

        def pixels(shape):
            return torch.from_numpy(random.integers(0, 256, shape, dtype=np.uint8))

        return {
            "global_views": pixels((1, base_px, base_px, 3)),
            "tiles": pixels((1, count, tile_px, tile_px, 3)),
            "grids": torch.tensor([grid]),
        }

    return make
