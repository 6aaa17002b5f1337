"""The sizes of nano in one place; the official config layout is written from them."""

from dataclasses import dataclass

from ocr_engine.model.encoder_config import ClipConfig, SamConfig

SAM = SamConfig(width=192, layers=6, heads=3, global_layers=(2, 5), downsample=(192, 320), neck=128)
"""The high-resolution encoder (SAM ViT with a convolutional neck that divides by four)."""
CLIP = ClipConfig(width=320, layers=3, heads=5, ffn=1024)
"""The second encoder, over the neck's output; its width equals the last of `SAM.downsample`."""


@dataclass(frozen=True)
class DecoderShape:
    """The mixture-of-experts decoder; the first layer is dense."""

    hidden: int = 320
    layers: int = 5
    heads: int = 5
    inner: int = 1024
    expert_inner: int = 192
    experts: int = 8
    chosen: int = 2
    shared: int = 1
    vocabulary: int = 9216
    theta: float = 10000.0
    epsilon: float = 1e-6


@dataclass(frozen=True)
class Shape:
    """The whole model."""

    sam: SamConfig = SAM
    clip: ClipConfig = CLIP
    decoder: DecoderShape = DecoderShape()


MAX_POSITIONS = 4096
TINY = Shape(
    SamConfig(width=64, layers=2, heads=1, global_layers=(1,), downsample=(24, 32), neck=16),
    ClipConfig(width=32, layers=1, heads=1, ffn=64),
    DecoderShape(hidden=64, layers=5, heads=1, inner=64, expert_inner=32, experts=4),
)
"""For tests: seconds on a CPU, reads nothing."""
