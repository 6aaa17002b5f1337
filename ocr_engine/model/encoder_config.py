"""Sizes of a DeepEncoder, read from the `vision_config` of a checkpoint. Numbers only, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

SAM_KEY, CLIP_KEY, QUERY_KEY = "sam_vit_b", "clip-l-14-224", "qwen2-0-5b"
MLP_RATIO = 4
QUERIES = {"query_768": 144, "query_1024": 256}
"""Learned query tables, by their names in the checkpoint: one query a cell of a 768 or 1024 px view."""


@dataclass(frozen=True, slots=True)
class SamConfig:
    """Sizes of the first stage. Defaults are what the official code hard-codes beside its config."""

    width: int
    layers: int
    heads: int
    global_layers: tuple[int, ...]
    downsample: tuple[int, int]
    neck: int = 256
    window: int = 14
    image_px: int = 1024
    patch_px: int = 16


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """Sizes of the second stage. Its patch embedding is never run: features of the first stage replace it."""

    width: int
    layers: int
    heads: int
    ffn: int
    image_px: int = 224
    patch_px: int = 14


@dataclass(frozen=True, slots=True)
class DeepEncoderConfig:
    """Both stages."""

    sam: SamConfig
    clip: ClipConfig

    @property
    def width(self) -> int:
        """Numbers in a feature: both stages side by side."""
        return self.clip.width + self.sam.downsample[1]

    @classmethod
    def from_vision_config(cls, widths: Mapping[str, Mapping[str, Any]]) -> "DeepEncoderConfig":
        """From `vision_config.width` of a checkpoint's config.json.

        Raises:
            ValueError: a key is missing, or the stages do not fit together.
        """
        try:
            sam = _sam_config(widths[SAM_KEY])
            clip = _clip_config(widths[CLIP_KEY])
        except (KeyError, TypeError) as error:
            raise ValueError(f"config.json: vision_config.width lacks {error}") from None
        if sam.downsample[1] != clip.width:
            raise ValueError(f"config.json: SAM ends in {sam.downsample[1]} channels, CLIP has {clip.width}")
        return cls(sam, clip)


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """Sizes of the second stage of DeepSeek-OCR-2. Defaults are hard-coded in the official `qwen2_d2e.py`."""

    width: int
    layers: int = 24
    heads: int = 14
    kv_heads: int = 2
    ffn: int = 4864
    rope_base: float = 1_000_000.0
    eps: float = 1e-6


@dataclass(frozen=True, slots=True)
class QueryDeepEncoderConfig:
    """Both stages of DeepSeek-OCR-2."""

    sam: SamConfig
    query: QueryConfig

    @property
    def width(self) -> int:
        """Numbers in a feature: those of the second stage alone."""
        return self.query.width

    @classmethod
    def from_vision_config(cls, widths: Mapping[str, Mapping[str, Any]]) -> "QueryDeepEncoderConfig":
        """From `vision_config.width` of a checkpoint's config.json.

        The first stage ends in the width of the second whatever the config says, as in the official code.

        Raises:
            ValueError: a key is missing.
        """
        try:
            query = _query_config(widths[QUERY_KEY])
            sam = _sam_config(widths[SAM_KEY])
        except (KeyError, TypeError) as error:
            raise ValueError(f"config.json: vision_config.width lacks {error}") from None
        return cls(replace(sam, downsample=(sam.downsample[0], query.width)), query)


def _query_config(values: Mapping[str, Any]) -> QueryConfig:
    optional = ("layers", "heads", "kv_heads", "ffn", "rope_base", "eps")
    return QueryConfig(values["dim"], **{name: values[name] for name in optional if name in values})


def _sam_config(values: Mapping[str, Any]) -> SamConfig:
    first, second = values["downsample_channels"]
    return SamConfig(
        width=values["width"],
        layers=values["layers"],
        heads=values["heads"],
        global_layers=tuple(values["global_attn_indexes"]),
        downsample=(first, second),
        neck=values.get("neck", 256),
        window=values.get("window_size", 14),
        image_px=values.get("image_size", 1024),
        patch_px=values.get("patch_size", 16),
    )


def _clip_config(values: Mapping[str, Any]) -> ClipConfig:
    width = values["width"]
    return ClipConfig(
        width=width,
        layers=values["layers"],
        heads=values["heads"],
        ffn=values.get("ffn", MLP_RATIO * width),
        image_px=values["image_size"],
        patch_px=values["patch_size"],
    )
