import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from ocr_engine.engine.vllm.view_tensors import FIELDS, count_tokens
from ocr_engine.model import view_batches
from ocr_engine.model.deep_encoder import UNUSED_WEIGHTS, DeepEncoder
from ocr_engine.model.encoder_config import DeepEncoderConfig
from ocr_engine.model.fused import normalize
from ocr_engine.model.vision_tower import VisionTower
from tests.model.conftest import NANO

PAGES = {
    "tiny": (512,),
    "small": (640,),
    "base": (1024,),
    "gundam": (1024, 640, (2, 1)),
    "gundam-m": (1280, 1024, (1, 2)),
}


def features(tower, *pages):
    columns = [[page[name][0] for page in pages] for name in FIELDS]
    with torch.inference_mode():
        return tower(*columns)


def relative_error(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def small_tower():
    """A tower of a few hundred parameters for layout tests at every size."""
    sam = {"width": 8, "layers": 2, "heads": 2, "global_attn_indexes": [1], "downsample_channels": [4, 8]}
    clip = {"width": 8, "layers": 1, "heads": 2, "image_size": 224, "patch_size": 14}
    torch.manual_seed(0)
    tower = VisionTower(DeepEncoderConfig.from_vision_config({"sam_vit_b": sam, "clip-l-14-224": clip}), 5)
    for parameter in tower.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return tower.eval()


SMALL = small_tower()


class CellEncoder:
    """Stands in for the encoder: every cell's feature is the colour of the first of its 64 x 64 pixels."""

    def __init__(self, *_):
        pass

    def __call__(self, views):
        cells = views[:, ::64, ::64].float()
        return torch.cat([cells, torch.zeros(*cells.shape[:3], 13)], -1)


@settings(max_examples=25)
@given(
    st.lists(
        st.sampled_from(
            [(512,), (640,), (1024,), (1280,)]
            + [(1024, 640, (i, j)) for i in range(1, 10) for j in range(1, 10) if 2 <= i * j <= 9]
            + [(1280, 1024, (i, j)) for i in range(1, 4) for j in range(1, 3) if i * j >= 2]
        ),
        min_size=1,
        max_size=4,
    )
)
def test_one_feature_a_placeholder_for_every_size(shapes):
    pages = []
    for base_px, tile_px, grid in ((*shape, 0, (1, 1))[:3] for shape in shapes):
        count = grid[0] * grid[1] if tile_px else 0
        pages.append(
            {
                "global_views": torch.zeros(1, base_px, base_px, 3, dtype=torch.uint8),
                "tiles": torch.zeros(1, count, tile_px, tile_px, 3, dtype=torch.uint8),
                "grids": torch.tensor([grid]),
            }
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ocr_engine.model.vision_tower.DeepEncoder", CellEncoder)
        found = features(SMALL, *pages)
    assert [tuple(item.shape) for item in found] == [
        (count_tokens(*(page[name][0] for name in FIELDS)), 5) for page in pages
    ]


def test_layout_is_tiles_then_global_view_then_separator(monkeypatch, page):
    monkeypatch.setattr("ocr_engine.model.vision_tower.DeepEncoder", CellEncoder)
    one = page(1024, 640, (2, 3))
    for number in range(6):
        one["tiles"][0, number] = 10 * (number + 1)
    one["global_views"][:] = 200
    (found,) = features(SMALL, one)
    rows = found[: 30 * 21].view(30, 21, 5)
    colour = SMALL.projector(torch.eye(16)[:3].sum(0)) - SMALL.projector.layers.bias
    for row in range(30):
        for column in range(20):
            number = 2 * (row // 10) + column // 10
            expected = colour * 10 * (number + 1) + SMALL.projector.layers.bias
            assert torch.allclose(rows[row, column], expected, atol=1e-3)
    assert torch.equal(rows[:, 20], SMALL.image_newline.expand(30, 5))
    whole = found[30 * 21 : -1].view(16, 17, 5)
    assert torch.equal(whole[:, 16], SMALL.image_newline.expand(16, 5))
    assert torch.allclose(whole[:, :16], colour * 200 + SMALL.projector.layers.bias, atol=1e-3)
    assert torch.equal(found[-1], SMALL.view_seperator)


def test_a_page_alone_and_among_others_has_the_same_features(page):
    pages = [page(*shape, seed=seed) for seed, shape in enumerate(PAGES.values())]
    mixed = features(SMALL, *pages, *reversed(pages))
    for place, name in enumerate(PAGES):
        (alone,) = features(SMALL, pages[place])
        assert relative_error(mixed[place], alone) < 1e-5, name
        assert relative_error(mixed[-1 - place], alone) < 1e-5, name


def test_batches_larger_than_a_chunk_equal_single_views(page, monkeypatch):
    views = torch.cat([page(512, seed=seed)["global_views"] for seed in range(5)])
    together = SMALL.encode_views([views])[0]
    monkeypatch.setattr(view_batches, "_BATCH_PX", {"cpu": 512 * 512})
    one_by_one = SMALL.encode_views([views])[0]
    assert relative_error(together, one_by_one) < 1e-5


def test_a_tower_encodes_no_more_at_once_than_it_is_told(page, monkeypatch):
    views = torch.cat([page(512, seed=seed)["global_views"] for seed in range(5)])
    together, seen, encode = SMALL.encode_views([views])[0], [], DeepEncoder.__call__
    monkeypatch.setattr(
        DeepEncoder, "__call__", lambda self, part: seen.append(len(part)) or encode(self, part)
    )
    monkeypatch.setattr(SMALL, "batch_px", 2 * 512 * 512, raising=False)
    parted = SMALL.encode_views([views])[0]
    assert seen == [2, 2, 1] and relative_error(together, parted) < 1e-5


def test_a_page_of_one_channel_has_the_features_of_three_equal_ones(page):
    grey, colour = page(1024, 640, (2, 1), seed=1), page(1024, 640, (2, 1), seed=2)
    for name in ("global_views", "tiles"):
        grey[name] = grey[name][..., :1]
    spread = grey | {name: grey[name].repeat_interleave(3, -1) for name in ("global_views", "tiles")}
    found, expected = features(SMALL, grey, colour, grey), features(SMALL, spread, colour, spread)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_stacked_and_listed_pages_are_the_same(page):
    pages = [page(512, seed=seed) for seed in range(2)]
    listed = features(SMALL, *pages)
    with torch.inference_mode():
        stacked = SMALL(*(torch.cat([item[name] for item in pages]) for name in FIELDS))
    assert all(torch.equal(a, b) for a, b in zip(listed, stacked, strict=True))


def test_normalisation_is_the_official_one_bit_for_bit():
    levels = torch.arange(256, dtype=torch.uint8)
    expected = (levels.to(torch.float32).div(255) - 0.5) / 0.5
    assert torch.equal(normalize(levels, torch.float32), expected)
    assert torch.equal(normalize(levels, torch.bfloat16), expected.to(torch.bfloat16))


def test_every_tensor_of_the_checkpoint_is_a_parameter_or_named_unused(tower):
    with safe_open(NANO / "model.safetensors", "pt") as file:
        vision = {
            name.removeprefix("model.")
            for name in file.keys()  # noqa: SIM118 - not a mapping
            if not name.startswith(("model.layers.", "model.embed_tokens.", "model.norm.", "lm_head."))
        }
    unused = {f"vision_model.{name}" for name in UNUSED_WEIGHTS}
    assert vision - unused == set(tower.state_dict())


def test_configs_that_do_not_fit_are_refused_by_name():
    widths = json.loads((NANO / "config.json").read_text())["vision_config"]["width"]
    with pytest.raises(ValueError, match="heads"):
        broken = {**widths, "sam_vit_b": {k: v for k, v in widths["sam_vit_b"].items() if k != "heads"}}
        DeepEncoderConfig.from_vision_config(broken)
    with pytest.raises(ValueError, match="sam_vit_b"):
        DeepEncoderConfig.from_vision_config({})
    with pytest.raises(ValueError, match="channels"):
        DeepEncoderConfig.from_vision_config(
            {**widths, "sam_vit_b": {**widths["sam_vit_b"], "downsample_channels": [192, 128]}}
        )


def test_official_sizes_are_the_defaults():
    widths = {
        "clip-l-14-224": {"heads": 16, "image_size": 224, "layers": 24, "patch_size": 14, "width": 1024},
        "sam_vit_b": {
            "downsample_channels": [512, 1024],
            "global_attn_indexes": [2, 5, 8, 11],
            "heads": 12,
            "layers": 12,
            "width": 768,
        },
    }
    config = DeepEncoderConfig.from_vision_config(widths)
    assert (config.sam.neck, config.sam.window, config.sam.patch_px, config.sam.image_px) == (
        256,
        14,
        16,
        1024,
    )
    assert config.clip.ffn == 4096 and config.width == 2048
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in VisionTower(config, 1280).parameters())
    assert 3.9e8 < count < 4.1e8
