"""Weights in and out: official tensor names and config layout, shards, and starting from older weights."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from research.nano.model.model import NanoOcr, expert_layers
from research.nano.model.shape import MAX_POSITIONS, Shape
from research.nano.model.tokenizer import BOS, EOS, PAD

SHARD_BYTES = 15_000_000
PARTS = {"gate": 0, "up": 0, "down": 1}
"""The fused expert weights and the dimension along which experts lie side by side."""


def official_state(model: NanoOcr, dtype: torch.dtype = torch.bfloat16) -> dict[str, Tensor]:
    """Return the weights under the official names, without the training-only heads."""
    found: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if name.startswith("aux_"):
            continue
        value = value.detach().to("cpu", dtype)
        base, _, part = name.rpartition(".")
        if base.endswith("mlp.experts"):
            pieces = value.chunk(model.shape.decoder.experts, PARTS[part])
            for i, piece in enumerate(pieces):
                found[f"{base}.{i}.{part}_proj.weight"] = piece.contiguous().clone()
        else:
            found[name] = value.contiguous().clone()
    return found


def training_heads(model: NanoOcr, dtype: torch.dtype = torch.bfloat16) -> dict[str, Tensor]:
    """Return the weights of the training-only heads, for a further segment to start from."""
    heads = {k: v for k, v in model.state_dict().items() if k.startswith("aux_")}
    return {k: v.detach().to("cpu", dtype).contiguous().clone() for k, v in heads.items()}


def load_official(model: NanoOcr, state: dict[str, Tensor]) -> None:
    """Load official names into the model; the training-only heads stay as they are unless state has them.

    Raises KeyError or RuntimeError when a tensor is missing or has another shape.
    """
    state, count = dict(state), model.shape.decoder.experts
    for i in expert_layers(model):
        base = f"model.layers.{i}.mlp.experts"
        for part, dim in PARTS.items():
            pieces = [state.pop(f"{base}.{j}.{part}_proj.weight") for j in range(count)]
            state[f"{base}.{part}"] = torch.cat(pieces, dim)
    own = {k: v for k, v in model.state_dict().items() if k.startswith("aux_")}
    model.load_state_dict({**own, **{k: v.float() for k, v in state.items()}})


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read every safetensors file of a folder into one state.

    Raises FileNotFoundError where there is none.
    """
    state: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        state.update(load_file(path))
    if not state:
        raise FileNotFoundError(f"{folder}: no *.safetensors here; name a model's folder or a run's weights")
    return state


def has_heads(folder: Path) -> bool:
    """Say whether a folder's weights hold the training-only heads: a run's do, a shipped model's do not."""
    found: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found |= set(file.keys())
    return any(name.startswith("aux_") for name in found)


def _token_rows(old: Tokenizer, new: Tokenizer, size: int) -> list[list[int]]:
    """Return for each new token the old tokens that spell it."""
    rows = []
    for index in range(size):
        text = new.decode([index], skip_special_tokens=False)
        same = old.token_to_id(str(new.id_to_token(index)))
        spelt = [same] if same is not None else old.encode(text, add_special_tokens=False).ids
        rows.append(spelt or [0])
    return rows


def start_from(model: NanoOcr, folder: Path, tokenizer: Tokenizer) -> None:
    """Start from an earlier checkpoint whose vocabulary or number of layers may differ.

    A new token's embedding is the mean of the old tokens that spell it; its output row is the first
    of them, because that is what the old model would have begun the word with.
    """
    state = read_weights(folder)
    old = Tokenizer.from_file(str(folder / "tokenizer.json"))
    layers = model.shape.decoder.layers
    state = {
        k: v.float() for k, v in state.items()
        if not (k.startswith("model.layers.") and int(k.split(".")[2]) >= layers)
    }  # fmt: skip
    if old.to_str() != tokenizer.to_str():
        rows = _token_rows(old, tokenizer, model.shape.decoder.vocabulary)
        inputs, outputs = state["model.embed_tokens.weight"], state["lm_head.weight"]
        state["model.embed_tokens.weight"] = torch.stack([inputs[r].mean(0) for r in rows])
        state["lm_head.weight"] = torch.stack([outputs[r[0]] for r in rows])
    load_official(model, state)


def save_shards(state: dict[str, Tensor], folder: Path) -> None:
    """Write a state as part-N.safetensors files of at most SHARD_BYTES."""
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in state.items():
        length = value.numel() * value.element_size()
        if size + length > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += length
    for i, shard in enumerate(shards):
        save_file(shard, folder / f"part-{i}.safetensors")


