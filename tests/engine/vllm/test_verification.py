"""Decode steps with drafts are whole graphs, whatever the mix, where attention can."""

from types import SimpleNamespace

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm import internals, verification
from ocr_engine.engine.vllm.args import graph_sizes
from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard, ban_in_model_logits
from ocr_engine.engine.vllm.internals import Sampler, gpu_model_runner, rejection_sampler
from ocr_engine.engine.vllm.shortcuts import DRAFT_GRAPHS, SHORTCUTS, Needs

REQUESTS, DRAFTS = 8, 8
QUERY_TOK = 1 + DRAFTS


@pytest.fixture(autouse=True)
def changed_in_vllm(monkeypatch):
    """What `install` changes, given back."""
    for owner, name in (
        (gpu_model_runner, "ModelCudaGraphManager"),
        (rejection_sampler, "MAX_CHUNK_BYTES"),
        (Sampler, "apply_sampling_params"),
        (DeviceNgramGuard, "bans_in_model_logits"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))


def able(cannot):
    """vLLM's answer whether attention can, `cannot` or None."""

    def get_varlen_cudagraph_unsupported_backend(attn_groups, vllm_config, max_query_len):
        assert (attn_groups, max_query_len) == ("groups", QUERY_TOK)
        return cannot

    return get_varlen_cudagraph_unsupported_backend


def captured(monkeypatch, cannot):
    """A keeper of graphs after `capture`, of which vLLM's own part only takes down what it was given."""
    mode = gpu_model_runner.CUDAGraphMode.FULL_AND_PIECEWISE
    usual = gpu_model_runner.ModelCudaGraphManager
    given = []
    monkeypatch.setattr(internals, "get_varlen_cudagraph_unsupported_backend", able(cannot), raising=False)
    verification.install()
    monkeypatch.setattr(usual, "capture", lambda _, *args, **more: given.append((args, more)))
    manager = gpu_model_runner.ModelCudaGraphManager.__new__(gpu_model_runner.ModelCudaGraphManager)
    sizes = graph_sizes(REQUESTS, DRAFTS)
    compilation = SimpleNamespace(cudagraph_capture_sizes=sizes, max_cudagraph_capture_size=sizes[-1])
    vllm_config = SimpleNamespace(
        speculative_config=None, cache_config=SimpleNamespace(use_kda_recoverssm=False)
    )
    values = {
        "compilation_config": compilation,
        "cudagraph_mode": mode,
        "max_num_reqs": REQUESTS,
        "decode_query_len": QUERY_TOK,
        "varlen_decode": False,
        "lora_capture_cases": [0],
        "ubatch_runner": None,
        "vllm_config": vllm_config,
        "_graphs_captured": True,
        "_lora_dispatch_map": {},
        "_candidates": {},
        "_capture_descs": {},
    }
    manager.__dict__.update(values)
    manager._init_candidates()
    args = ("model", "state", "buffers", None, "tables", "groups")
    manager.capture(*args, progress=True)
    assert given == [(args, {"progress": True})]
    return manager


def step(manager, *queries):
    """How a decode step of requests with so many tokens each would run."""
    uniform = queries[0] if len(set(queries)) == 1 else None
    return manager.dispatch(len(queries), sum(queries), uniform, 0, max(queries)).cg_mode.name


def test_any_mix_of_drafts_is_a_whole_graph_where_attention_can(monkeypatch):
    manager = captured(monkeypatch, cannot=None)
    for queries in ((1,), (1, 9, 3), (1,) * REQUESTS, (QUERY_TOK,) * REQUESTS):
        assert step(manager, *queries) == "FULL", queries


def test_elsewhere_graphs_stay_vllms(monkeypatch):
    manager = captured(monkeypatch, cannot=("FLEX_ATTENTION", 1))
    assert step(manager, 1, 9, 3) == "PIECEWISE"
    assert step(manager, QUERY_TOK, QUERY_TOK) == "FULL"


def test_another_vllm_keeps_its_own_graphs(monkeypatch):
    monkeypatch.setitem(SHORTCUTS, DRAFT_GRAPHS, (Needs("ModelCudaGraphManager", "no_such_name"),))
    usual = gpu_model_runner.ModelCudaGraphManager
    verification.install()
    assert gpu_model_runner.ModelCudaGraphManager is usual


def test_the_guard_bans_before_vllm_copies_the_logits(monkeypatch):
    calls = []
    monkeypatch.setattr(DeviceNgramGuard, "bans_in_model_logits", False)
    monkeypatch.setattr(DeviceNgramGuard, "ban", lambda _, *args: calls.append(("ban", args)))
    monkeypatch.setattr(
        Sampler, "apply_sampling_params", lambda _, logits, *args, **more: calls.append(("vllm", args, more))
    )
    verification.install()
    ban_in_model_logits()
    ban_in_model_logits()
    guard = DeviceNgramGuard.__new__(DeviceNgramGuard)
    sampler = SimpleNamespace(logits_processors=[object(), guard])
    args = ("rows", "requests", "requests_np", "pos", "ids", "drafts before", "lengths")
    Sampler.apply_sampling_params(sampler, "logits", *args, skip_top_k_top_p=True)
    assert calls == [
        ("ban", ("logits", "rows", "requests_np", "ids", "drafts before")),
        ("vllm", args, {"skip_top_k_top_p": True}),
    ]
    assert guard.apply("logits", None) == "logits", "and not again in the copy"
    assert rejection_sampler.get_max_chunk_logits(129_280) > 768 * 9


@pytest.mark.parametrize(("requests", "drafts"), [(768, 0), (768, 8), (90, 0), (16, 8), (1, 0)])
def test_graphs_reach_a_full_step_and_waste_little_of_it(requests, drafts):
    sizes = graph_sizes(requests, drafts)
    full = requests * (1 + drafts)
    assert sizes == sorted(set(sizes)) and sizes[0] == 1 and full in sizes and sizes[-1] <= max(512, full)
    for tokens in range(1, full + 1):
        padded = next(size for size in sizes if size >= tokens)
        assert padded - tokens <= max(7, tokens // 7)
    assert len(sizes) < 100, "each takes time at the start"
