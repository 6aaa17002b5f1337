"""The tensors a checkpoint must hold, by name and shape, worked out from its config.json. Numbers only.

Names are the official ones of both model families. Compared with the headers of the weight files, so that a
wrong checkpoint is refused by name in a moment instead of after vLLM's start.
"""

from collections.abc import Mapping
from typing import Any

from ocr_engine.families import FAMILIES
from ocr_engine.model.encoder_config import (
    MLP_RATIO,
    QUERIES,
    ClipConfig,
    DeepEncoderConfig,
    QueryConfig,
    QueryDeepEncoderConfig,
    SamConfig,
)

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

_UNREAD = ("rotary_emb.inv_freq", "position_ids", "vision_model.embeddings.patch_embedding.weight")
"""How names end that official checkpoints may hold and no forward pass reads."""
_SHOWN = 3


def differences(found: Mapping[str, Shape], config: Mapping[str, Any], family: str) -> str:
    """What is missing, misshapen or unexpected in a checkpoint, in one line; "" where nothing is.

    Raises:
        ValueError: config.json lacks a size; the message names it.
    """
    expected = expected_tensors(config, family)
    missing = sorted(expected.keys() - found.keys())
    unexpected = sorted(name for name in found.keys() - expected.keys() if not name.endswith(_UNREAD))
    misshapen = [
        f"{name} {_words(found[name])}, expected {_words(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    return "; ".join(f"{len(names)} {kind}: {_first(names)}" for kind, names in kinds.items() if names)


def expected_tensors(config: Mapping[str, Any], family: str) -> Shapes:
    """Name and shape of every tensor that the model of `config` reads.

    Raises:
        ValueError: a size is not in the config, or is no number.
    """
    try:
        language = config["language_config"]
        vision = config["vision_config"]["width"]
        tensors = _language(language)
        tower = _TOWERS[FAMILIES[family].tower](vision)
        tower |= _linear("projector.layers", language["hidden_size"], config["projector_config"]["input_dim"])
        tower["view_seperator"] = (language["hidden_size"],)  # sic: name in the checkpoint
        if FAMILIES[family].row_newline:
            tower["image_newline"] = (language["hidden_size"],)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
        size = str(error).removeprefix("config.json: ")
        raise ValueError(f"config.json lacks or misstates a size: {size}") from None
    return tensors | {f"model.{name}": shape for name, shape in tower.items()}


def _language(sizes: Mapping[str, Any]) -> Shapes:
    width, vocabulary = sizes["hidden_size"], sizes["vocab_size"]
    channels = width // sizes["num_attention_heads"]
    tensors: Shapes = {"model.embed_tokens.weight": (vocabulary, width), "model.norm.weight": (width,)}
    if not sizes.get("tie_word_embeddings", False):
        tensors["lm_head.weight"] = (vocabulary, width)
    for index in range(sizes["num_hidden_layers"]):
        at = f"model.layers.{index}"
        for part in ("q", "k", "v"):
            heads = sizes["num_attention_heads" if part == "q" else "num_key_value_heads"]
            tensors[f"{at}.self_attn.{part}_proj.weight"] = (heads * channels, width)
        tensors[f"{at}.self_attn.o_proj.weight"] = (width, sizes["num_attention_heads"] * channels)
        tensors |= {
            f"{at}.{name}.weight": (width,) for name in ("input_layernorm", "post_attention_layernorm")
        }
        tensors |= _feed_forward(f"{at}.mlp", sizes, index)
    return tensors


def _feed_forward(at: str, sizes: Mapping[str, Any], index: int) -> Shapes:
    width = sizes["hidden_size"]
    if index < sizes["first_k_dense_replace"] or index % sizes.get("moe_layer_freq", 1):
        return _gated(at, width, sizes["intermediate_size"])
    inner, experts = sizes["moe_intermediate_size"], sizes["n_routed_experts"]
    tensors: Shapes = {f"{at}.gate.weight": (experts, width)}
    for expert in range(experts):
        tensors |= _gated(f"{at}.experts.{expert}", width, inner)
    return tensors | _gated(f"{at}.shared_experts", width, inner * sizes["n_shared_experts"])


def _clip_tower(widths: Mapping[str, Any]) -> Shapes:
    sizes = DeepEncoderConfig.from_vision_config(widths)
    return _clip(sizes.clip) | _sam(sizes.sam)


def _query_tower(widths: Mapping[str, Any]) -> Shapes:
    sizes = QueryDeepEncoderConfig.from_vision_config(widths)
    return _query(sizes.query) | _sam(sizes.sam)


def _clip(clip: ClipConfig) -> Shapes:
    at, width = "vision_model", clip.width
    cells = (clip.image_px // clip.patch_px) ** 2
    tensors: Shapes = {
        f"{at}.embeddings.class_embedding": (width,),
        f"{at}.embeddings.position_embedding.weight": (cells + 1, width),
    }
    tensors |= _norm(f"{at}.pre_layrnorm", width)  # sic: name in the checkpoint
    for index in range(clip.layers):
        layer = f"{at}.transformer.layers.{index}"
        tensors |= _norm(f"{layer}.layer_norm1", width) | _norm(f"{layer}.layer_norm2", width)
        tensors |= _linear(f"{layer}.self_attn.qkv_proj", 3 * width, width)
        tensors |= _linear(f"{layer}.self_attn.out_proj", width, width)
        tensors |= _linear(f"{layer}.mlp.fc1", clip.ffn, width) | _linear(f"{layer}.mlp.fc2", width, clip.ffn)
    return tensors


def _query(query: QueryConfig) -> Shapes:
    at, width = "qwen2_model.model.model", query.width
    channels = width // query.heads
    tensors: Shapes = {f"{at}.norm.weight": (width,)}
    for index in range(query.layers):
        layer = f"{at}.layers.{index}"
        for part, heads in (("q", query.heads), ("k", query.kv_heads), ("v", query.kv_heads)):
            tensors |= _linear(f"{layer}.self_attn.{part}_proj", heads * channels, width)
        tensors[f"{layer}.self_attn.o_proj.weight"] = (width, query.heads * channels)
        tensors |= _gated(f"{layer}.mlp", width, query.ffn)
        tensors |= {f"{layer}.{n}.weight": (width,) for n in ("input_layernorm", "post_attention_layernorm")}
    return tensors | {f"qwen2_model.{name}.weight": (count, width) for name, count in QUERIES.items()}


def _sam(sam: SamConfig) -> Shapes:
    side, (middle, out) = sam.image_px // sam.patch_px, sam.downsample
    tensors: Shapes = {
        "pos_embed": (1, side, side, sam.width),
        "patch_embed.proj.weight": (sam.width, 3, sam.patch_px, sam.patch_px),
        "patch_embed.proj.bias": (sam.width,),
        "neck.0.weight": (sam.neck, sam.width, 1, 1),
        "neck.2.weight": (sam.neck, sam.neck, 3, 3),
        "net_2.weight": (middle, sam.neck, 3, 3),
        "net_3.weight": (out, middle, 3, 3),
    }
    tensors |= _norm("neck.1", sam.neck) | _norm("neck.3", sam.neck)
    for index in range(sam.layers):
        reach = side if index in sam.global_layers else sam.window
        tensors |= _sam_block(f"blocks.{index}", sam.width, sam.width // sam.heads, 2 * reach - 1)
    return {f"sam_model.{name}": shape for name, shape in tensors.items()}


def _sam_block(at: str, width: int, channels: int, distances: int) -> Shapes:
    inner = MLP_RATIO * width
    tensors: Shapes = {f"{at}.attn.rel_pos_{axis}": (distances, channels) for axis in "hw"}
    tensors |= _norm(f"{at}.norm1", width) | _norm(f"{at}.norm2", width)
    tensors |= _linear(f"{at}.attn.qkv", 3 * width, width) | _linear(f"{at}.attn.proj", width, width)
    return tensors | _linear(f"{at}.mlp.lin1", inner, width) | _linear(f"{at}.mlp.lin2", width, inner)


_TOWERS = {"clip": _clip_tower, "query": _query_tower}
"""The encoder's tensors but for the projector's, by `Family.tower`."""


def _norm(at: str, width: int) -> Shapes:
    return {f"{at}.weight": (width,), f"{at}.bias": (width,)}


def _linear(at: str, out: int, into: int) -> Shapes:
    return {f"{at}.weight": (out, into), f"{at}.bias": (out,)}


def _gated(at: str, width: int, inner: int) -> Shapes:
    """A feed-forward with a gate, without biases."""
    up, down = (inner, width), (width, inner)
    return {f"{at}.gate_proj.weight": up, f"{at}.up_proj.weight": up, f"{at}.down_proj.weight": down}


def _words(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _first(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
