"""Compares greedy tokens and logits of whole pages: this project on vLLM against the official code.

    python -m parity.tokens --official DeepSeek-OCR [--family deepseek-ocr-2] [--pages 200]

The official side is its processor and encoder in front of transformers' decoder of the same kind; both sides
read one small random checkpoint, written with the official names. Prints one line of a markdown table.
"""

import argparse
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench import in_process
from fixtures import recipe
from fixtures.checkpoints import decoder, encoder, write_checkpoint
from ocr_engine.families import OCR, OCR2, Mode, resolve_mode
from ocr_engine.families.views import make_views
from parity.official_code import Official
from parity.stages import PROMPT, tokenizer

MIX = {"tiny": 30, "small": 30, "base": 10, "large": 4, "gundam": 22, "gundam-m": 4}
MIX_OCR2 = {"small": 40, "base": 20, "gundam": 40}
LOGITS = 20


@dataclass(frozen=True)
class Answer:
    """Greedy token ids of a page, and the logits each was chosen from: id -> value."""

    ids: list[int]
    logits: list[dict[int, float]]


def pages(count: int, family: str) -> list[tuple[tuple[int, int], Mode]]:
    """Sizes and modes, mixed, the same on every machine."""
    chosen = random.Random(20)
    mix = MIX_OCR2 if family == OCR2 else MIX
    names = chosen.choices(list(mix), list(mix.values()), k=count)
    sizes = [(chosen.randint(60, 2000), chosen.randint(60, 2000)) for _ in names]
    return [(size, resolve_mode(name, family=family)) for size, name in zip(sizes, names, strict=True)]


def official_answers(
    checkout: Path, family: str, dtype: torch.dtype, work: list[Any], length: int
) -> list[Answer]:
    """The official processor and encoder, then a greedy loop on the decoder."""
    words = tokenizer()
    official = Official(checkout, words)
    tower, config, _ = encoder(family)
    model, head, _ = decoder()
    tower, model, head = tower.to(dtype), model.to(dtype), head.to(dtype)
    towers = {mode: official.tower(mode, tower, config) for mode in {mode for _, mode in work}}
    answers = []
    for size, mode in work:
        ids, pixels, tiles, grid = official.process(recipe.picture(*size), mode, PROMPT)
        (features,) = towers[mode].lay_out(pixels.to(dtype)[None], tiles[None], grid[None])
        prompt = torch.tensor(ids)
        embeds = model.embed_tokens(prompt)
        embeds[prompt == words.vocab["<image>"]] = features
        answers.append(_greedy(model, head, embeds[None], length))
    return answers


def _greedy(model: nn.Module, head: Tensor, embeds: Tensor, length: int) -> Answer:
    answer, cache = Answer([], []), None
    for _ in range(length):
        output = model(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        logits = (output.last_hidden_state[0, -1] @ head.t()).float()
        answer.ids.append(int(logits.argmax()))
        answer.logits.append(dict(enumerate(logits.tolist())))
        embeds = model.embed_tokens(torch.tensor([[answer.ids[-1]]]))
    return answer


def our_answers(folder: Path, dtype: str, work: list[Any], length: int) -> list[Answer]:
    """This project's model class on vLLM."""
    llm = in_process.start(
        folder,
        {"VLLM_CPU_KVCACHE_SPACE": "1"},
        dtype=dtype,
        max_model_len=4096,
        max_num_seqs=4,
        max_num_batched_tokens=4096,
        logprobs_mode="raw_logits",
    )
    from vllm import SamplingParams

    from ocr_engine.engine.prompts import PromptEncoder

    ids = PromptEncoder(folder, ()).encode(PROMPT)
    requests = [in_process.request(ids, make_views(recipe.picture(*size), mode)) for size, mode in work]
    sampling = SamplingParams(
        temperature=0.0, max_tokens=length, ignore_eos=True, detokenize=False, logprobs=LOGITS
    )
    outputs = [output.outputs[0] for output in llm.generate(requests, sampling, use_tqdm=False)]
    return [
        Answer(list(output.token_ids), [{at: p.logprob for at, p in row.items()} for row in output.logprobs])
        for output in outputs
    ]


def table_line(family: str, dtype: str, ours: list[Answer], theirs: list[Answer]) -> str:
    """Agreement of pages and tokens, and the largest error of a logit as long as the tokens agree."""
    pages_equal = sum(a.ids == b.ids for a, b in zip(ours, theirs, strict=True))
    tokens_equal, worst = 0, 0.0
    for a, b in zip(ours, theirs, strict=True):
        for mine, reference, found, expected in zip(a.ids, b.ids, a.logits, b.logits, strict=True):
            largest = max(map(abs, expected.values()))
            worst = max(worst, *(abs(value - expected[at]) / largest for at, value in found.items()))
            if mine != reference:
                break
            tokens_equal += 1
    total = sum(len(a.ids) for a in ours)
    return f"| {family} | {dtype} | {pages_equal} of {len(ours)} | {tokens_equal} of {total} | {worst:.1e} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--official", type=Path, required=True, help="checkout of the family's repository")
    parser.add_argument("--family", choices=(OCR, OCR2), default=OCR)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=8, help="greedy tokens a page")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    arguments = parser.parse_args()
    work = pages(arguments.pages, arguments.family)
    dtype = getattr(torch, arguments.dtype)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        write_checkpoint(Path(folder), arguments.family)
        ours = our_answers(Path(folder), arguments.dtype, work, arguments.tokens)
        theirs = official_answers(arguments.official, arguments.family, dtype, work, arguments.tokens)
    print("| family | dtype | pages equal | greedy tokens equal | worst logit |\n|---|---|---|---|---|")
    print(table_line(arguments.family, arguments.dtype, ours, theirs))


if __name__ == "__main__":
    main()
