"""How far a vision tower in bfloat16 is from float32, stage by stage, with a checkpoint folder's weights."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.parts.encoder import new_tower
from fixtures.recipe import picture
from ocr_engine.families import FAMILIES
from ocr_engine.families.views import make_views
from ocr_engine.records import PageViews
from parity.stages import error, our_stages


def tower_of(folder: Path, family: str, device: str) -> nn.Module:
    """The vision tower with the folder's weights in float32."""
    config = json.loads((folder / "config.json").read_text())
    widths, decoder_width = config["vision_config"]["width"], config["projector_config"]["n_embed"]
    tower: nn.Module = new_tower(family, widths, decoder_width)
    weights: dict[str, Tensor] = {}
    for file in folder.glob("*.safetensors"):
        weights |= load_file(file)
    names = tower.state_dict()
    tower.load_state_dict({name: weights[f"model.{name}"].float() for name in names})
    return tower.eval().to(device)


@torch.inference_mode()
def precision(folder: Path, family: str, device: str) -> Iterator[tuple[str, str, list[float]]]:
    """Per mode: its name, float32 against the CPU (at base), bfloat16 against float32 after every stage."""
    wide, narrow = tower_of(folder, family, device), tower_of(folder, family, device).bfloat16()
    for mode in FAMILIES[family].modes.values():
        views = make_views(picture(1190, 1684), mode)
        one = torch.from_numpy(views.global_view)[None].to(device)
        exact, rounded = our_stages(wide, one, torch.float32), our_stages(narrow, one, torch.bfloat16)
        whole = features(wide, views, device)
        errors = [error(b, a) for a, b in zip(exact, rounded, strict=True)]
        errors.append(error(features(narrow, views, device), whole))
        across = against_cpu(wide, views, whole) if device != "cpu" and mode.name == "base" else "-"
        yield mode.name, across, errors


def features(tower: nn.Module, views: PageViews, device: str) -> Tensor:
    """(tokens, D) of one page."""
    whole, tiles = torch.from_numpy(views.global_view).to(device), torch.from_numpy(views.tiles).to(device)
    return tower([whole], [tiles], [torch.tensor(views.grid)])[0]


def against_cpu(tower: nn.Module, views: PageViews, found: Tensor) -> str:
    """The error of float32 features relative to the same on the CPU."""
    return f"{error(found.cpu(), features(copy.deepcopy(tower).cpu(), views, 'cpu')):.1e}"
