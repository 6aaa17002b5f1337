"""Makes a trained nano's second encoder wider, and with fewer layers, for a further segment to start from.

python -m research.nano.tools.widen OLD_MODEL NEW_MODEL [--drop 2]

SAM's output, which is CLIP's width, is what a visual token is made of: how many letters it can hold follows
from it. The new model computes nearly what the old one does (less the layers dropped): new channels begin at
zero and new attention heads are not listened to, so only CLIP's norms, which count the new channels too,
differ. The rest is for training to fill.
"""

import argparse
import re
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from research.nano.model.shape import Shape
from research.nano.training.export import read_weights, write_model

CLIP, SAM = "model.vision_model.", "model.sam_model."
_LAYER = re.compile(r"model\.vision_model\.transformer\.layers\.(\d+)\.")


def _grown(old: Tensor, size: tuple[int, ...], *, noise: bool = False) -> Tensor:
    """Return old in the corner of a tensor of a size; the rest is zero, or noise of half old's spread."""
    new = torch.randn(size) * (0.5 * old.float().std()) if noise else torch.zeros(size)
    new[tuple(slice(n) for n in old.shape)] = old.float()
    return new


def _by_parts(old: Tensor, parts: int, size: tuple[int, ...], *, noise: bool = False) -> Tensor:
    """Grow each of the parts that lie one after another in the first dimension to a size."""
    return torch.cat([_grown(part, size, noise=noise) for part in old.chunk(parts)])


def _norm(old: Tensor, width: int, *, bias: bool) -> Tensor:
    """Grow a norm: channels of zero leave the others a larger share of the variance, so it scales less."""
    if bias:
        return _grown(old, (width,))
    new = torch.ones(width)
    new[: len(old)] = old.float()
    return new * (len(old) / width) ** 0.5


def _without(state: dict[str, Tensor], dropped: int) -> dict[str, Tensor]:
    """Leave out one layer of CLIP and number the later ones anew."""
    found = {}
    for name, value in state.items():
        layer = _LAYER.match(name)
        number = int(layer[1]) if layer else -1
        if number == dropped:
            continue
        later = number > dropped
        found[name.replace(f"layers.{number}.", f"layers.{number - 1}.") if later else name] = value
    return found


def _widened(name: str, old: Tensor, width: int) -> Tensor:
    """Return one of CLIP's tensors at a width."""
    if "norm" in name:
        return _norm(old, width, bias=name.endswith("bias"))
    if "qkv_proj" in name:
        size = (width, width) if old.ndim == 2 else (width,)
        return _by_parts(old, 3, size, noise=old.ndim == 2)
    if "fc1.bias" in name:
        return old.float()
    if "fc1" in name or "position_embedding" in name:
        return _grown(old, (len(old), width), noise="fc1" in name)
    if "fc2" in name or "patch_embedding" in name:
        return _grown(old, (width, *old.shape[1:]))
    return _grown(old, (width,) * old.ndim)


def widened(state: dict[str, Tensor], shape: Shape, dropped: int | None = None) -> dict[str, Tensor]:
    """Return a model's weights, under their official names, for a shape with a wider CLIP."""
    width = shape.clip.width
    found = dict(state) if dropped is None else _without(state, dropped)
    for name, old in found.items():
        if name.startswith(CLIP):
            found[name] = _widened(name, old, width)
    down = found[f"{SAM}net_3.weight"]
    found[f"{SAM}net_3.weight"] = _grown(down, (width, *down.shape[1:]))
    name = "model.projector.layers.weight"
    halves = (_grown(half, (len(half), width), noise=True) for half in found[name].chunk(2, 1))
    found[name] = torch.cat(list(halves), 1)
    return {name: value.to(torch.bfloat16).contiguous() for name, value in found.items()}


def main() -> None:
    """Write a folder in the official layout with the shape of research/nano/model/shape.py."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--drop", type=int, help="number of the layer of CLIP to leave out, from 0")
    options = parser.parse_args()
    torch.manual_seed(0)
    state = widened(read_weights(options.old), Shape(), options.drop)
    tokenizer = Tokenizer.from_file(str(options.old / "tokenizer.json"))
    write_model(state, Shape(), tokenizer, options.new)


if __name__ == "__main__":
    main()
