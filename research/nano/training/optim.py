"""Muon for the matrices of transformer blocks, AdamW for everything else.

Muon: momentum whose update is made orthogonal by five Newton-Schulz steps (K. Jordan et al., 2024),
here batched over all matrices of one size, with fused projections and experts taken apart: a step of a small
model is mostly calls of small kernels, and this halves them.
"""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from research.nano.model.model import NanoOcr

HEADS_SCALE = 3.0
"""The training-only heads learn faster: in a warm start they are new and all else is trained."""
STEPS = (3.4445, -4.7750, 2.0315)


def orthogonal(x: Tensor) -> Tensor:
    """Return the nearest matrices with singular values near 1, for (n, a, b)."""
    y = _wide(x).bfloat16()
    y = y / (y.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = STEPS
    for _ in range(5):
        gram = y @ y.mT
        y = a * y + (b * gram + c * (gram @ gram)) @ y
    return _turned_like(y.float(), x)


def orthogonal_all(stacks: list[Tensor]) -> list[Tensor]:
    """Return `orthogonal` of every (n, a, b), those of one size, or its transpose, in one batch."""
    sizes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, x in enumerate(stacks):
        sizes[tuple(sorted(x.shape[-2:]))].append(index)
    found: dict[int, Tensor] = {}
    for indexes in sizes.values():
        whole = orthogonal(torch.cat([_wide(stacks[index]) for index in indexes]))
        parts = whole.split([len(stacks[index]) for index in indexes])
        for index, part in zip(indexes, parts, strict=True):
            found[index] = _turned_like(part, stacks[index])
    return [found[index] for index in range(len(stacks))]


def _wide(x: Tensor) -> Tensor:
    return x.mT if x.shape[-2] > x.shape[-1] else x


def _turned_like(wide: Tensor, x: Tensor) -> Tensor:
    return wide if wide.shape == x.shape else wide.mT


def _apart(x: Tensor, parts: int) -> Tensor:
    """Cut (n, a, b) into parts along rows, or along columns when parts is negative."""
    n, a, b = x.shape
    if parts > 0:
        return x.reshape(n * parts, a // parts, b)
    count = -parts
    return x.reshape(n, a, count, b // count).transpose(1, 2).reshape(n * count, a, b // count)


def _together(x: Tensor, parts: int, shape: tuple[int, int, int]) -> Tensor:
    n, a, b = shape
    if parts > 0:
        return x.reshape(shape)
    count = -parts
    return x.reshape(n, count, a, b // count).transpose(1, 2).reshape(shape)


class Muon(torch.optim.Optimizer):
    """Muon over (parameter, parts) pairs; parts as `_apart` takes it."""

    def __init__(self, parameters: list[tuple[nn.Parameter, int]], lr: float) -> None:
        super().__init__([p for p, _ in parameters], {"lr": lr, "decay": 0.05, "momentum": 0.95})
        self._groups: dict[tuple[torch.Size, int], list[nn.Parameter]] = defaultdict(list)
        for parameter, parts in parameters:
            self._groups[parameter.shape, parts].append(parameter)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Update every parameter from its gradient."""
        options = self.param_groups[0]
        updates = [
            _apart(self._update(members, options["momentum"]), parts)
            for (_, parts), members in self._groups.items()
        ]
        for ((shape, parts), members), pieces in zip(
            self._groups.items(), orthogonal_all(updates), strict=True
        ):
            scale = 0.2 * max(pieces.shape[-2:]) ** 0.5
            change = _together(pieces * scale, parts, (len(members), *shape))
            torch._foreach_mul_(members, 1 - options["lr"] * options["decay"])
            torch._foreach_add_(members, list(change.unbind(0)), alpha=-options["lr"])

    def _update(self, members: list[nn.Parameter], momentum: float) -> Tensor:
        """Add the gradients to their averages; return (members, a, b), what is to be made orthogonal."""
        for p in members:
            self.state[p].setdefault("average", torch.zeros_like(p))
        grads, averages = [p.grad for p in members], [self.state[p]["average"] for p in members]
        torch._foreach_lerp_(averages, grads, 1 - momentum)
        return torch.stack(torch._foreach_lerp(grads, averages, momentum))


def _parts(name: str, experts: int) -> int:
    if "qkv" in name:
        return 3
    if name.endswith(("experts.gate", "experts.up")):
        return experts
    return -experts if name.endswith("experts.down") else 1


def optimizers(model: NanoOcr, lr: float) -> list[torch.optim.Optimizer]:
    """Return Muon and AdamW over the model's trainable parameters."""
    experts = model.shape.decoder.experts
    muon: list[tuple[nn.Parameter, int]] = []
    matrices: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    heads: list[nn.Parameter] = []
    for name, p in model.named_parameters():
        block = "blocks." in name or "layers." in name
        if not p.requires_grad:
            continue
        if name.startswith("aux_"):
            heads.append(p)
        elif (
            p.ndim == 2
            and block
            and "rel_pos" not in name
            and "mlp.gate.weight" not in name
            and "projector" not in name
        ):
            muon.append((p, _parts(name, experts)))
        else:
            (matrices if p.ndim >= 2 else vectors).append(p)
    groups = [
        {"params": matrices, "weight_decay": 0.02},
        {"params": vectors, "weight_decay": 0.0},
        {"params": heads, "weight_decay": 0.0, "scale": HEADS_SCALE},
    ]
    fused = next(model.parameters()).is_cuda
    adam = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.97), eps=1e-10, fused=fused)
    return [Muon(muon, lr), adam]
