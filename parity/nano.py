"""Compares greedy tokens of nano's training code in plain PyTorch with the same weights on vLLM, in float32.

    python -m parity.nano [--pages 100]

Each side prepares its views from the same page pixels itself. The n-gram guard is off: PyTorch has none.
Draws pages, so `python -m research.nano.pages.assets` comes first.
Prints a line for every page that differs, then the counts.
"""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer

from bench import in_process
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.families import PROMPTS
from ocr_engine.families.views import make_views
from research.nano.model.model import NanoOcr
from research.nano.model.tokenizer import BOS, EOS, token_id
from research.nano.model.views import view
from research.nano.pages.answers import PROMPTS as WORDS
from research.nano.pages.pages import A4, Brief, make_page
from research.nano.training.batches import to_pixels
from research.nano.training.export import load_official, read_weights

FOLDER = Path(__file__).parents[1] / "ocr_engine/model/nano"
MIX = {"tiny": 36, "small": 42, "base": 14, "large": 2, "gundam": 6}
LIMIT = 1200
"""Tokens of an answer."""


@dataclass(frozen=True)
class Asked:
    """One page in one mode with one of the two document prompts."""

    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    mode: str
    prompt: str


def pages(count: int) -> list[Asked]:
    """Mixed sizes, modes and prompts, the same on every machine with the same assets."""
    rng, found = random.Random(11), []
    for mode in rng.choices(list(MIX), list(MIX.values()), k=count):
        sparse = mode in ("tiny", "small")
        points = rng.uniform(15, 24) if sparse else rng.uniform(10, 14)
        words = rng.randint(20, 70) if sparse else rng.randint(50, 160)
        page = make_page(rng, Brief(A4, 2 * points, 1, words, 0.09, True, "text"))
        found.append(Asked(page.pixels, mode, rng.choice(("markdown", "free"))))
    return found


def by_torch(work: list[Asked], folder: Path) -> list[list[int]]:
    """Pages one by one: no batch, no padding."""
    # Two threads wait for each other at every small operation once the machine has other work.
    torch.set_num_threads(1)
    model, words = NanoOcr(), Tokenizer.from_file(str(folder / "tokenizer.json"))
    load_official(model, read_weights(folder))
    begin, end, found = token_id(words, BOS), token_id(words, EOS), []
    model.eval()
    for page in work:
        seen = view(page.pixels, page.mode)
        overview = to_pixels(torch.from_numpy(seen.overview[None].copy()), torch.float32)
        tiles = None if seen.tiles is None else to_pixels(torch.from_numpy(seen.tiles), torch.float32)
        prompt = [begin, *words.encode(WORDS[page.prompt], add_special_tokens=False).ids]
        with torch.no_grad():
            ids = model.generate(overview, tiles, seen.grid, prompt, end, LIMIT)[0]
        found.append(ids[: ids.index(end) + 1] if end in ids else ids)
    return found


def by_vllm(work: list[Asked], folder: Path) -> list[list[int]]:
    """All pages at once, batched as vLLM likes."""
    llm = in_process.start(
        folder,
        {"OMP_NUM_THREADS": "1", "VLLM_USE_V2_MODEL_RUNNER": "0"},
        dtype="float32",
        max_num_seqs=8,
        max_num_batched_tokens=4096,
        kv_cache_memory_bytes=1 << 30,
    )
    from vllm import SamplingParams

    encoder = PromptEncoder(folder, ())
    sampling = SamplingParams(
        temperature=0.0, max_tokens=LIMIT, stop_token_ids=[encoder.eos_id], detokenize=False
    )
    prompts = [
        in_process.request(
            encoder.encode(PROMPTS[page.prompt]), make_views(Image.fromarray(page.pixels), page.mode)
        )
        for page in work
    ]
    return [list(found.outputs[0].token_ids) for found in llm.generate(prompts, sampling, use_tqdm=False)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--model", type=Path, default=FOLDER, help="model folder")
    options = parser.parse_args()
    work = pages(options.pages)
    ours, theirs = by_torch(work, options.model), by_vllm(work, options.model)
    equal = tokens = same = 0
    for number, (page, a, b) in enumerate(zip(work, ours, theirs, strict=True)):
        first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        equal, tokens, same = equal + (a == b), tokens + len(a), same + (first if a != b else len(a))
        if a != b:
            print(f"page {number} ({page.mode}, {page.prompt}): differs at token {first} of {len(a)}")
    print(f"{equal} of {len(work)} pages equal; {same:,} of {tokens:,} tokens before the first difference")


if __name__ == "__main__":
    main()
