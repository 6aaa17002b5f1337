"""Writes the golden page of a checkpoint: what the engine must read it as whenever it starts.

    python -m research.make_self_test [--model ocr_engine/model/nano] [--lines "..." "..."]

To be run again when the weights change. Draws a page of clear print, reads it in float32 and in bfloat16, and
refuses a page whose answers differ, or where another token came close: such a page would fail without cause.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench import in_process
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.engine.self_test import GOLDEN_FILE, GOLDEN_PAGE
from ocr_engine.families import FAMILIES, PROMPTS
from ocr_engine.records import PageViews

NANO = Path(__file__).parents[1] / "ocr_engine/model/nano"
LINES = ("A letter from the city", "came in the morning.")
PROMPT = PROMPTS["free"]
MAX_TOKENS = 48
MIN_MARGIN = 1.0
"""Natural logarithm of how much likelier each token must be than the next best."""


def page(side_px: int, lines: list[str]) -> Image.Image:
    """Large black print on white."""
    image = Image.new("L", (side_px, side_px), 255)
    font = ImageFont.load_default(side_px // 14)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((side_px // 10, side_px // 8 + number * side_px // 9), line, 0, font)
    return image


def read(folder: Path, pixels: Any, dtype: str) -> tuple[list[int], float]:
    """Greedy token ids, and the smallest margin of one over the next best."""
    llm = in_process.start(
        folder, {"VLLM_CPU_KVCACHE_SPACE": "1"}, dtype=dtype, max_model_len=2048, max_num_seqs=1
    )
    from vllm import SamplingParams

    prompts = PromptEncoder(folder, ())
    views = PageViews(pixels, np.empty((0, *pixels.shape), np.uint8), (1, 1))
    sampling = SamplingParams(
        temperature=0.0,
        max_tokens=MAX_TOKENS,
        stop_token_ids=[prompts.eos_id],
        detokenize=False,
        logprobs=2,
    )
    prompt = in_process.request(prompts.encode(PROMPT), views)
    answer = llm.generate([prompt], sampling, use_tqdm=False)[0].outputs[0]
    values = [sorted((choice.logprob for choice in row.values()), reverse=True) for row in answer.logprobs]
    print(f"{dtype}: {prompts.decode(answer.token_ids)[0]!r}")
    return list(answer.token_ids), min(best - second for best, second, *_ in values)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=NANO, help="checkpoint folder; default: nano")
    parser.add_argument("--lines", nargs="+", default=LINES, help="what stands on the page")
    arguments = parser.parse_args()
    checkpoint = resolve("nano" if arguments.model == NANO else str(arguments.model))
    side_px = min(mode.base_size_px for mode in FAMILIES[checkpoint.family].modes.values())
    image = page(side_px, arguments.lines)
    pixels = np.array(image.convert("RGB"))
    answers = {dtype: read(checkpoint.folder, pixels, dtype) for dtype in ("float32", "bfloat16")}
    margin = min(margin for _, margin in answers.values())
    token_ids = answers["float32"][0]
    if token_ids != answers["bfloat16"][0] or margin < MIN_MARGIN:
        sys.exit(
            f"not written: answers differ, or the margin {margin:.2f} is under {MIN_MARGIN}; try --lines"
        )
    image.save(checkpoint.folder / GOLDEN_PAGE, optimize=True)
    values = {"model_id": checkpoint.model_id, "prompt": PROMPT, "token_ids": token_ids}
    (checkpoint.folder / GOLDEN_FILE).write_text(json.dumps(values) + "\n", encoding="utf-8")
    print(f"{checkpoint.folder / GOLDEN_FILE}: {len(token_ids)} tokens, smallest margin {margin:.2f}")


if __name__ == "__main__":
    main()
