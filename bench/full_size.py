"""Writes full-size checkpoint folders of both models with random weights: nothing is downloaded.

    python -m bench.full_size FOLDER [--family deepseek-ocr-2] [--answers stable]

Sizes are those of the official config.json; the tokenizer is nano's with made-up words for the other ids.
`--answers stable`: what the model answers does not hang on rounding (`bench.stable_answers`).
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.stable_answers import ring, stable
from ocr_engine.engine.weights import expected_tensors
from ocr_engine.families import FAMILIES, OCR, OCR2, TOKENS, UNLIMITED

NANO = Path(__file__).parents[1] / "ocr_engine/model/nano"
STD = 0.02
VOCABULARY = 129_280
SPECIAL_IDS = {
    TOKENS.bos: 0,
    TOKENS.eos: 1,
    "<｜▁pad▁｜>": 2,
    TOKENS.image: 128_815,
    TOKENS.ref_open: 128_816,
    TOKENS.ref_close: 128_817,
    TOKENS.det_open: 128_818,
    TOKENS.det_close: 128_819,
    TOKENS.grounding: 128_820,
    TOKENS.td_open: 128_821,
    TOKENS.td_close: 128_822,
}
"""Ids of the official tokenizer."""
LANGUAGE = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "model_type": "deepseek_v2",
    "bos_token_id": 0,
    "eos_token_id": 1,
    "first_k_dense_replace": 1,
    "hidden_size": 1280,
    "intermediate_size": 6848,
    "kv_lora_rank": None,
    "lm_head": True,
    "max_position_embeddings": 8192,
    "moe_intermediate_size": 896,
    "n_group": 1,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "num_attention_heads": 10,
    "num_experts_per_tok": 6,
    "num_hidden_layers": 12,
    "num_key_value_heads": 10,
    "q_lora_rank": None,
    "qk_nope_head_dim": 0,
    "qk_rope_head_dim": 0,
    "rm_head": False,
    "topk_group": 1,
    "topk_method": "greedy",
    "torch_dtype": "bfloat16",
    "use_mla": False,
    "v_head_dim": 0,
    "vocab_size": VOCABULARY,
}
SAM = {
    "downsample_channels": [512, 1024],
    "global_attn_indexes": [2, 5, 8, 11],
    "heads": 12,
    "layers": 12,
    "width": 768,
}
CLIP = {"heads": 16, "image_size": 224, "layers": 24, "patch_size": 14, "width": 1024}


def full_config(family: str) -> dict[str, Any]:
    """The config.json of the official full-size checkpoint, as far as it is read."""
    second = family == OCR2
    sam = SAM | ({"downsample_channels": [512, 896]} if second else {})
    stages = {"qwen2-0-5b": {"dim": 896}} if second else {"clip-l-14-224": CLIP}
    vision = {"image_size": 1024, "mlp_ratio": 3.7362, "model_name": "deeplip_b_l", "model_type": "vision"}
    projector = {
        "model_type": "mlp_projector",
        "n_embed": LANGUAGE["hidden_size"],
        "projector_type": "linear",
    }
    language = LANGUAGE | {"max_position_embeddings": FAMILIES[family].max_model_len}
    return {
        **language,
        "architectures": [FAMILIES[family].architecture],
        "model_type": "unlimited-ocr" if family == UNLIMITED else "deepseek_vl_v2",
        "candidate_resolutions": [[1024, 1024]],
        "global_view_pos": "head",
        "tile_tag": "2D",
        "language_config": language,
        "projector_config": projector | {"input_dim": 896 if second else 2048},
        "vision_config": vision | {"width": {"sam_vit_b": sam, **stages}},
    }


def _write_tokenizer(folder: Path) -> None:
    """Nano's tokenizer with its special tokens at the official ids and made-up words for the other ids."""
    tokenizer = json.loads((NANO / "tokenizer.json").read_text(encoding="utf-8"))
    taken = set(SPECIAL_IDS.values())
    free = (number for number in range(VOCABULARY) if number not in taken)
    known = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    words = [word for word in known if word not in SPECIAL_IDS]
    words += [f"w{number}" for number in range(VOCABULARY - len(taken) - len(words))]
    tokenizer["model"]["vocab"] = dict(zip(words, free, strict=True))
    template = tokenizer["added_tokens"][0]
    tokenizer["added_tokens"] = [
        template | {"id": number, "content": content} for content, number in SPECIAL_IDS.items()
    ]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    names = {"bos_token": TOKENS.bos, "eos_token": TOKENS.eos, "pad_token": "<｜▁pad▁｜>"}
    values = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 8192, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")


def write_full_size(folder: Path, family: str, *, stable: bool = False, nano: bool = False) -> None:
    """config.json, a tokenizer with the official special ids, and random weights in two files.

    `stable` as `--answers stable` has it; with `nano` the sizes and the tokenizer are nano's, for a CPU.
    """
    from safetensors.torch import save_file
    from tokenizers import Tokenizer

    folder.mkdir(parents=True)
    config = json.loads((NANO / "config.json").read_text()) if nano else full_config(family)
    (folder / "config.json").write_text(json.dumps(config))
    if nano:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(NANO / name, folder / name)
    else:
        _write_tokenizer(folder)
    words = ring(Tokenizer.from_file(str(folder / "tokenizer.json"))) if stable else []
    shapes = expected_tensors(config, family)
    if family != OCR2 and not nano:
        # Official checkpoints have it, and vLLM's own class asks for it; no forward pass reads it.
        shapes["model.vision_model.embeddings.patch_embedding.weight"] = (1024, 3, 14, 14)
    files = {name: f"model-{i % 2 + 1}-of-2.safetensors" for i, name in enumerate(shapes)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    torch.manual_seed(0)
    for file in sorted(set(files.values())):
        tensors = {name: weight(name, shapes[name], words) for name in shapes if files[name] == file}
        save_file(tensors, folder / file, metadata={"format": "pt"})


def weight(name: str, shape: tuple[int, ...], words: list[int]) -> Tensor:
    """Norms 1, biases 0, the rest normal: what a fresh model would have; with `words` as `stable` has it."""
    if len(shape) == 1 and name.endswith(".bias"):
        return torch.zeros(shape, dtype=torch.bfloat16)
    if len(shape) == 1 and name.endswith(".weight"):
        return torch.ones(shape, dtype=torch.bfloat16)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    usual = torch.empty(shape, dtype=torch.bfloat16, device=device).normal_(0, STD).cpu()
    return stable(name, usual, words, STD) if words else usual


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=FAMILIES, default=OCR)
    parser.add_argument("--answers", choices=("random", "stable"), default="random")
    parser.add_argument("--nano", action="store_true", help="nano's sizes, for a CPU")
    arguments = parser.parse_args()
    is_stable = arguments.answers == "stable"
    write_full_size(arguments.folder, arguments.family, stable=is_stable, nano=arguments.nano)


if __name__ == "__main__":
    main()
