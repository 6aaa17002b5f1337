"""Writes full-size checkpoint folders of both models with random weights: nothing is downloaded.

    python scripts/full_size.py FOLDER [--family deepseek-ocr-2]

Sizes are those of the official config.json; the tokenizer is nano's with further tokens, 6.7 GB in all.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor

from ocr_engine.engine.weights import expected_tensors
from ocr_engine.spec import FAMILIES, OCR2

NANO = Path(__file__).parents[1] / "ocr_engine/model/nano"
LANGUAGE = {
    "architectures": ["DeepseekV2ForCausalLM"], "bos_token_id": 0, "eos_token_id": 1,
    "first_k_dense_replace": 1,
    "hidden_size": 1280, "intermediate_size": 6848, "kv_lora_rank": None, "lm_head": True,
    "max_position_embeddings": 8192, "moe_intermediate_size": 896, "n_group": 1, "n_routed_experts": 64,
    "n_shared_experts": 2, "num_attention_heads": 10, "num_experts_per_tok": 6, "num_hidden_layers": 12,
    "num_key_value_heads": 10, "q_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0,
    "rm_head": False, "topk_group": 1, "topk_method": "greedy", "torch_dtype": "bfloat16", "use_mla": False,
    "v_head_dim": 0, "vocab_size": 129280,
}  # fmt: skip
SAM = {
    "downsample_channels": [512, 1024], "global_attn_indexes": [2, 5, 8, 11], "heads": 12, "layers": 12,
    "width": 768,
}  # fmt: skip
CLIP = {"heads": 16, "image_size": 224, "layers": 24, "patch_size": 14, "width": 1024}
STD = 0.02


def full_config(family: str) -> dict[str, Any]:
    """The config.json of the official full-size checkpoint, as far as it is read."""
    second = {"qwen2-0-5b": {"dim": 896}} if family == OCR2 else {"clip-l-14-224": CLIP}
    projector = {"input_dim": 896 if family == OCR2 else 2048, "n_embed": LANGUAGE["hidden_size"]}
    return LANGUAGE | {
        "architectures": [f"DeepseekOCR{'2' if family == OCR2 else ''}ForCausalLM"],
        "model_type": "deepseek_vl_v2",
        "candidate_resolutions": [[1024, 1024]],
        "global_view_pos": "head",
        "tile_tag": "2D",
        "language_config": LANGUAGE,
        "projector_config": projector | {"model_type": "mlp_projector", "projector_type": "linear"},
        "vision_config": {"model_type": "vision", "image_size": 1024, "width": {"sam_vit_b": SAM, **second}},
    }


def write_full_size(folder: Path, family: str) -> None:
    """config.json, nano's tokenizer with more tokens, and random weights in two files."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = full_config(family)
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((NANO / "tokenizer.json").read_text(encoding="utf-8"))
    known = len(tokenizer["model"]["vocab"]) + len(tokenizer["added_tokens"])
    tokenizer["model"]["vocab"] |= {f"token{i}": i for i in range(known, LANGUAGE["vocab_size"])}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    shutil.copy(NANO / "tokenizer_config.json", folder)
    shapes = expected_tensors(config, family)
    files = {name: f"model-{i % 2 + 1}-of-2.safetensors" for i, name in enumerate(shapes)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    torch.manual_seed(0)
    for file in sorted(set(files.values())):
        save_file({name: weight(name, shapes[name]) for name in shapes if files[name] == file}, folder / file)


def weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """Norms 1, biases 0, the rest normal: what a fresh model would have."""
    if len(shape) == 1 and name.endswith(".bias"):
        return torch.zeros(shape, dtype=torch.bfloat16)
    if len(shape) == 1 and name.endswith(".weight"):
        return torch.ones(shape, dtype=torch.bfloat16)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.empty(shape, dtype=torch.bfloat16, device=device).normal_(0, STD).cpu()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=FAMILIES, default=FAMILIES[0])
    arguments = parser.parse_args()
    write_full_size(arguments.folder, arguments.family)


if __name__ == "__main__":
    main()
