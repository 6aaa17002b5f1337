"""A small DeepSeek-OCR with weights and pages made from numbers alone, the same on every machine.

Shared by the tests and by `parity/stages.py`, which runs the official code on it.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ocr_engine.families import OCR, OCR2, Mode, resolve_mode
from ocr_engine.model.encoder_config import DeepEncoderConfig, QueryDeepEncoderConfig
from ocr_engine.model.vision_tower import VisionTower

DECODER_WIDTH = 8
# The official code fixes the channels of the compressor and the width of what follows it.
SAM = {"width": 32, "layers": 2, "heads": 2, "global_attn_indexes": [1], "downsample_channels": [512, 1024]}
CLIP = {"width": 1024, "layers": 1, "heads": 16, "ffn": 512, "image_size": 224, "patch_size": 14}
QUERY = {"dim": 896, "layers": 1, "ffn": 512}
FULL_SAM = {**SAM, "width": 768, "heads": 12}
FULL_CLIP = {**CLIP, "layers": 2, "ffn": 4096}
FULL_QUERY = {**QUERY, "layers": 2, "ffn": 4864}


@dataclass(frozen=True)
class Case:
    """One page in one mode."""

    name: str
    mode_name: str
    size: tuple[int, int]
    grid: tuple[int, int]
    max_tiles: int = 6
    family: str = OCR

    @property
    def mode(self) -> Mode:
        return resolve_mode(self.mode_name, self.max_tiles, self.family)


CASES = (
    Case("tiny", "tiny", (300, 400), (1, 1)),
    Case("small", "small", (900, 700), (1, 1)),
    Case("base", "base", (595, 842), (1, 1)),
    Case("large", "large", (1684, 1190), (1, 1)),
    Case("gundam, no tiles", "gundam", (640, 480), (1, 1)),
    Case("gundam, 2 tiles", "gundam", (1920, 1080), (2, 1)),
    Case("gundam, 3 tiles", "gundam", (500, 1500), (1, 3)),
    Case("gundam, 4 tiles", "gundam", (1000, 990), (2, 2)),
    Case("gundam, 5 tiles", "gundam", (2500, 500), (5, 1)),
    Case("gundam, 6 tiles", "gundam", (1190, 1684), (2, 3)),
    Case("gundam, 8 of 9 tiles", "gundam", (1920, 1080), (4, 2), 9),
    Case("gundam-m, 2 tiles", "gundam-m", (1080, 1920), (1, 2)),
)
CASES_LONG = (
    Case("gundam-m, 3 tiles", "gundam-m", (500, 1500), (1, 3)),
    Case("gundam-m, 4 tiles", "gundam-m", (1000, 990), (2, 2)),
    Case("gundam-m, 6 tiles", "gundam-m", (1190, 1684), (2, 3)),
)
"""Compared by the script alone: they take long, and have no golden vectors."""
CASES_OCR2 = (
    Case("OCR-2 small", "small", (900, 700), (1, 1), family=OCR2),
    Case("OCR-2 base", "base", (595, 842), (1, 1), family=OCR2),
    Case("OCR-2 gundam, no tiles", "gundam", (768, 700), (1, 1), family=OCR2),
    Case("OCR-2 gundam, 2 tiles", "gundam", (1920, 1080), (2, 1), family=OCR2),
    Case("OCR-2 gundam, 3 tiles", "gundam", (500, 1500), (1, 3), family=OCR2),
    Case("OCR-2 gundam, 4 tiles", "gundam", (1000, 990), (2, 2), family=OCR2),
    Case("OCR-2 gundam, 5 tiles", "gundam", (2500, 500), (5, 1), family=OCR2),
    Case("OCR-2 gundam, 6 tiles", "gundam", (1190, 1684), (2, 3), family=OCR2),
)


def config(full_width: bool = False) -> DeepEncoderConfig:
    """Both stages at the official widths, fewer layers; or narrow where the official code allows it."""
    sam, clip = (FULL_SAM, FULL_CLIP) if full_width else (SAM, CLIP)
    return DeepEncoderConfig.from_vision_config({"sam_vit_b": sam, "clip-l-14-224": clip})


def query_config(full_width: bool = False) -> QueryDeepEncoderConfig:
    """The same for DeepSeek-OCR-2."""
    sam, query = (FULL_SAM, FULL_QUERY) if full_width else (SAM, QUERY)
    return QueryDeepEncoderConfig.from_vision_config({"sam_vit_b": sam, "qwen2-0-5b": query})


def weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers for a tensor, from its name: norms near 1, vectors near 0, matrices that keep the scale."""
    # RandomState's stream is frozen for ever, the newer generators' is not.
    numbers = np.random.RandomState(zlib.crc32(name.encode())).random_sample(shape).astype(np.float32)
    tensor = torch.from_numpy(2 * numbers - 1)
    if "norm" in name and name.endswith(".weight") or name.startswith("sam_model.neck") and len(shape) == 1:
        return 1 + 0.1 * tensor
    if len(shape) == 1 or "pos" in name or "query" in name or "class_embedding" in name:
        return 0.5 * tensor
    return tensor * (3 / tensor[0].numel()) ** 0.5


def fill(module: nn.Module, prefix: str = "") -> nn.Module:
    """The module with every parameter from `weight`, by its official name."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(weight(prefix + name, tuple(parameter.shape)))
    return module.eval()


def tower() -> VisionTower:
    """The small vision tower."""
    return fill(VisionTower(config(), DECODER_WIDTH))


def picture(width: int, height: int) -> Image.Image:
    """A page of noise at two scales over a slope, so that no two regions are alike."""
    random = np.random.RandomState(width * 7919 + height)
    coarse = random.randint(0, 128, (-(-height // 16), -(-width // 16), 3)).repeat(16, 0).repeat(16, 1)
    fine = random.randint(0, 64, (height, width, 3))
    slope = np.linspace(0, 63, width * height).reshape(height, width, 1)
    return Image.fromarray((coarse[:height, :width] + fine + slope).astype(np.uint8))
