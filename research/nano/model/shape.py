"""The sizes of nano in one place; the official config layout is written from them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SamShape:
    """The high-resolution encoder (SAM ViT with a convolutional neck that divides by four)."""

    width: int = 192
    layers: int = 6
    heads: int = 3
    global_layers: tuple[int, ...] = (2, 5)
    neck: int = 128
    down: tuple[int, int] = (192, 320)
    window: int = 14
    image: int = 1024
    patch: int = 16


@dataclass(frozen=True)
class ClipShape:
    """The second encoder, over the neck's output; its width equals the last of SamShape.down."""

    width: int = 320
    layers: int = 3
    heads: int = 5
    inner: int = 1024


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

    sam: SamShape = SamShape()
    clip: ClipShape = ClipShape()
    decoder: DecoderShape = DecoderShape()


MAX_POSITIONS = 4096
TINY = Shape(
    SamShape(width=64, layers=2, heads=1, global_layers=(1,), neck=16, down=(24, 32)),
    ClipShape(width=32, layers=1, heads=1, inner=64),
    DecoderShape(hidden=64, layers=5, heads=1, inner=64, expert_inner=32, experts=4),
)
"""For tests: seconds on a CPU, reads nothing."""
