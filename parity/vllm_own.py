"""Compares Unlimited-OCR here with vLLM's own class on the same small random weights, stage by stage.

    python -m parity.vllm_own [--dtype bfloat16] [--tokens 24]

Each side runs in a process of its own: vLLM with its class and processor, and vLLM with ours. Prompt ids are
compared exactly; of both encoder stages, the features in the prompt and the logits the largest error counts,
relative to the largest value of vLLM's. Both get the same token ids: whether a text begins with a first token
is the affair of a tokenizer. On a CPU vLLM's class has no window (docs/parity.md): answers stay
within it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import ImageOps
from torch import Tensor, nn

from bench import in_process
from fixtures import recipe
from fixtures.checkpoints import write_checkpoint
from fixtures.torchvision import stand_in
from ocr_engine.families import FAMILIES, PAD_COLOR, UNLIMITED, resolve_mode
from ocr_engine.families.views import make_views

FAMILY = FAMILIES[UNLIMITED]
CASES: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "base, 2 pages together": ("base", ((595, 842), (700, 900))),
    "gundam, no tiles": ("gundam", ((640, 480),)),
    "gundam, 2 tiles": ("gundam", ((1920, 1080),)),
    "gundam, 6 tiles": ("gundam", ((1190, 1684),)),
    "gundam, 12 tiles": ("gundam", ((1900, 2500),)),
    "base, 3 pages together": ("base", ((595, 842), (1190, 1684), (900, 700))),
}
"""Mode and sizes of the pages of a request. vLLM reads at Base where a request has several pages alone."""
OPTIONS: dict[str, Any] = {
    "max_model_len": 4096, "max_num_seqs": 1, "max_num_batched_tokens": 4096, "skip_mm_profiling": True,
    "logprobs_mode": "raw_logits",
}  # fmt: skip
LOGITS = 20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--tokens", type=int, default=24, help="greedy tokens a request")
    parser.add_argument("--side", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        torch.save(_side(args), args.folder / f"{args.side}.pt")
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _write(folder)
        for side in ("ours", "theirs"):
            words = ["--side", side, "--folder", made, "--dtype", args.dtype, "--tokens", str(args.tokens)]
            subprocess.run([sys.executable, "-m", "parity.vllm_own", *words], check=True)
        ours, theirs = (torch.load(folder / f"{side}.pt") for side in ("ours", "theirs"))
    print(
        "| pages | dtype | prompt ids | SAM | CLIP | features in the prompt | greedy tokens | worst logit |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in CASES:
        print(row(name, args.dtype, ours[name], theirs[name]))


def _write(folder: Path) -> None:
    from safetensors.torch import save_file

    write_checkpoint(folder / "ours", UNLIMITED)
    theirs = write_checkpoint(folder / "theirs", UNLIMITED)
    # No forward pass reads it; vLLM's class asks for it all the same.
    unused = {"model.vision_model.embeddings.patch_embedding.weight": torch.zeros(1024, 3, 14, 14)}
    save_file(unused, theirs / "unused.safetensors")


def row(name: str, dtype: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """One line of the table."""
    ids = "equal" if ours["prompt"] == theirs["prompt"] else "DIFFER"
    errors = [error(ours[stage], theirs[stage]) for stage in ("sam", "second", "features")]
    same = sum(a == b for a, b in zip(ours["ids"], theirs["ids"], strict=True))
    worst = 0.0
    for mine, expected, found, logits in zip(
        ours["ids"], theirs["ids"], ours["logits"], theirs["logits"], strict=True
    ):
        largest = max(map(abs, logits.values()))
        shared = found.keys() & logits.keys()
        worst = max(worst, *(abs(found[at] - logits[at]) / largest for at in shared))
        if mine != expected:
            break
    stages = " | ".join(f"{value:.1e}" for value in errors)
    return f"| {name} | {dtype} | {ids} | {stages} | {same} of {len(theirs['ids'])} | {worst:.1e} |"


def error(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """The largest difference of what both made of the same views, whatever the order they were taken in."""
    assert sorted(map(_shape, ours)) == sorted(map(_shape, theirs)), (ours, theirs)
    worst = 0.0
    for expected in theirs:
        alike = [found for found in ours if found.shape == expected.shape]
        scale = expected.abs().max()
        worst = max(worst, min(float((found - expected).abs().max() / scale) for found in alike))
    return worst


def _shape(one: Tensor) -> tuple[int, ...]:
    return tuple(one.shape)


def _side(args: argparse.Namespace) -> dict[str, Any]:
    llm = (_ours if args.side == "ours" else _theirs)(args.folder / args.side, args.dtype)
    stages: dict[str, list[Tensor]] = {}
    llm.apply_model(partial(_watch, stages=stages))
    return {name: _answer(llm, args, name, stages) for name in CASES}


def _ours(folder: Path, dtype: str) -> Any:
    pages = {"limit_mm_per_prompt": {"image": 3}}
    return in_process.start(folder, {"VLLM_CPU_KVCACHE_SPACE": "1"}, dtype=dtype, **OPTIONS | pages)


def _theirs(folder: Path, dtype: str) -> Any:
    """vLLM's own class with an encoder as small as the checkpoint's: it knows the official sizes alone."""
    os.environ |= {
        "VLLM_PLUGINS": "", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }  # fmt: skip
    stand_in()
    from vllm import LLM, ModelRegistry
    from vllm.model_executor.models import deepencoder, deepseek_ocr
    from vllm.model_executor.models.unlimited_ocr import UnlimitedOCRForCausalLM

    names: Any = deepseek_ocr
    sam, clip, usual = recipe.SAM, recipe.CLIP, names.CLIPVisionConfig
    small = {"intermediate_size": clip["ffn"], "num_hidden_layers": clip["layers"]}
    names.CLIPVisionConfig = lambda **values: usual(**values | small)
    build: Any = deepencoder._build_sam
    names.build_sam_vit_b = partial(
        build, sam["width"], sam["layers"], sam["heads"], sam["global_attn_indexes"]
    )
    ModelRegistry.register_model(FAMILY.architecture, UnlimitedOCRForCausalLM)
    return LLM(
        str(folder), dtype=dtype, enforce_eager=True, enable_prefix_caching=False, mm_processor_cache_gb=0,
        generation_config="vllm", limit_mm_per_prompt={"image": 3},
        # Its own choice, FLASH_ATTN, is none of a CPU's.
        mm_encoder_attn_backend="TORCH_SDPA", **OPTIONS,
    )  # fmt: skip


def _watch(model: nn.Module, stages: dict[str, list[Tensor]]) -> None:
    """Keep what the encoder's stages give, and the features that go into the prompt; float32, a view each."""
    tower = getattr(model, "vision_tower", model)

    def keep(name: str, output: Tensor) -> None:
        stages.setdefault(name, []).extend(output.float().clone())

    tower.sam_model.register_forward_hook(lambda _, __, output: keep("sam", output))
    tower.vision_model.register_forward_hook(lambda _, __, output: keep("second", _cells(output)))
    embed: Any = model.embed_multimodal

    def embedded(**kwargs: Any) -> Any:
        features = embed(**kwargs)
        stages.setdefault("features", []).extend(one.float().clone() for one in features)
        return features

    model.embed_multimodal = embedded  # type: ignore[assignment]


