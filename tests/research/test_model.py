import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ocr_engine.model.deep_encoder import run_layer
from ocr_engine.model.encoder_config import DeepEncoderConfig
from ocr_engine.model.vision_tower import VisionTower
from research.nano.model.decoder import Guide, guide_loss
from research.nano.model.model import SEARCHER, NanoOcr, Weights, patch_raster, side_by_side
from research.nano.model.shape import CLIP, SAM, TINY, Shape
from research.nano.training.batches import Batch, augment, to_pixels
from research.nano.training.export import config, load_official, official_state, read_weights, save_shards
from research.nano.training.optim import optimizers, orthogonal, orthogonal_all
from tests.places import NANO


def _tiny() -> NanoOcr:
    torch.manual_seed(0)
    return NanoOcr(TINY).eval()


def test_visual_tokens_are_counted_as_officially() -> None:
    model = _tiny()
    with torch.no_grad():
        seen, _ = model.visual_tokens(torch.zeros(1, 3, 640, 640), None, (0, 0))
        assert seen.shape[1] == 111
        tiles = torch.zeros(2, 3, 640, 640)
        seen, grid = model.visual_tokens(torch.zeros(1, 3, 1024, 1024), tiles, (2, 1))
    assert seen.shape[1] == 483 and grid.tokens.shape[1:3] == (10, 20)
    assert grid.patches.shape[1:3] == (40, 80)


def test_features_are_the_products() -> None:
    """The shipped weights, a picture: what training sees, with gradients, and what the product computes."""
    weights, picture = read_weights(NANO), torch.randint(0, 256, (1, 640, 640, 3), dtype=torch.uint8)
    model = NanoOcr().eval()
    load_official(model, weights)
    tower = VisionTower(DeepEncoderConfig(SAM, CLIP), Shape().decoder.hidden).eval()
    tower.load_state_dict({name: model.state_dict()[f"model.{name}"] for name in tower.state_dict()})
    images = picture.permute(0, 3, 1, 2).float() / 127.5 - 1
    trained = model.encode(images).tokens
    assert trained.requires_grad
    with torch.inference_mode():
        (expected,) = tower.encode_views([picture])
        assert torch.allclose(model.encode(images).tokens, expected, atol=1e-4)
    assert torch.allclose(trained, expected, atol=1e-4) and expected.std() > 0.1


def test_activations_keep_the_type_of_training() -> None:
    types: set[torch.dtype] = set()

    def run(layer: nn.Module, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
        types.update(part.dtype for part in (x, added) if part is not None)
        return run_layer(layer, x, added)

    with torch.autocast("cpu", torch.bfloat16):
        seen = _tiny().encode_plainly(torch.randn(1, 3, 128, 128).bfloat16(), run)
    assert types | {part.dtype for part in seen} == {torch.bfloat16}


def test_every_weight_of_the_encoder_learns() -> None:
    model = _tiny()
    model.encode(torch.randn(1, 3, 128, 128)).tokens.square().sum().backward()
    encoder = ("sam_model", "vision_model", "projector")
    still = [
        name for name, p in model.model.named_parameters() if name.startswith(encoder) and p.grad is None
    ]
    assert still == ["vision_model.embeddings.patch_embedding.weight"]


def test_cached_decoding_equals_one_pass() -> None:
    model = _tiny()
    images = torch.randn(2, 3, 320, 320)
    ids = model.generate(images, None, (0, 0), [0, 7, 8], 1, 6)
    with torch.no_grad():
        seen, _ = model.visual_tokens(images, None, (0, 0))
        text = model.model.embed_tokens(torch.tensor([[0, 7, 8, *row[:-1]] for row in ids]))
        x = torch.cat([text[:, :1], seen, text[:, 1:]], 1)
        for layer in model.model.layers:
            x, _, _ = layer(x, model.cos[: x.shape[1]], model.sin[: x.shape[1]], None)
        best = model.lm_head(model.model.norm(x)).argmax(-1)[:, -6:]
    assert best.tolist() == ids


def test_weights_survive_export(tmp_path: Path) -> None:
    model, other = _tiny(), NanoOcr(TINY)
    save_shards(official_state(model, torch.float32), tmp_path)
    load_official(other, read_weights(tmp_path))
    for name, value in official_state(model).items():
        assert torch.equal(value, official_state(other)[name]), name


def test_config_names_the_sizes() -> None:
    found = config(Shape())
    assert found["num_hidden_layers"] == 5 and found["vocab_size"] == 9216
    assert found["language_config"]["use_mla"] is False  # type: ignore[index]


def test_muon_updates_are_near_orthogonal() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(2, 40, 24)))
    assert values.min() > 0.5 and values.max() < 1.4


def test_matrices_of_one_size_are_made_orthogonal_together_and_each_for_itself() -> None:
    torch.manual_seed(1)
    stacks = [torch.randn(2, 40, 24), torch.randn(3, 24, 40), torch.randn(1, 16, 16)]
    for found, stack in zip(orthogonal_all(stacks), stacks, strict=True):
        assert found.shape == stack.shape and torch.allclose(found, orthogonal(stack), atol=2e-2)


def test_an_optimizer_step_moves_every_matrix_against_its_gradient() -> None:
    model = _tiny()
    for optimizer in (tuned := optimizers(model, 1e-3)):
        for p in (p for group in optimizer.param_groups for p in group["params"]):
            p.grad = torch.randn_like(p)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    tuned[0].step()
    moved = {p for group in tuned[0].param_groups for p in group["params"]}
    for name, p in model.named_parameters():
        step = p.detach() - before[name]
        assert (p in moved) == bool(step.abs().sum())
        if p in moved:
            assert (step * p.grad).sum() < 0, name


