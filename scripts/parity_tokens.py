"""Compares greedy tokens and logits of whole pages: this project on vLLM against the official code.

    python scripts/parity_tokens.py --official DeepSeek-OCR [--family deepseek-ocr-2] [--pages 200]

The official side is its processor and encoder in front of transformers' decoder of the same kind; both sides
read one small random checkpoint, written with the official names. Prints one line of a markdown table.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from ocr_engine.model.query_tower import QueryVisionTower
from ocr_engine.model.vision_tower import VisionTower
from ocr_engine.pages.views import make_views
from ocr_engine.spec import FAMILIES, OCR2, Mode, resolve_mode
from scripts.official_code import Official
from scripts.parity import NANO, PROMPT, tokenizer
from tests.model import recipe

WIDTH = 128
DECODER = {
    "hidden_size": WIDTH,
    "intermediate_size": 256,
    "moe_intermediate_size": 64,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_hidden_layers": 3,
    "vocab_size": json.loads((NANO / "config.json").read_text())["vocab_size"],
    "max_position_embeddings": 4096,
}
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


def encoder(family: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    """Our tower with the recipe's weights, its config, and `vision_config.width` for config.json."""
    if family == OCR2:
        query = recipe.query_config()
        return (
            recipe.fill(QueryVisionTower(query, WIDTH)),
            query,
            {"sam_vit_b": recipe.SAM, "qwen2-0-5b": recipe.QUERY},
        )
    deep = recipe.config()
    widths = {"sam_vit_b": recipe.SAM, "clip-l-14-224": recipe.CLIP}
    return recipe.fill(VisionTower(deep, WIDTH)), deep, widths


def decoder() -> tuple[nn.Module, Tensor, dict[str, Tensor]]:
    """transformers' decoder, the head's matrix, and both under their official names."""
    from transformers.models.deepseek_ocr2.configuration_deepseek_ocr2 import DeepseekOcr2TextConfig
    from transformers.models.deepseek_ocr2.modeling_deepseek_ocr2 import DeepseekOcr2TextModel

    layers = DECODER["num_hidden_layers"]
    kinds = ["dense"] + ["sparse"] * (layers - 1)
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    model = DeepseekOcr2TextModel(
        DeepseekOcr2TextConfig(**DECODER, mlp_layer_types=kinds, rope_parameters=rope)
    )
    named: dict[str, Tensor] = {
        "lm_head.weight": recipe.weight("lm_head.weight", (DECODER["vocab_size"], WIDTH))
    }

    def make(name: str, shape: tuple[int, ...]) -> Tensor:
        named[name] = recipe.weight(name, shape)
        return named[name]

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            place, _, leaf = f"model.{name}".rpartition(".experts.")
            shape = tuple(parameter.shape)
            for expert in range(len(parameter) if place else 0):
                at = f"{place}.experts.{expert}"
                if leaf == "down_proj":
                    parameter[expert] = make(f"{at}.down_proj.weight", shape[1:])
                    continue
                half = (shape[1] // 2, shape[2])
                both = [make(f"{at}.{part}_proj.weight", half) for part in ("gate", "up")]
                parameter[expert] = torch.cat(both)
            if not place:
                parameter.copy_(make(f"model.{name}", shape))
    return model.eval(), named["lm_head.weight"], named


def write_checkpoint(folder: Path, family: str, widths: dict[str, Any], weights: dict[str, Tensor]) -> None:
    """A folder as the official ones are: config.json, tokenizer, one safetensors file."""
    from safetensors.torch import save_file

    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(NANO / name, folder / name)
    config = json.loads((NANO / "config.json").read_text()) | DECODER
    config["language_config"] |= DECODER
    config["architectures"] = [f"DeepseekOCR{'2' if family == OCR2 else ''}ForCausalLM"]
    config["vision_config"]["width"] = widths
    config["projector_config"] |= {"input_dim": 896 if family == OCR2 else 2048, "n_embed": WIDTH}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")


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
    os.environ |= {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    from vllm import LLM, SamplingParams

    from ocr_engine.engine.prompts import PromptEncoder
    from ocr_engine.model.register import register

    register()
    llm = LLM(
        str(folder),
        dtype=dtype,
        max_model_len=4096,
        max_num_seqs=4,
        max_num_batched_tokens=4096,
        enforce_eager=True,
        limit_mm_per_prompt={"image": 1},
        enable_mm_embeds=True,
        enable_prefix_caching=False,
        mm_processor_cache_gb=0,
        logprobs_mode="raw_logits",
        generation_config="vllm",
    )
    ids = PromptEncoder(folder, ()).encode(PROMPT)
    requests = []
    for size, mode in work:
        views = make_views(recipe.picture(*size), mode)
        image = {
            "global_views": torch.from_numpy(views.global_view)[None],
            "tiles": torch.from_numpy(views.tiles)[None],
            "grids": torch.tensor([views.grid]),
        }
        requests.append({"prompt_token_ids": ids, "multi_modal_data": {"image": image}})
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
    parser.add_argument("--family", choices=FAMILIES, default=FAMILIES[0])
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=8, help="greedy tokens a page")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    arguments = parser.parse_args()
    work = pages(arguments.pages, arguments.family)
    dtype = getattr(torch, arguments.dtype)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        tower, _, widths = encoder(arguments.family)
        weights = {f"model.{name}": tensor for name, tensor in tower.state_dict().items()} | decoder()[2]
        write_checkpoint(Path(folder), arguments.family, widths, weights)
        ours = our_answers(Path(folder), arguments.dtype, work, arguments.tokens)
        theirs = official_answers(arguments.official, arguments.family, dtype, work, arguments.tokens)
    print("| family | dtype | pages equal | greedy tokens equal | worst logit |\n|---|---|---|---|---|")
    print(table_line(arguments.family, arguments.dtype, ours, theirs))


if __name__ == "__main__":
    main()
