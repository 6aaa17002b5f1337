"""Reads a checkpoint folder: JSON files, and the headers of its safetensors files. No tensor data."""

import json
from pathlib import Path
from typing import Any

from ocr_engine.errors import EngineError
from ocr_engine.log import printable

Shape = tuple[int, ...]

_MAX_JSON_BYTES = 64 << 20


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a checkpoint.

    Raises:
        EngineError: the file is missing, damaged or far too large.
    """
    if not path.is_file():
        raise EngineError(
            f"{path.parent}: {path.name} is missing: the checkpoint is incomplete; download it again"
        )
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise EngineError(f"{path}: too large for a file of this name; download it again")
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise EngineError(f"{path}: not valid JSON: the download is damaged; download it again") from None
    if not isinstance(values, dict):
        raise EngineError(f"{path}: not a JSON object: the download is damaged; download it again")
    return values


def read_shards(folder: Path) -> tuple[list[Path], dict[str, Shape]]:
    """The weight files of a folder, each checked to be there in full, and all tensors by name.

    Raises:
        EngineError: no weights, a file or tensor of the index missing, or a partial download.
    """
    index = folder / "model.safetensors.index.json"
    weight_map = _weight_map(index) if index.is_file() else {}
    names = sorted({Path(name).name for name in weight_map.values()})
    shards = [folder / name for name in names] or sorted(folder.glob("*.safetensors"))
    if not shards:
        raise EngineError(f"{folder}: no *.safetensors file; download the weights into it")
    tensors: dict[str, Shape] = {}
    for shard in shards:
        tensors |= tensors_of(shard)
    missing = sorted(weight_map.keys() - tensors.keys())
    if missing:
        raise EngineError(
            f"{folder}: {len(missing)} tensors are missing, first {missing[0]}; download it again"
        )
    return shards, tensors


def _weight_map(index: Path) -> dict[str, str]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise EngineError(f"{index}: no weight_map: the download is damaged; download it again")
    return {str(name): str(file) for name, file in weight_map.items()}


def tensors_of(shard: Path) -> dict[str, Shape]:
    """Names and shapes of a safetensors file; the library checks that it is as long as its header says."""
    from safetensors import SafetensorError, safe_open

    if not shard.is_file():
        raise EngineError(
            f"{shard.parent}: {shard.name} is missing: the download is incomplete; download it again"
        )
    try:
        with safe_open(shard, "numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise EngineError(
            f"{shard}: incomplete: not a whole safetensors file"
            f" ({shard.stat().st_size:,} bytes: {printable(str(error), 160)}); download it again"
        ) from None
