"""A LoRA adapter beside a checkpoint: read, checked against its tensors by name and shape, never run.

The layout is PEFT's, which unsloth, ms-swift and LLaMA-Factory write: `adapter_config.json` and
`adapter_model.safetensors` with `base_model.model.NAME.lora_A.weight` and `.lora_B.weight`. Headers alone are
read here; `engine/vllm/adapter.py` adds the product of each pair to its tensor as the weights are loaded.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ocr_engine.engine import hub
from ocr_engine.engine.checkpoint import Checkpoint, add_to_digest
from ocr_engine.engine.weight_files import Shape, read_json, read_shards, tensors_of
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.log import printable

LORA_KEY = "ocr_engine_lora"
"""Where the model in vLLM's process finds the adapter's folder, in `additional_config`."""
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"

_NAME = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight")
_SHOWN = 1
_UNSUPPORTED = {
    "use_dora": "DoRA",
    "modules_to_save": "whole layers (modules_to_save)",
    "trainable_token_indices": "trained tokens",
    "fan_in_fan_out": "transposed weights",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """The two factors of what is added to a tensor: `scale` x B (out, rank) @ A (rank, in)."""

    a: str
    b: str
    scale: float


def with_adapter(checkpoint: Checkpoint, lora: str) -> Checkpoint:
    """The checkpoint with the adapter that `engine.lora` names: a folder or a hub id; as it is for "".

    Raises:
        UsageError: no such folder, or no LoRA adapter.
        EngineError: the adapter is not whole, or not of this checkpoint.
    """
    if not lora:
        return checkpoint
    folder = _folder(lora)
    if "quantization_config" in read_json(checkpoint.folder / "config.json"):
        raise UsageError("engine.lora: the checkpoint's weights are quantised; merge the adapter before that")
    pairs(folder, read_shards(checkpoint.folder)[1])
    digest = hashlib.sha256(checkpoint.model_id.encode())
    for name in (CONFIG, WEIGHTS):
        add_to_digest(digest, folder / name)
    return replace(
        checkpoint,
        reason=f"{checkpoint.reason}; adapter: {printable(lora)} (engine.lora)",
        model_id=digest.hexdigest()[:24],
        lora=str(folder),
    )


def _folder(lora: str) -> Path:
    folder = Path(lora).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if not hub.HUB_ID.fullmatch(lora) or folder.exists():
        raise UsageError(f"engine.lora: {printable(lora)}: no such folder; give a folder or a hub id")
    revision = hub.chosen_revision(lora, "")
    return hub.cached(lora, revision) or hub.download(lora, revision, key="engine.lora")


def pairs(folder: Path, tensors: Mapping[str, Shape]) -> dict[str, Pair]:
    """By the name of each changed tensor, what is added to it. `tensors` are those of the checkpoint.

    Raises:
        UsageError: no LoRA adapter, or one with more than pairs of factors.
        EngineError: the adapter is not whole, or not of this checkpoint.
    """
    config = _config(folder)
    if not (folder / WEIGHTS).is_file():
        raise EngineError(f"engine.lora: {folder}: {WEIGHTS} is missing; save the adapter as safetensors")
    shapes = tensors_of(folder / WEIGHTS)
    found: dict[str, dict[str, str]] = {}
    for name in shapes:
        match = _NAME.fullmatch(name)
        if match is None:
            raise UsageError(f"engine.lora: {folder}: {printable(name)} is no factor of a LoRA adapter")
        found.setdefault(match[1], {})[match[2]] = name
    problems = [*_wrong(found, shapes, tensors), *_missing(config, found, tensors)]
    if problems or not found:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        words = problems[0] if problems else "it holds nothing"
        raise EngineError(f"engine.lora: {folder}: not a whole adapter of this checkpoint: {words}{more}")
    return {
        f"{module}.weight": Pair(both["A"], both["B"], _scale(config, module, shapes[both["A"]][0]))
        for module, both in found.items()
    }


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        raise UsageError(
            f"engine.lora: {folder}: no {CONFIG}: not an adapter; merged weights are engine.model"
        )
    config = read_json(folder / CONFIG)
    if config.get("peft_type") != "LORA":
        kind = printable(str(config.get("peft_type")))
        raise UsageError(f"engine.lora: {folder}: an adapter of type {kind}, expected LORA")
    extra = [words for key, words in _UNSUPPORTED.items() if config.get(key)]
    extra += ["biases"] if config.get("bias", "none") != "none" else []
    if extra:
        raise UsageError(
            f"engine.lora: {folder}: holds {extra[0]}; merge it into a checkpoint with PEFT first"
        )
    return config


def _wrong(
    found: Mapping[str, Mapping[str, str]], shapes: Mapping[str, Shape], tensors: Mapping[str, Shape]
) -> Iterator[str]:
    """What does not fit of what is there."""
    for module, both in found.items():
        base = tensors.get(f"{module}.weight")
        if base is None or len(base) != 2:
            yield f"{printable(module)} is no matrix of the checkpoint"
        elif len(both) < 2:
            yield f"{printable(module)} has one factor of two"
        else:
            a, b = shapes[both["A"]], shapes[both["B"]]
            if len(a) != 2 or b != (base[0], a[0]) or a[1] != base[1]:
                yield f"{printable(module)} changes {b} x {a}, the checkpoint has {base}"


def _missing(
    config: Mapping[str, Any], found: Mapping[str, object], tensors: Mapping[str, Shape]
) -> Iterator[str]:
    """What the adapter's own config says it changes, and it does not."""
    targets = config.get("target_modules")
    narrowed = any(config.get(key) for key in ("layers_to_transform", "exclude_modules", "target_parameters"))
    if not isinstance(targets, list) or narrowed:
        return
    for name, shape in tensors.items():
        module = name.removesuffix(".weight")
        named = any(module == target or module.endswith(f".{target}") for target in targets)
        if named and len(shape) == 2 and module != name and module not in found:
            yield f"{module} is missing, which its {CONFIG} names"


def _scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    alpha = config.get("lora_alpha", rank)
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if module == pattern or module.endswith(f".{pattern}"):
            alpha = value
    if not isinstance(alpha, int | float):
        raise UsageError(f"engine.lora: lora_alpha: expected a number, got {printable(str(alpha))}")
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
