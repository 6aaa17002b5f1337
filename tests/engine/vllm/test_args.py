"""Keys that vLLM carries out: passed on where it can, refused by name where it cannot."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_args, get_type_hints

import pytest

from ocr_engine import config
from ocr_engine.cli.entries import batch_pdf
from ocr_engine.config import EngineConfig
from ocr_engine.engine.draft_args import BOOK_KEY
from ocr_engine.engine.sizes import ENCODER_PX_KEY, EngineSizes
from ocr_engine.engine.vllm.args import check_platform, engine_args
from ocr_engine.engine.vllm.shortcuts import DRAFTS, SCORES, SHORTCUTS
from ocr_engine.errors import ExitCode, UsageError

SIZES = EngineSizes("bfloat16", 8192, 8, 4096, None, 1)
KEYS = {"quantization": "fp8", "kv_cache_dtype": "fp8", "attention_backend": "FLASHINFER"}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_needs_a_gpu_is_refused_by_name_without_one(key, tmp_path, monkeypatch, capsys):
    asked = EngineConfig(**{key: KEYS[key]})
    with pytest.raises(UsageError, match=f"engine.{key}: {KEYS[key]}: needs a CUDA GPU"):
        check_platform(asked, gpu=False)
    check_platform(asked, gpu=True)
    check_platform(EngineConfig(), gpu=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    options = ["--set", f"engine.{key}={KEYS[key]}", "--output", str(tmp_path), "--quiet"]
    assert batch_pdf([str(Path(__file__).parents[3] / "samples"), *options]) == ExitCode.USAGE
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("key", KEYS)
def test_an_unknown_value_is_refused_with_the_known_ones(key):
    with pytest.raises(UsageError, match=f"engine.{key}"):
        config.load(None, {f"engine.{key}": "int3"})


def test_a_gpu_gets_all_three_and_a_cpu_none():
    found = engine_args(EngineConfig(**KEYS), Path("m"), SIZES, gpu=True)
    assert found["quantization"] == "fp8_per_channel"
    assert (found["kv_cache_dtype"], found["attention_backend"]) == ("fp8", "FLASHINFER")
    plain = engine_args(EngineConfig(), Path("m"), SIZES, gpu=True)
    assert plain["kv_cache_dtype"] == "auto" and not {"quantization", "attention_backend"} & plain.keys()
    assert not KEYS.keys() & engine_args(EngineConfig(), Path("m"), SIZES, gpu=False).keys()


def test_a_gpu_is_told_how_many_pixels_to_encode_at_once():
    found = engine_args(EngineConfig(), Path("m"), replace(SIZES, encoder_px=2 << 20), gpu=True)
    assert found["additional_config"][ENCODER_PX_KEY] == 2 << 20


def test_drafts_come_with_their_speculator_and_store_where_vllm_fits(monkeypatch):
    sizes = replace(SIZES, drafts=8)
    found = engine_args(EngineConfig(), Path("m"), sizes, gpu=True, phrases=[5, -1])
    assert found["speculative_config"]["num_speculative_tokens"] == 8
    assert found["logits_processors"][-1].endswith("drafter:DraftStore")
    assert found["additional_config"][BOOK_KEY] == [5, -1]
    for plain in (
        engine_args(EngineConfig(), Path("m"), SIZES, gpu=True),
        engine_args(EngineConfig(), Path("m"), sizes, gpu=True, shortcuts=("page groups",)),
        engine_args(EngineConfig(), Path("m"), sizes, gpu=False),
    ):
        assert "speculative_config" not in plain and len(plain["logits_processors"]) == 1


def test_what_the_worker_is_told_to_import_is_there(monkeypatch):
    pytest.importorskip("vllm", reason="needs vllm")
    from ocr_engine.engine.vllm import drafter
    from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard
    from ocr_engine.engine.vllm.internals import (
        NgramGPUSpeculator,
        Sampler,
        gpu_model_runner,
        ngram_speculator,
        rejection_sampler,
        topk_topp_sampler,
    )

    for changed in (
        (Sampler, "apply_sampling_params"),
        (DeviceNgramGuard, "bans_in_model_logits"),
        (rejection_sampler, "MAX_CHUNK_BYTES"),
        (gpu_model_runner, "ModelCudaGraphManager"),
        (gpu_model_runner.GPUModelRunner, "add_requests"),
    ):
        monkeypatch.setattr(*changed, getattr(*changed))
    found = engine_args(EngineConfig(), Path("m"), replace(SIZES, drafts=8), gpu=True)
    module, _, name = found["worker_extension_cls"].rpartition(".")
    theirs = topk_topp_sampler.register_top_k_top_p_warmups
    monkeypatch.setattr(topk_topp_sampler, "register_top_k_top_p_warmups", theirs)
    try:
        assert getattr(importlib.import_module(module), name)
        assert ngram_speculator.NgramGPUSpeculator.__name__ == "PageSpeculator"
        assert issubclass(ngram_speculator.NgramGPUSpeculator, NgramGPUSpeculator.__mro__[1])
        assert topk_topp_sampler.register_top_k_top_p_warmups is not theirs
    finally:
        importlib.reload(ngram_speculator)
    assert drafter.DraftStore.validate_params(SimpleNamespace(extra_args=None)) is None


@pytest.mark.parametrize(("share", "held"), [(0.85, 0.96), (0.95, 0.99), (0.99, 1.0)])
def test_torch_leaves_some_of_the_card(monkeypatch, share, held):
    torch = pytest.importorskip("torch")
    from ocr_engine.engine.vllm import drafter

    told = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", told.append)
    config = SimpleNamespace(cache_config=SimpleNamespace(gpu_memory_utilization=share))
    drafter._leave_memory(config, torch.device("cuda:0"))
    drafter._leave_memory(config, torch.device("cpu"))
    assert told == [pytest.approx(held)]


def test_vllm_knows_every_value():
    cache = pytest.importorskip("vllm.config.cache", reason="needs vllm")
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
    from vllm.v1.attention.backends.registry import AttentionBackendEnum

    hints = get_type_hints(EngineConfig)
    for value in get_args(hints["quantization"])[1:]:
        found = engine_args(EngineConfig(quantization=value), Path("m"), SIZES, gpu=True)
        assert found["quantization"] in QUANTIZATION_METHODS
    assert set(get_args(hints["attention_backend"])[1:]) <= set(AttentionBackendEnum.__members__)
    assert set(get_args(hints["kv_cache_dtype"])) <= set(get_args(cache.CacheDType))


def test_quantization_and_cache_type_mean_reading_again():
    assert {"engine.quantization", "engine.kv_cache_dtype"} <= set(config.READ_KEYS)
    assert "engine.attention_backend" not in config.READ_KEYS


@pytest.mark.parametrize(
    ("drafts", "scores", "shortcuts", "worker"),
    [
        (0, False, SHORTCUTS, "PageWorker"), (8, False, SHORTCUTS, "DraftWorker"),
        (0, True, SHORTCUTS, "ScoreWorker"), (8, True, SHORTCUTS, "DraftScoreWorker"),
        (8, True, (DRAFTS,), "DraftWorker"), (0, True, (DRAFTS,), "PageWorker"),
        (8, True, (SCORES,), "ScoreWorker"),
    ],
)  # fmt: skip
def test_the_worker_is_extended_by_what_is_wanted_and_fits(drafts, scores, shortcuts, worker):
    sizes = replace(SIZES, drafts=drafts)
    found = engine_args(EngineConfig(), Path("m"), sizes, gpu=True, shortcuts=shortcuts, scores=scores)
    assert found.get("worker_extension_cls", "").rpartition(".")[2] == worker
    assert "worker_extension_cls" not in engine_args(
        EngineConfig(), Path("m"), sizes, gpu=False, scores=scores
    )


def test_the_worker_that_scores_has_our_kernel_for_both_samplers(monkeypatch):
    pytest.importorskip("vllm", reason="needs vllm")
    from ocr_engine.engine.vllm import scores
    from ocr_engine.engine.vllm.internals import device_sampler, rejection_sampler

    theirs = device_sampler.compute_topk_scores
    for module in (device_sampler, rejection_sampler):
        monkeypatch.setattr(module, "compute_topk_scores", theirs)
    scores.install_in_worker()
    for module in (device_sampler, rejection_sampler):
        assert module.compute_topk_scores.__wrapped__ is theirs