def test_patches_are_asked_where_tokens_are() -> None:
    """A slot of 4 x 8 px is the same place counted by tokens of 64 px or by patches of 16."""
    columns, x, y = 5, [3, 70, 319, 130], [5, 60, 130, 191]
    across, down = torch.tensor(x), torch.tensor(y)
    by_token = (down // 64 * columns + across // 64) * 128 + down % 64 // 8 * 16 + across % 64 // 4
    by_patch = (down // 16 * columns * 4 + across // 16) * 8 + down % 16 // 8 * 4 + across % 16 // 4
    raster = torch.stack([torch.cat([by_token, torch.tensor([-1])]), torch.tensor([7, 8, 9, 1, -1])], -1)
    found = patch_raster(raster[None], columns)[0]
    assert found[:, 0].tolist() == [*by_patch.tolist(), -1] and found[:, 1].tolist() == [7, 8, 9, 1, -1]


def test_tiles_lie_side_by_side_as_on_the_page() -> None:
    tiles = torch.arange(12).view(12, 1, 1, 1).expand(12, 2, 2, 1)
    page = side_by_side(tiles, 2, (3, 2))[1, :, :, 0]
    assert page.tolist() == [[6, 6, 7, 7, 8, 8]] * 2 + [[9, 9, 10, 10, 11, 11]] * 2


def test_many_questions_to_a_page_are_learned_as_if_each_had_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "research.nano.model.model.augment", lambda grey, pages, dtype: to_pixels(grey, dtype)
    )
    model, rows = _tiny(), torch.Generator().manual_seed(1)
    shared = Batch(
        mode="small",
        grid=(0, 0),
        overview=torch.randint(0, 255, (2, 320, 320), generator=rows, dtype=torch.uint8),
        tiles=None,
        ids=torch.randint(8, 90, (6, 32), generator=rows),
        targets=torch.randint(8, 90, (6, 32), generator=rows),
        cells=torch.randint(0, 25, (6, 32), generator=rows),
        sought=torch.randint(-1, 25, (6, 32), generator=rows),
        raster=torch.stack([torch.arange(40).expand(2, -1), torch.arange(40).expand(2, -1) % 7], -1),
    )
    alone = replace(
        shared, overview=shared.overview.repeat_interleave(3, 0), raster=shared.raster.repeat_interleave(3, 0)
    )
    with torch.no_grad():
        found, wanted = (model(batch, Weights(0.3, 0.1))[0] for batch in (shared, alone))
    assert found == pytest.approx(float(wanted), rel=1e-4)


def test_strokes_differ_in_weight_and_paper_stays_paper() -> None:
    torch.manual_seed(0)
    grey = torch.tensor([255, 128, 0], dtype=torch.uint8).view(1, 1, 3).expand(64, 3, 3)
    seen = augment(grey, 64, torch.float32).mean((1, 2))
    assert (seen[:, 1] - (seen[:, 0] + seen[:, 2]) / 2).std() > 0.03
    assert seen[:, 0].mean() > 0.5 > seen[:, 2].mean()


def test_a_head_is_drawn_to_where_it_should_look() -> None:
    q, k = torch.zeros(1, 3, 6, 4), torch.zeros(1, 3, 6, 4)
    q[0, SEARCHER, 4, 0] = k[0, SEARCHER, 2, 0] = 8.0
    targets = torch.tensor([[-100, 2, -100]])
    right, wrong = (guide_loss(q, k, Guide(3, t, SEARCHER)) for t in (targets, targets.clamp(max=1)))
    assert right < 0.01 and wrong > 10
    assert guide_loss(q, k, Guide(3, targets)) == pytest.approx(math.log(5))
    assert guide_loss(q, k, Guide(3, targets, share=2.0)) == pytest.approx(2 * math.log(5))


def test_heads_search_for_what_a_prompt_names_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "research.nano.model.model.augment", lambda grey, pages, dtype: to_pixels(grey, dtype)
    )
    model, rows = _tiny(), torch.Generator().manual_seed(1)
    cells = torch.full((2, 32), -1)
    cells[:, 9] = 3
    batch = Batch(
        mode="small",
        grid=(0, 0),
        overview=torch.zeros(2, 320, 320, dtype=torch.uint8),
        tiles=None,
        ids=torch.randint(8, 90, (2, 32), generator=rows),
        targets=torch.randint(8, 90, (2, 32), generator=rows),
        cells=cells,
        sought=None,
        raster=torch.ones(2, 4, 2, dtype=torch.int32),
    )
    plain, seeking = (model._guides(b, 31) for b in (batch, replace(batch, sought=cells)))
    assert {layer: len(guides) for layer, guides in plain.items()} == {1: 1, 2: 1, 3: 1, 4: 1}
    assert {layer: len(guides) for layer, guides in seeking.items()} == {1: 2, 2: 2, 3: 1, 4: 1}
    guide = seeking[1][1]
    assert guide.start == 32 and guide.targets[0, 8] == 4 and (guide.targets == -100).sum() == 60
    half = torch.where(torch.tensor([[True], [False]]), cells, -1)
    with torch.no_grad():
        losses = [float(model(replace(batch, sought=x), Weights(0.0, 1.0))[0]) for x in (None, half, cells)]
    assert losses[1] > losses[0] + 0.2
    assert losses[2] - losses[0] == pytest.approx(2 * (losses[1] - losses[0]), rel=0.2)
