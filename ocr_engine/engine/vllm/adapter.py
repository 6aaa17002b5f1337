"""Adds a LoRA adapter to a checkpoint's tensors as they are loaded: vLLM then runs plain merged weights."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ocr_engine.engine.lora import WEIGHTS, Pair, pairs
from ocr_engine.engine.weight_files import read_shards


def merged(
    weights: Iterable[tuple[str, Tensor]], checkpoint: Path, adapter: Path
) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a checkpoint folder by their official names, those that the adapter changes changed.

    Sums are made in float32 and rounded once, as PEFT's merge of a float32 model is.
    """
    from safetensors import safe_open

    changed = pairs(adapter, read_shards(checkpoint)[1])
    with safe_open(adapter / WEIGHTS, "pt") as file:
        for name, tensor in weights:
            pair = changed.get(name)
            yield name, tensor if pair is None else _added(tensor, file, pair)


def _added(tensor: Tensor, file: Any, pair: Pair) -> Tensor:
    a, b = (file.get_tensor(name).to(tensor.device, torch.float32) for name in (pair.a, pair.b))
    return torch.addmm(tensor.float(), b, a, alpha=pair.scale).to(tensor.dtype)
