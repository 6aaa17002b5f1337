"""DeepSeek-OCR-2's vision tower against transformers' own `deepseek_ocr2`, on the same random weights."""

import json
from operator import itemgetter

import pytest
import torch
from safetensors.torch import load_file
from transformers import DeepseekOcr2Config, DeepseekOcr2Model
from transformers.models.deepseek_ocr2.modeling_deepseek_ocr2 import DeepseekOcr2VisionModel

from ocr_engine.engine.vllm.view_tensors import check_views, largest_page
from ocr_engine.errors import RequestError
from ocr_engine.families import FAMILIES, OCR2, queries, view_tokens
from ocr_engine.model.encoder_config import QUERIES, QueryDeepEncoderConfig
from ocr_engine.model.query_tower import QueryVisionTower

DECODER_WIDTH = 24
SAM = {"width": 16, "layers": 2, "heads": 1, "global_attn_indexes": [1], "downsample_channels": [48, 1024]}
QUERY = {"dim": 32, "layers": 3, "heads": 4, "kv_heads": 2, "ffn": 40}
WIDTHS = {"sam_vit_b": {**SAM, "neck": 16}, "qwen2-0-5b": QUERY}
CONFIG = {
    "vision_config": {
        "sam_config": {
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 1,
            "global_attn_indexes": [1],
            "downsample_channels": [48, 32],
        },
        "encoder_config": {
            "hidden_size": 32,
            "intermediate_size": 40,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": 1,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        },
    },
    "text_config": {
        "hidden_size": DECODER_WIDTH,
        "intermediate_size": 16,
        "moe_intermediate_size": 8,
        "n_routed_experts": 2,
        "num_experts_per_tok": 1,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "vocab_size": 8,
        "mlp_layer_types": ["dense", "sparse"],
        "bos_token_id": 0,
        "eos_token_id": 1,
    },
}


@pytest.fixture(scope="module")
def reference():
    model = DeepseekOcr2Model(DeepseekOcr2Config(**CONFIG)).eval()
    torch.manual_seed(3)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture(scope="module")
def tower(reference, tmp_path_factory):
    """Ours, loaded by the official names, which transformers writes back when it saves."""
    folder = tmp_path_factory.mktemp("official")
    reference.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    decoder = ("layers.", "embed_tokens.", "norm.")
    names = {name.removeprefix("model."): name for name in weights}
    ours = QueryVisionTower(QueryDeepEncoderConfig.from_vision_config(WIDTHS), DECODER_WIDTH)
    ours.load_state_dict({name: weights[at] for name, at in names.items() if not name.startswith(decoder)})
    return ours.eval()


def views(count, side, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)


def pixels(uint8_views):
    return (uint8_views.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def relative_error(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


def page(base_px, tiles=0, seed=0):
    return views(1, base_px, seed)[0], views(tiles, 768, seed + 100), torch.tensor([tiles or 1, 1])


def features(tower, *pages):
    with torch.inference_mode():
        return tower(*zip(*pages, strict=True))


def expected_features(reference, *pages):
    tiles = [tile for _, tiles, _ in pages for tile in tiles]
    with torch.inference_mode():
        found = reference.get_image_features(
            pixels(torch.stack([whole for whole, _, _ in pages])),
            pixels(torch.stack(tiles)) if tiles else None,
            [len(tiles) for _, tiles, _ in pages] if tiles else None,
        )
    return found.pooler_output


@pytest.mark.parametrize("side", [768, 1024])
def test_every_layer_equals_transformers(reference, tower, side):
    one = views(2, side)
    theirs, ours = [], []
    encoder: DeepseekOcr2VisionModel = reference.vision_tower
    sam, layers = tower.sam_model, tower.qwen2_model.model["model"]
    watched = (
        ([*encoder.sam_encoder.layers, encoder.sam_encoder.neck, encoder.sam_encoder.proj], theirs, None),
        ([*encoder.vision_encoder.layers, encoder.vision_encoder.norm], theirs, None),
        # A layer of ours gives the residual stream and what the next norm adds to it, a norm both of its own.
        (sam.blocks, ours, sum),
        ([sam.neck, sam.net_3], ours, None),
        (layers.layers, ours, sum),
        ([layers.norm], ours, itemgetter(1)),
    )
    hooks = [
        layer.register_forward_hook(
            lambda _, __, output, seen=seen, whole=whole: seen.append(whole(output) if whole else output)
        )
        for modules, seen, whole in watched
        for layer in modules
    ]
    with torch.inference_mode():
        encoder(pixels(one))
        tower(list(one), [one[:0]] * 2, [torch.ones(2, dtype=torch.int64)] * 2)
    for hook in hooks:
        hook.remove()
    assert len(ours) == len(theirs) == 8
    for found, expected in zip(ours, theirs, strict=True):
        assert relative_error(found, expected) < 1e-5


@pytest.mark.parametrize("tiles", [0, 3])
def test_whole_features_equal_transformers(reference, tower, tiles):
    one = page(1024, tiles)
    (found,), (expected,) = features(tower, one), expected_features(reference, one)
    assert found.shape == (257 + 144 * tiles, DECODER_WIDTH)
    assert relative_error(found, expected) < 1e-5


def test_a_view_of_768_px_alone_equals_transformers(reference, tower):
    one = page(768)
    (found,), (expected,) = features(tower, one), expected_features(reference, one)
    assert found.shape == (145, DECODER_WIDTH)
    assert relative_error(found, expected) < 1e-5


def test_pages_of_all_kinds_in_one_batch_equal_each_alone(tower):
    pages = [page(1024, 2, 1), page(768, 0, 2), page(1024, 0, 3)]
    for one, found in zip(pages, features(tower, *pages), strict=True):
        (alone,) = features(tower, one)
        assert relative_error(found, alone) < 1e-5


def test_all_views_of_a_size_are_one_batch(tower, monkeypatch):
    batches = []
    monkeypatch.setattr(
        tower.sam_model.patch_embed,
        "forward",
        lambda x, real=tower.sam_model.patch_embed.forward: batches.append(tuple(x.shape[:2])) or real(x),
    )
    monkeypatch.setattr("ocr_engine.model.view_batches._BATCH_PX", {"cpu": 1 << 30})
    features(tower, page(1024, 2, 1), page(1024, 0, 3), page(768, 0, 4))
    assert sorted(batches) == [(2, 1024), (3, 768)]


def test_a_size_without_queries_is_refused(tower):
    with pytest.raises(ValueError, match="144 or 256"):
        features(tower, (*page(1024)[:1], views(2, 640), torch.tensor([2, 1])))


@pytest.mark.parametrize("mode", FAMILIES[OCR2].modes.values(), ids=str)
def test_every_mode_has_learned_queries(mode):
    for side in {mode.base_size_px, mode.tile_size_px}:
        assert queries(side) ** 2 == QUERIES[f"query_{side}"]
    assert (
        view_tokens(mode.base_size_px, mode.tile_size_px, 1, 1, row_newline=mode.row_newline)
        == queries(mode.base_size_px) ** 2 + 1
    )


def test_official_sizes_are_the_defaults():
    official = json.loads(
        '{"qwen2-0-5b": {"dim": 896}, "sam_vit_b": {"downsample_channels": [512, 1024],'
        ' "global_attn_indexes": [2, 5, 8, 11], "heads": 12, "layers": 12, "width": 768}}'
    )
    config = QueryDeepEncoderConfig.from_vision_config(official)
    assert config.sam.downsample == (512, 896)
    with torch.device("meta"):
        tower = QueryVisionTower(config, 1280)
    shapes = {name: tuple(parameter.shape) for name, parameter in tower.named_parameters()}
    assert shapes["qwen2_model.model.model.layers.23.self_attn.k_proj.weight"] == (128, 896)
    assert shapes["qwen2_model.query_1024.weight"] == (256, 896)
    assert shapes["sam_model.net_3.weight"] == (896, 512, 3, 3)
    assert shapes["projector.layers.weight"] == (1280, 896)


def test_a_config_without_the_query_encoder_is_refused_by_name():
    with pytest.raises(ValueError, match="qwen2-0-5b"):
        QueryDeepEncoderConfig.from_vision_config({"sam_vit_b": SAM})


def test_views_of_the_other_family_are_refused_before_the_model():
    views_of_2, most = largest_page(OCR2)
    check_views(views_of_2, OCR2)
    assert most == 1121
    with pytest.raises(RequestError, match="768 px beside a global view of 1024"):
        check_views(views_of_2)
    with pytest.raises(RequestError, match="expected 2 to 6"):
        check_views(largest_page()[0] | {"global_views": views_of_2["global_views"]}, OCR2)
    with pytest.raises(RequestError, match="1280 px, a size no mode has"):
        check_views(largest_page()[0], OCR2)