def _cells(output: Tensor) -> Tensor:
    """(views, cells, C): ours is a grid of cells, vLLM's has the class before them."""
    return output.flatten(1, 2) if output.ndim == 4 else output[:, 1:]


def _answer(llm: Any, args: argparse.Namespace, name: str, stages: dict[str, list[Tensor]]) -> dict[str, Any]:
    from vllm import SamplingParams

    stages.clear()
    sampling = SamplingParams(
        temperature=0.0, max_tokens=args.tokens, ignore_eos=True, detokenize=False, logprobs=LOGITS
    )
    (answer,) = llm.generate([_request(args, name)], sampling, use_tqdm=False)
    output = answer.outputs[0]
    logits = [{at: value.logprob for at, value in one.items()} for one in output.logprobs]
    ids = list(output.token_ids)
    return {"prompt": list(answer.prompt_token_ids), "ids": ids, "logits": logits, **stages}


def _request(args: argparse.Namespace, name: str) -> dict[str, Any]:
    from ocr_engine.engine.prompts import PromptEncoder

    mode_name, sizes = CASES[name]
    pages = [recipe.picture(*size) for size in sizes]
    prompt = FAMILY.prompts["markdown" if len(pages) == 1 else "pages"]
    ids = PromptEncoder(args.folder / "ours", ()).encode(prompt, len(pages))
    mode = resolve_mode(mode_name, family=UNLIMITED)
    if args.side == "ours":
        return in_process.request(ids, *(make_views(page, mode) for page in pages))
    request: dict[str, Any] = {"prompt_token_ids": ids, "multi_modal_data": {"image": pages}}
    if len(pages) == 1:
        return request
    # It would stretch several pages to 640 px and scale that up; the official client takes 1024 px and pads.
    side_px = mode.base_size_px
    squared = [ImageOps.pad(page, (side_px, side_px), color=PAD_COLOR) for page in pages]
    return request | {
        "multi_modal_data": {"image": squared},
        "mm_processor_kwargs": {"image_size": side_px},
    }


if __name__ == "__main__":
    main()
