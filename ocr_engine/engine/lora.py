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
_PICKLE = "adapter_model.bin"

_NAME = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight")
_PLAIN = re.compile(r"[\w.]+")
_ALPHA = 8
"""PEFT's own, where a config names none."""
_SHOWN = 1
_MERGE = "merge it into a checkpoint with PEFT first, and give that as engine.model"
_UNSUPPORTED = {
    "use_dora": "DoRA (use_dora)",
    "modules_to_save": "whole layers (modules_to_save)",
    "trainable_token_indices": "trained tokens (trainable_token_indices)",
    "fan_in_fan_out": "transposed weights (fan_in_fan_out)",
    "lora_bias": "biases (lora_bias)",
    "layer_replication": "repeated layers (layer_replication)",
    "alora_invocation_tokens": "factors for some tokens alone (alora_invocation_tokens)",
    "use_qalora": "factors of pooled inputs (use_qalora)",
}
"""What of PEFT's config asks for more than factors, which are all that is added."""
_FROM_OTHER_WEIGHTS = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Ways to begin a training that change the weights it begins with: added to others, the factors are wrong."""


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
        raise EngineError(f"engine.lora: {folder}: {WEIGHTS} is missing{_why_missing(folder)}")
    shapes = tensors_of(folder / WEIGHTS)
    found: dict[str, dict[str, str]] = {}
    for name in shapes:
        match = _NAME.fullmatch(name)
        if match is None:
            raise UsageError(
                f"engine.lora: {folder}: {WEIGHTS} holds {printable(name)}, which is no factor of a matrix;"
                f" {_MERGE}"
            )
        both = found.setdefault(_official(match[1]), {})
        if both.setdefault(match[2], name) != name:
            raise EngineError(
                f"engine.lora: {folder}: {printable(name)} and {printable(both[match[2]])}: one factor twice"
            )
    problems = [*_wrong(config, found, shapes, tensors), *_missing(config, found, tensors)]
    if problems or not found:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        words = problems[0] if problems else "it holds nothing"
        raise EngineError(f"engine.lora: {folder}: the adapter does not fit the checkpoint: {words}{more}")
    return {
        f"{module}.weight": Pair(both["A"], both["B"], _scale(config, module, shapes[both["A"]][0]))
        for module, both in found.items()
    }


def _official(module: str) -> str:
    """A module's official name; transformers' own classes put the decoder into `model.language_model`."""
    return re.sub(r"^model\.language_model\.", "model.", module)


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        raise UsageError(f"engine.lora: {folder}: no {CONFIG}: not an adapter; {_what_else(folder)}")
    config = read_json(folder / CONFIG)
    if config.get("peft_type") != "LORA":
        kind = printable(str(config.get("peft_type")))
        raise UsageError(f"engine.lora: {folder}: an adapter of type {kind}, expected LORA; {_MERGE}")
    extra = [words for key, words in _UNSUPPORTED.items() if config.get(key)]
    extra += ["biases (bias)"] if config.get("bias", "none") != "none" else []
    if extra:
        raise UsageError(f"engine.lora: {folder}: needs more than factors: {extra[0]}; {_MERGE}")
    begun = str(config.get("init_lora_weights")).lower()
    if begun.startswith(_FROM_OTHER_WEIGHTS):
        raise UsageError(
            f"engine.lora: {folder}: init_lora_weights is {printable(begun, 40)}, which changes the weights"
            f" that it is added to; convert it to plain LoRA as PEFT's documentation says, or {_MERGE}"
        )
    return config


def _why_missing(folder: Path) -> str:
    if not (folder / _PICKLE).is_file():
        return "; copy the whole folder that the training saved"
    return (
        f", and {_PICKLE} is a pickle, which is not opened: it may run code; save the adapter again with"
        " safe_serialization=True"
    )


def _what_else(folder: Path) -> str:
    """What a folder without an adapter's config is instead, and what to give."""
    inside = [path.parent.name for path in folder.glob(f"*/{CONFIG}")]
    if inside:
        inside.sort(key=lambda name: (len(name), name))  # checkpoint-50 before checkpoint-100
        return f"give one of the {len(inside)} in it, such as {printable(str(folder / inside[-1]))}"
    return "merged weights are engine.model"


def _wrong(
    config: Mapping[str, Any],
    found: Mapping[str, Mapping[str, str]],
    shapes: Mapping[str, Shape],
    tensors: Mapping[str, Shape],
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
                yield f"{printable(module)} has factors of {b} and {a}, its matrix is {base}"
            elif (rank := _of_module(config, "r", "rank_pattern", module)) not in (None, a[0]):
                yield f"{printable(module)} has rank {a[0]}, its {CONFIG} says {printable(str(rank), 40)}"


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
    alpha = _of_module(config, "lora_alpha", "alpha_pattern", module)
    if alpha is None:
        alpha = _ALPHA
    if type(alpha) not in (int, float) or not math.isfinite(alpha):
        raise UsageError(f"engine.lora: lora_alpha: expected a number, got {printable(str(alpha), 40)}")
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _of_module(config: Mapping[str, Any], key: str, patterns: str, module: str) -> Any:
    """A value for one module: that of the first pattern that names it, as in PEFT, else that for all.

    Raises:
        UsageError: a pattern is more than a name.
    """
    given = config.get(patterns) or {}
    if not isinstance(given, Mapping):
        raise UsageError(f"engine.lora: {patterns}: expected a mapping in {CONFIG}")
    for pattern, value in given.items():
        name = _official(pattern.removeprefix("^"))
        if not _PLAIN.fullmatch(name):
            raise UsageError(
                f"engine.lora: {patterns}: {printable(pattern, 60)}: a regular expression, and only names of"
                f" modules are followed; {_MERGE}"
            )
        if module == name or (not pattern.startswith("^") and module.endswith(f".{name}")):
            return value
    return config.get(key)