def language_config(shape: Shape) -> dict[str, object]:
    """Return the decoder's part of config.json."""
    d = shape.decoder
    return {
        "hidden_size": d.hidden, "intermediate_size": d.inner, "num_hidden_layers": d.layers,
        "num_attention_heads": d.heads, "num_key_value_heads": d.heads,
        "vocab_size": d.vocabulary, "max_position_embeddings": MAX_POSITIONS,
        "first_k_dense_replace": 1, "moe_layer_freq": 1, "moe_intermediate_size": d.expert_inner,
        "n_routed_experts": d.experts, "num_experts_per_tok": d.chosen,
        "n_shared_experts": d.shared, "n_group": 1, "topk_group": 1, "topk_method": "greedy",
        "scoring_func": "softmax", "norm_topk_prob": False, "routed_scaling_factor": 1.0,
        "use_mla": False, "q_lora_rank": None, "kv_lora_rank": None, "qk_nope_head_dim": 0,
        "qk_rope_head_dim": 0, "v_head_dim": 0, "hidden_act": "silu", "rms_norm_eps": d.epsilon,
        "rope_theta": d.theta, "attention_bias": False, "attention_dropout": 0.0,
        "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
        "torch_dtype": "bfloat16", "lm_head": True, "rm_head": False,
    }  # fmt: skip


def vision_config(shape: Shape) -> dict[str, object]:
    """Return the encoders' part of config.json, with the sizes the official one leaves out."""
    sam, clip = shape.sam, shape.clip
    return {
        "image_size": sam.image_px, "mlp_ratio": 4.0, "model_name": "deeplip_b_l",
        "model_type": "vision",
        "width": {
            "clip-l-14-224": {
                "heads": clip.heads, "image_size": 224, "layers": clip.layers, "patch_size": 14,
                "width": clip.width, "ffn": clip.ffn,
            },
            "sam_vit_b": {
                "downsample_channels": list(sam.downsample),
                "global_attn_indexes": list(sam.global_layers), "heads": sam.heads,
                "layers": sam.layers, "width": sam.width, "neck": sam.neck,
                "window_size": sam.window, "image_size": sam.image_px, "patch_size": sam.patch_px,
            },
        },
    }  # fmt: skip


def config(shape: Shape) -> dict[str, object]:
    """Return config.json in the official layout."""
    language = language_config(shape)
    projector = {
        "input_dim": shape.clip.width + shape.sam.downsample[1], "model_type": "mlp_projector",
        "n_embed": shape.decoder.hidden, "projector_type": "linear",
    }  # fmt: skip
    return {
        "architectures": ["DeepseekOCRForCausalLM"], "model_type": "deepseek_vl_v2",
        "_name_or_path": "nano-deepseek-ocr",
        "candidate_resolutions": [[shape.sam.image_px, shape.sam.image_px]],
        "global_view_pos": "head", "tile_tag": "2D", **language,
        "projector_config": projector, "vision_config": vision_config(shape),
        "language_config": {
            "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", **language,
        },
    }  # fmt: skip


PROCESSOR = {
    "processor_class": "DeepseekOCRProcessor", "candidate_resolutions": [[1024, 1024]],
    "patch_size": 16, "downsample_ratio": 4, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    "normalize": True, "image_token": "<image>", "pad_token": PAD, "add_special_token": False,
    "sft_format": "deepseek", "mask_prompt": False, "ignore_id": -100,
}  # fmt: skip


def write_model(state: dict[str, Tensor], shape: Shape, tokenizer: Tokenizer, folder: Path) -> None:
    """Write one model folder: weights, config, tokenizer and processor files."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    added = {str(k): {
        "content": v.content, "lstrip": v.lstrip, "normalized": v.normalized, "rstrip": v.rstrip,
        "single_word": v.single_word, "special": v.special,
    } for k, v in tokenizer.get_added_tokens_decoder().items()}  # fmt: skip
    special = {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD}
    files = {
        "config.json": config(shape),
        "generation_config.json": {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2},
        "processor_config.json": PROCESSOR,
        "special_tokens_map.json": special,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", **special,
            "model_max_length": MAX_POSITIONS, "clean_up_tokenization_spaces": False,
            "add_bos_token": False, "added_tokens_decoder": added,
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")
