"""The tensors a checkpoint must hold, by name and shape, worked out from its config.json. Numbers only.

Names are the official ones of both model families. Compared with the headers of the weight files, so that a
wrong checkpoint is refused by name in a moment instead of after vLLM's start.
"""

from collections.abc import Mapping
from typing import Any

from ocr_engine.families import FAMILIES

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

_UNREAD = ("rotary_emb.inv_freq", "position_ids", "vision_model.embeddings.patch_embedding.weight")
"""How names end that official checkpoints may hold and no forward pass reads."""
_QUERIES = {"query_768": 144, "query_1024": 256}
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
        raise ValueError(f"config.json lacks or misstates a size: {error}") from None
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
    clip = widths["clip-l-14-224"]
    width, at = clip["width"], "vision_model"
    cells = (clip["image_size"] // clip["patch_size"]) ** 2
    tensors: Shapes = {
        f"{at}.embeddings.class_embedding": (width,),
        f"{at}.embeddings.position_embedding.weight": (cells + 1, width),
    }
    tensors |= _norm(f"{at}.pre_layrnorm", width)  # sic: name in the checkpoint
    for index in range(clip["layers"]):
        layer, ffn = f"{at}.transformer.layers.{index}", clip.get("ffn", 4 * width)
        tensors |= _norm(f"{layer}.layer_norm1", width) | _norm(f"{layer}.layer_norm2", width)
        tensors |= _linear(f"{layer}.self_attn.qkv_proj", 3 * width, width)
        tensors |= _linear(f"{layer}.self_attn.out_proj", width, width)
        tensors |= _linear(f"{layer}.mlp.fc1", ffn, width) | _linear(f"{layer}.mlp.fc2", width, ffn)
    return tensors | _sam(widths["sam_vit_b"], widths["sam_vit_b"]["downsample_channels"][1])


def _query_tower(widths: Mapping[str, Any]) -> Shapes:
    query = widths["qwen2-0-5b"]
    width, at = query["dim"], "qwen2_model.model.model"
    channels = width // query.get("heads", 14)
    tensors: Shapes = {f"{at}.norm.weight": (width,)}
    for index in range(query.get("layers", 24)):
        layer = f"{at}.layers.{index}"
        for part, heads in (("q", "heads"), ("k", "kv_heads"), ("v", "kv_heads")):
            count = query.get(heads, {"heads": 14, "kv_heads": 2}[heads])
            tensors |= _linear(f"{layer}.self_attn.{part}_proj", count * channels, width)
        tensors[f"{layer}.self_attn.o_proj.weight"] = (width, query.get("heads", 14) * channels)
        tensors |= _gated(f"{layer}.mlp", width, query.get("ffn", 4864))
        tensors |= {f"{layer}.{n}.weight": (width,) for n in ("input_layernorm", "post_attention_layernorm")}
    tensors |= {f"qwen2_model.{name}.weight": (count, width) for name, count in _QUERIES.items()}
    return tensors | _sam(widths["sam_vit_b"], width)


def _sam(sizes: Mapping[str, Any], out: int) -> Shapes:
    width, patch, neck = sizes["width"], sizes.get("patch_size", 16), sizes.get("neck", 256)
    side, window = sizes.get("image_size", 1024) // patch, sizes.get("window_size", 14)
    channels, middle = width // sizes["heads"], sizes["downsample_channels"][0]
    tensors: Shapes = {
        "pos_embed": (1, side, side, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "neck.0.weight": (neck, width, 1, 1),
        "neck.2.weight": (neck, neck, 3, 3),
        "net_2.weight": (middle, neck, 3, 3),
        "net_3.weight": (out, middle, 3, 3),
    }
    tensors |= _norm("neck.1", neck) | _norm("neck.3", neck)
    for index in range(sizes["layers"]):
        reach = side if index in sizes["global_attn_indexes"] else window
        tensors |= _sam_block(f"blocks.{index}", width, channels, 2 * reach - 1)
    return {f"sam_model.{name}": shape for name, shape in tensors.items()}


def _sam_block(at: str, width: int, channels: int, distances: int) -> Shapes:
    tensors: Shapes = {f"{at}.attn.rel_pos_{axis}": (distances, channels) for axis in "hw"}
    tensors |= _norm(f"{at}.norm1", width) | _norm(f"{at}.norm2", width)
    tensors |= _linear(f"{at}.attn.qkv", 3 * width, width) | _linear(f"{at}.attn.proj", width, width)
    return tensors | _linear(f"{at}.mlp.lin1", 4 * width, width) | _linear(f"{at}.mlp.lin2", width, 4 * width)


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
