"""Small random checkpoints in the official layout, of both families: config.json, tokenizer, safetensors.

Weights come from the recipe, so they are the same on every machine. Shared by the tests and the scripts.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import ocr_engine.model
from ocr_engine.families import OCR2
from ocr_engine.model.query_tower import QueryVisionTower
from ocr_engine.model.vision_tower import VisionTower
from tests.model import recipe

NANO = Path(ocr_engine.model.__file__).parent / "nano"
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


def encoder(family: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    """Our tower with the recipe's weights, its config, and `vision_config.width` for config.json."""
    if family == OCR2:
        query = recipe.query_config()
        widths = {"sam_vit_b": recipe.SAM, "qwen2-0-5b": recipe.QUERY}
        return recipe.fill(QueryVisionTower(query, WIDTH)), query, widths
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


def official_weights(family: str) -> dict[str, Tensor]:
    """Every tensor of a small checkpoint, by its official name."""
    tower = encoder(family)[0].state_dict()
    return {f"model.{name}": tensor for name, tensor in tower.items()} | decoder()[2]


def official_config(family: str) -> dict[str, Any]:
    """The config.json of a small checkpoint."""
    config: dict[str, Any] = json.loads((NANO / "config.json").read_text()) | DECODER
    config["language_config"] |= DECODER
    config["architectures"] = [f"DeepseekOCR{'2' if family == OCR2 else ''}ForCausalLM"]
    config["vision_config"]["width"] = encoder(family)[2]
    config["projector_config"] |= {"input_dim": 896 if family == OCR2 else 2048, "n_embed": WIDTH}
    return config


def write_checkpoint(folder: Path, family: str, shards: int = 1) -> Path:
    """A folder as the official ones are; with more than one shard also the index that names them."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(NANO / name, folder / name)
    (folder / "config.json").write_text(json.dumps(official_config(family)))
    weights = {name: tensor.contiguous() for name, tensor in official_weights(family).items()}
    if shards == 1:
        save_file(weights, folder / "model.safetensors")
        return folder
    files = {name: f"model-{i % shards + 1:05}-of-{shards:05}.safetensors" for i, name in enumerate(weights)}
    for file in set(files.values()):
        save_file({name: weights[name] for name in weights if files[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return folder
