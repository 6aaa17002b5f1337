from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ocr_engine.config import EngineConfig
from ocr_engine.engine import sizes
from ocr_engine.engine.checkpoint import NANO, Checkpoint
from ocr_engine.engine.sizes import choose_sizes, slow_start_warning, verifies_drafts
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.families import OCR2, UNLIMITED

GIB = 1 << 30
FULL = Checkpoint(Path(), "full", "", "DeepseekOCRForCausalLM", "bfloat16", 8192, 2 * 12 * 1280, "id")


@pytest.fixture
def free_gib(monkeypatch):
    def set_free(gib):
        free = SimpleNamespace(available=int(gib * GIB))
        monkeypatch.setattr(sizes.psutil, "virtual_memory", lambda: free)

    set_free(1000)
    return set_free


def test_cpu_cache_holds_the_whole_batch(free_gib):
    found = choose_sizes(EngineConfig(), FULL, gpu=False)
    page = 8192 * FULL.kv_values_per_token * 2
    assert found.kv_cache_bytes == (found.max_num_seqs + 1) * page
    assert choose_sizes(EngineConfig(dtype="float32"), FULL, gpu=False).kv_cache_bytes == 18 * page
    assert found.capacity > found.max_num_seqs and found.dtype == "bfloat16"


def test_nano_takes_more_pages_on_a_cpu_alone(free_gib):
    nano = replace(FULL, name=NANO)
    assert choose_sizes(EngineConfig(), nano, gpu=False).max_num_seqs == 16
    assert choose_sizes(EngineConfig(max_num_seqs=3), nano, gpu=False).max_num_seqs == 3
    assert choose_sizes(EngineConfig(), FULL, gpu=False).max_num_seqs == 8
    assert choose_sizes(EngineConfig(), nano, gpu=True).max_num_seqs > 16


def test_cpu_cache_leaves_memory_to_the_rest(free_gib):
    free_gib(4)
    assert choose_sizes(EngineConfig(), FULL, gpu=False).kv_cache_bytes == int(4 * GIB * 0.4)
    free_gib(1)
    with pytest.raises(EngineError, match="memory: 1.0 GiB"):
        choose_sizes(EngineConfig(), FULL, gpu=False)


def test_gpu_leaves_the_cache_to_vllm_unless_told(free_gib):
    assert choose_sizes(EngineConfig(), FULL, gpu=True).kv_cache_bytes is None
    assert choose_sizes(EngineConfig(kv_cache_gb=2), FULL, gpu=True).kv_cache_bytes == 2 * GIB


@pytest.mark.parametrize(
    ("drafts", "seqs", "gpu", "verified"),
    [
        ("auto", 768, True, 8), ("auto", 16, True, 8), ("always", 16, True, 8), ("off", 768, True, 0),
        ("always", 768, False, 0), ("auto", 8, False, 0),
    ],
)  # fmt: skip
def test_drafts_are_verified_on_a_gpu(free_gib, drafts, seqs, gpu, verified):
    found = choose_sizes(EngineConfig(drafts=drafts, max_num_seqs=seqs), FULL, gpu=gpu)
    assert found.drafts == verified
    if verified:
        group = found.group * 914 + (seqs - found.group) * 7.7
        assert found.max_num_batched_tokens > group, "a group of pages beside the drafts of all others"


def test_a_window_over_the_answer_has_no_drafts_by_itself():
    assert [verifies_drafts(drafts, UNLIMITED) for drafts in ("auto", "always", "off")] == [
        False,
        True,
        False,
    ]
    assert verifies_drafts("auto", OCR2)


def test_given_values_are_kept(free_gib):
    config = EngineConfig(max_num_seqs=3, max_num_batched_tokens=77, max_model_len=100, dtype="float16")
    found = choose_sizes(config, FULL, gpu=False)
    assert (found.max_num_seqs, found.max_num_batched_tokens, found.max_model_len) == (3, 77, 100)
    assert found.dtype == "float16"


def test_more_positions_than_the_checkpoint_has(free_gib):
    with pytest.raises(UsageError, match="8192"):
        choose_sizes(EngineConfig(max_model_len=9000), FULL, gpu=False)


def test_one_core_is_left_free(monkeypatch):
    monkeypatch.setattr(sizes.os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(sizes.psutil, "cpu_count", lambda logical: 2)
    assert sizes.cpu_threads() == 1
    monkeypatch.setattr(sizes.psutil, "cpu_count", lambda logical: None)
    assert sizes.cpu_threads() == 3


def test_a_large_checkpoint_on_a_cpu_comes_with_figures():
    large = replace(FULL, weight_bytes=7 * GIB)
    warning = slow_start_warning(large, gpu=False)
    for word in ("full", "7.0 GiB", "38 s", "47 s", "9.6 GiB", "GPU"):
        assert word in warning
    assert slow_start_warning(large, gpu=True) == slow_start_warning(FULL, gpu=False) == ""
