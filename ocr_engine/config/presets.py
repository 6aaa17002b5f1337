"""The official scripts: the settings that make a run equal one of them, and what they write between pages."""

from collections.abc import Mapping
from types import MappingProxyType

from ocr_engine.families import NGRAM_WHITELIST

OFFICIAL_PAGE_SPLIT = "\n\n<--- Page Split --->\n"
"""What the official PDF script writes after every page, the last one included."""


def _preset(size: int, window: int, layout: str, dpi: int = 144) -> Mapping[str, object]:
    return MappingProxyType(
        {
            "engine.ngram.size": size,
            "engine.ngram.window": window,
            "engine.ngram.whitelist": NGRAM_WHITELIST,
            "render.dpi": dpi,
            "quality.loop_abort": False,
            "quality.retries": (),
            "quality.blank_ink": 0.0,
            "output.figures": True,
            "output.layout": layout,
        }
    )


PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "pdf": _preset(20, 50, "official"),
        "image": _preset(30, 90, "official-image"),
        "image2": _preset(20, 90, "official-image"),
        "eval": _preset(40, 90, "official-eval"),
        "eval2": _preset(40, 90, "official-eval2"),
        "unlimited": _preset(35, 128, "tree", dpi=300),
    }
)
"""Config keys that make a run equal an official script's; 2 is DeepSeek-OCR-2, whose PDF script is equal.

Unlimited-OCR's `infer.py` writes the model's own text alone: here those are the pages' raw files.
"""
