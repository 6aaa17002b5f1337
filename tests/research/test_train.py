"""The plan of a segment: budget, rates, losses, and what is compiled; nothing is trained here."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ocr_engine.model.deep_encoder import Run, run_layer
from research.nano.model.model import NanoOcr
from research.nano.model.shape import TINY
from research.nano.tools import assemble
from research.nano.training import faster, train
from research.nano.training.export import (
    has_heads,
    load_official,
    official_state,
    read_weights,
    save_shards,
    training_heads,
)  # fmt: skip
from research.nano.training.schedule import Plan, budget_s, loss_weights, rate
from research.nano.training.train import CONTROL_STEPS, Place, Trainer

BATCHES = ("base", "tiles of gundam", "overviews of gundam")
PLAN = Plan(Path("out"), Path("check.pt"), 1060.0, lr=1e-3, hold=0.65)


def test_a_segment_ends_when_it_must() -> None:
    assert budget_s(PLAN, 530, 1e9) == 1060
    late = Plan(Path("out"), Path("check.pt"), 1060.0, until=1000.0)
    assert budget_s(late, 530, 600.0) == 930 and budget_s(late, 530, 100.0) == 1060
    assert budget_s(late, 530, 2000.0) == 531 and budget_s(late, 0, 2000.0) > 0


def test_the_rate_warms_up_holds_and_falls_to_nearly_nothing() -> None:
    assert rate(PLAN, 0, 0.5) == pytest.approx(1e-3 / 60)
    assert rate(PLAN, 100, 0.5) == rate(PLAN, 100, 0.65) == 1e-3
    assert rate(PLAN, 100, 0.825) == pytest.approx(5e-4)
    assert rate(PLAN, 100, 1.0) == pytest.approx(5e-6)


def test_new_heads_learn_apart_first_and_trained_ones_do_not() -> None:
    assert loss_weights(10, 0.5).cold and not loss_weights(150, 0.5).cold
    assert not loss_weights(10, 0.5, trained_heads=True).cold
    assert loss_weights(200, 0.1).raster > loss_weights(200, 0.9).raster > 0


def test_heads_are_known_by_their_names(tmp_path: Path) -> None:
    model = NanoOcr(TINY)
    save_shards(official_state(model), tmp_path / "shipped")
    save_shards(official_state(model) | training_heads(model), tmp_path / "run")
    assert has_heads(tmp_path / "run") and not has_heads(tmp_path / "shipped")


def test_a_folder_with_heads_starts_a_further_segment(
    tmp_path: Path, small_assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "FOLDER", small_assets)
    torch.manual_seed(3)
    model = NanoOcr(TINY)
    save_shards(official_state(model) | training_heads(model), tmp_path / "run")
    assemble.assemble(tmp_path / "run", tmp_path / "plain", TINY)
    assemble.assemble(tmp_path / "run", tmp_path / "whole", TINY, heads=True)
    assert has_heads(tmp_path / "whole") and not has_heads(tmp_path / "plain")
    other = NanoOcr(TINY)
    load_official(other, read_weights(tmp_path / "whole"))
    assert torch.allclose(other.aux_classes.weight, model.aux_classes.weight, atol=1e-2)


def _compile(monkeypatch: pytest.MonkeyPatch, compiled: Run, gain: float) -> tuple[NanoOcr, dict[str, str]]:
    """Compile a tiny model with a compiler and clock of ours."""
    model = NanoOcr(TINY)
    monkeypatch.setattr(faster, "PADDED", {"base": 64, "gundam": 64})
    monkeypatch.setattr(faster, "TILE", 32)
    monkeypatch.setattr(torch, "compile", lambda run, dynamic: compiled)
    monkeypatch.setattr(
        faster, "_seconds", lambda encode, images: gain if encode == model.encode_plainly else 1.0
    )
    return model, faster.compile_encoder(model, torch.device("cpu"), 0.05)


def test_what_is_faster_and_the_same_is_used_in_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[nn.Module] = []

    def compiled(layer: nn.Module, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
        calls.append(layer)
        return run_layer(layer, x, added)

    model, said = _compile(monkeypatch, compiled, 1.4)
    assert [said[name] for name in BATCHES] == ["yes: 1.40 times as fast"] * 3
    # Two pages at base; one page's six tiles, and its overview.
    assert list(model.compiled) == [(2, 3, 64, 64), (6, 3, 32, 32), (1, 3, 64, 64)]
    before = len(calls)
    model.encode(torch.zeros(2, 3, 64, 64))
    assert calls[before:] == [*model.model.sam_model.blocks, *model.model.vision_model.transformer.layers]
    before = len(calls)
    model.encode(torch.zeros(3, 3, 64, 64))
    model.eval()
    model.encode(torch.zeros(2, 3, 64, 64))
    assert len(calls) == before


def _broken(layer: nn.Module, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
    raise RuntimeError("no compiler")


def _wrong(layer: nn.Module, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
    x, added = run_layer(layer, x, added)
    return x, 2 * added


@pytest.mark.parametrize(
    ("compiled", "gain", "said"),
    [
        (run_layer, 1.02, "no: 1.02 times as fast"),
        (_wrong, 9.0, "no: 0.00 times as fast"),
        (_broken, 9.0, "no: 0.00 times as fast (RuntimeError: no compiler)"),
    ],
)
def test_what_is_slow_wrong_or_broken_is_not(
    monkeypatch: pytest.MonkeyPatch, compiled: Run, gain: float, said: str
) -> None:
    model, found = _compile(monkeypatch, compiled, gain)
    assert [found[name] for name in BATCHES] == [said] * 3 and not model.compiled
    assert all(p.grad is None for p in model.parameters())


def test_no_more_than_so_long_is_spent_on_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faster, "MOST_COMPILING_S", 0.0)
    model, found = _compile(monkeypatch, run_layer, 1.4)
    assert list(found) == ["took"] and not model.compiled


def _trainer(plan: Plan) -> Trainer:
    stream: Any = SimpleNamespace(drawn={}, fed={})
    return Trainer(plan, Place(0, 1, torch.device("cpu")), stream, SimpleNamespace(value=0.0))


def test_a_run_that_must_end_saves_first_and_goes_on_from_there(
    tmp_path: Path, small_assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "FOLDER", small_assets)
    usual = signal.getsignal(signal.SIGTERM)
    plan = Plan(tmp_path, tmp_path / "check.pt", 600.0, tiny=True, eval_pages=0)
    trainer, steps = _trainer(plan), []

    def update(progress: float) -> None:
        trainer.step += 1
        if not steps:
            signal.raise_signal(signal.SIGTERM)
        steps.append(progress)

    monkeypatch.setattr(trainer, "update", update)
    try:
        trainer.run()
    finally:
        signal.signal(signal.SIGTERM, usual)
    said = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert len(steps) == CONTROL_STEPS and said["stopped"] and read_weights(tmp_path / "weights")
    assert _trainer(replace(plan, resume=True)).step == CONTROL_STEPS


def test_what_came_of_compiling_is_in_the_log(
    tmp_path: Path, small_assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "FOLDER", small_assets)
    monkeypatch.setattr(train, "compile_encoder", lambda *_: {"base": "no: 1.00 times as fast"})
    _trainer(Plan(tmp_path, tmp_path / "check.pt", 60.0, tiny=True, compile=True, eval_pages=0))
    assert json.loads((tmp_path / "log.jsonl").read_text())["compiled"] == {"base": "no: 1.00 times as fast"}


def test_the_time_of_steps_is_written_by_operation(tmp_path: Path) -> None:
    with faster.profiled(tmp_path / "profile.txt"):
        torch.ones(8, 8) @ torch.ones(8, 8)
    assert "aten::mm" in (tmp_path / "profile.txt").read_text()
