"""Compares this project with the official code on the same random weights, stage by stage.

    git clone https://github.com/deepseek-ai/DeepSeek-OCR; git clone https://github.com/deepseek-ai/DeepSeek-OCR-2
    python -m parity.stages --official DeepSeek-OCR --official2 DeepSeek-OCR-2 [--full-width]

Prints a markdown table: the largest error of each stage relative to the largest expected value.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fixtures import recipe
from fixtures.recipe import Case
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.families import NGRAM_WHITELIST, OCR2, PROMPTS
from ocr_engine.families.tiling import visual_tokens
from ocr_engine.families.views import make_views
from ocr_engine.model.deep_encoder import normalize
from ocr_engine.model.query_tower import QueryVisionTower
from ocr_engine.model.vision_tower import VisionTower
from ocr_engine.records import PageViews
from parity.official_code import Official

NANO = Path(__file__).parents[1] / "ocr_engine/model/nano"
GOLDEN = Path(__file__).parents[1] / "tests/data/deep_encoder_golden.npz"
PROMPT = PROMPTS["markdown"]
TOKEN_STRIDE = 5
PIXEL_STRIDE_PX = 37


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    dtype: str
    tokens: int
    pixels_equal: bool
    layout_equal: bool
    sam: float
    second: float
    features: float

    def __str__(self) -> str:
        said = {True: "equal", False: "DIFFERS"}
        errors = " | ".join(f"{value:.1e}" for value in (self.sam, self.second, self.features))
        return (
            f"| {self.case} | {self.dtype} | {self.tokens} | {said[self.pixels_equal]}"
            f" | {said[self.layout_equal]} | {errors} |"
        )


HEADER = """\
| mode | dtype | visual tokens | pixels | prompt ids | SAM | CLIP or queries | features in the prompt |
|---|---|---|---|---|---|---|---|"""


def error(found: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest expected value."""
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return ((found.float() - expected.float()).abs().max() / expected.float().abs().max()).item()


def our_tower(case: Case, full_width: bool) -> tuple[nn.Module, Any]:
    """Our encoder with the recipe's weights, and its config."""
    if case.family == OCR2:
        query = recipe.query_config(full_width)
        return recipe.fill(QueryVisionTower(query, recipe.DECODER_WIDTH)), query
    deep = recipe.config(full_width)
    return recipe.fill(VisionTower(deep, recipe.DECODER_WIDTH)), deep


def our_features(tower: nn.Module, views: PageViews) -> Tensor:
    """(tokens, D) of one page."""
    whole, tiles = torch.from_numpy(views.global_view), torch.from_numpy(views.tiles)
    return tower([whole], [tiles], [torch.tensor(views.grid)])[0]


def our_stages(tower: nn.Module, views: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Outputs of both stages for uint8 views, the second flat: (n, cells, C)."""
    sam = tower.sam_model(normalize(views, dtype))
    if isinstance(tower, QueryVisionTower):
        return sam, tower.qwen2_model(sam)
    return sam, tower.vision_model(sam).flatten(1, 2)


def same_pixels(views: PageViews, pixels: Tensor, tiles: Tensor) -> bool:
    """Whether both views, normalised, equal the official processor's bit for bit."""
    whole = normalize(torch.from_numpy(views.global_view), torch.float32).permute(2, 0, 1)
    if not torch.equal(whole, pixels[0]):
        return False
    if not len(views.tiles):
        return not tiles.any()
    return torch.equal(normalize(torch.from_numpy(views.tiles), torch.float32).permute(0, 3, 1, 2), tiles[0])


def compare(
    official: Official, case: Case, prompts: PromptEncoder, image_id: int, full_width: bool
) -> list[Row]:
    """One page in both precisions."""
    page = recipe.picture(*case.size)
    views = make_views(page, case.mode)
    assert views.grid == case.grid, (case, views.grid)
    count = visual_tokens(*case.size, case.mode)
    ids, pixels, tiles, grid = official.process(page, case.mode, PROMPT)
    ours = [i for token in prompts.encode(PROMPT) for i in [token] * (count if token == image_id else 1)]
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        tower, config = our_tower(case, full_width)
        tower = tower.to(dtype)
        reference = official.tower(case.mode, tower, config)
        first = pixels.to(dtype)
        sam, second = our_stages(tower, torch.from_numpy(views.global_view)[None], dtype)
        their_sam = reference.sam_model(first)
        their_second = (
            reference.second(their_sam) if case.family == OCR2 else reference.second(first, their_sam)[:, 1:]
        )
        (features,) = reference.lay_out(first[None], tiles[None], grid[None])
        rows.append(
            Row(
                case.name,
                str(dtype).removeprefix("torch."),
                count,
                same_pixels(views, pixels, tiles),
                ours == ids,
                error(sam, their_sam),
                error(second, their_second),
                error(our_features(tower, views), features),
            )
        )
        if dtype == torch.float32:
            GOLDEN_VECTORS[case.name] = (views, features)
    return rows


GOLDEN_VECTORS: dict[str, tuple[PageViews, Tensor]] = {}


def write_golden() -> None:
    """Official features (every fifth token and the last) and official pixels (a sparse grid), by case."""
    arrays = {}
    for name, (views, features) in GOLDEN_VECTORS.items():
        if name in {case.name for case in recipe.CASES}:
            arrays[f"{name}: features"] = features[:-1:TOKEN_STRIDE].numpy()
            arrays[f"{name}: last"] = features[-1].numpy()
            arrays[f"{name}: global view"] = views.global_view[::PIXEL_STRIDE_PX, ::PIXEL_STRIDE_PX]
            arrays[f"{name}: tiles"] = views.tiles[:, ::PIXEL_STRIDE_PX, ::PIXEL_STRIDE_PX]
    GOLDEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN, **arrays)
    print(f"{GOLDEN}: {GOLDEN.stat().st_size:,} bytes", file=sys.stderr)


def tokenizer() -> Any:
    """The nano checkpoint's, as the official code calls it."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(NANO)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--official", type=Path, help="checkout of deepseek-ai/DeepSeek-OCR")
    parser.add_argument("--official2", type=Path, help="checkout of deepseek-ai/DeepSeek-OCR-2")
    parser.add_argument("--full-width", action="store_true", help="official widths, two layers a stage")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--write-golden", action="store_true", help=f"write {GOLDEN.name}")
    arguments = parser.parse_args()
    words = tokenizer()
    prompts = PromptEncoder(NANO, NGRAM_WHITELIST)
    print(HEADER)
    first = (*recipe.CASES, *recipe.CASES_LONG)
    for checkout, cases in ((arguments.official, first), (arguments.official2, recipe.CASES_OCR2)):
        if checkout is None:
            continue
        official = Official(checkout, words)
        for case in (case for case in cases if arguments.only in case.name):
            with torch.inference_mode():
                for row in compare(official, case, prompts, words.vocab["<image>"], arguments.full_width):
                    print(row, flush=True)
    if arguments.write_golden and not arguments.full_width:
        write_golden()


if __name__ == "__main__":
    main()
