"""Small steps give the tokens that vLLM's own give: on its V2 runner, in Triton's interpreter."""

import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm import small_steps
from ocr_engine.engine.vllm.fixed_places import FixedPool
from ocr_engine.engine.vllm.internals import GPUModelRunner, UvaBackedTensor
from tests.places import ROOT


def test_tokens_are_those_of_vllms_own_steps() -> None:
    """Mixed drafts and none, a guard, pages that end at different times, so slots that nobody has."""
    words = [sys.executable, "-m", "proofs.drafts", "--pages", "4", "--tokens", "16"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "plain: 0 small steps" in done.stdout
    steps, shapes = map(int, re.search(r"drafts: (\d+) small steps of (\d+)", done.stdout).groups())
    assert steps >= 8
    assert shapes >= 3


@pytest.fixture
def runner(monkeypatch):
    """vLLM's runner, whose own halves of a step say that they were called."""
    monkeypatch.setattr(GPUModelRunner, "execute_model", lambda self, step, *more: ("vLLM", step, *more))
    monkeypatch.setattr(GPUModelRunner, "sample_tokens", lambda self, grammar: ("vLLM", grammar))
    small_steps.install()
    made = GPUModelRunner.__new__(GPUModelRunner)
    made.execute_model_state = None
    return made


def test_dummy_steps_and_engines_of_another_kind_are_vllms(runner, monkeypatch):
    monkeypatch.setattr(small_steps, "is_possible", lambda _: False)
    assert runner.execute_model("step") == ("vLLM", "step", None, False)
    assert runner.execute_model("step", None, True, True) == ("vLLM", "step", None, True, True)
    assert runner.sample_tokens("grammar") == ("vLLM", "grammar")


def test_both_halves_of_a_small_step_are_ours_and_of_no_other(runner, monkeypatch):
    plans = {"small": object(), "large": None}
    begun = small_steps.Begun(None, None, None)
    steps = SimpleNamespace(
        planner=SimpleNamespace(plan=plans.get),
        begin=lambda step, plan: begun,
        end=lambda found: ("ours", found),
    )
    monkeypatch.setattr(small_steps, "_steps_of", lambda _: steps)
    assert runner.execute_model("small") is None
    assert runner.sample_tokens(None) == ("ours", begun)
    assert runner.execute_model_state is None
    assert runner.execute_model("large") == ("vLLM", "large", None, False)
    assert runner.sample_tokens("grammar") == ("vLLM", "grammar")


@pytest.mark.parametrize(("blocks", "sent"), [([None, None], []), ([None, ([7],)], ["blocks"])])
def test_a_step_begins_as_vllms_without_new_requests(blocks, sent):
    done = []
    steps = small_steps.SmallSteps.__new__(small_steps.SmallSteps)
    steps._runner = SimpleNamespace(
        finish_requests=lambda step: done.append("finish"),
        free_states=lambda step: done.append("free"),
        update_requests=lambda step: done.append("update"),
        encoder_cache=SimpleNamespace(update_encoder_inputs=lambda *pixels: done.append(pixels)),
        block_tables=SimpleNamespace(apply_staged_writes=lambda: done.append("blocks")),
    )
    step = SimpleNamespace(scheduled_cached_reqs=SimpleNamespace(new_block_ids=blocks))
    steps._take_in(step)
    assert done == ["finish", "free", "update", *sent]
    done.clear()
    steps._take_in(SimpleNamespace(**vars(step), encoder_input_updates={"a": [0]}))
    assert done == ["finish", "free", "update", ("a", [0]), *sent]


def test_all_that_graphs_read_of_requests_is_fixed():
    def shown():
        return SimpleNamespace(one=UvaBackedTensor.__new__(UvaBackedTensor), other=5)

    owners = [shown() for _ in range(4)]
    for owner in owners:
        owner.one.np = np.zeros(3, np.int32)
        owner.one.pool = SimpleNamespace(copy_to_uva=torch.from_numpy)
        owner.one.gpu = torch.zeros(3, dtype=torch.int32)
    states, tables, sampling, processor = owners
    small_steps.SmallSteps(
        SimpleNamespace(
            req_states=states,
            block_tables=tables,
            sampler=SimpleNamespace(sampling_states=sampling, logits_processors=[processor]),
            vllm_config=SimpleNamespace(additional_config={}),
            max_num_reqs=3,
            device="cpu",
        )
    )
    assert all(isinstance(owner.one.pool, FixedPool) for owner in owners)


def attention(*names):
    return [[SimpleNamespace(backend=SimpleNamespace(get_name=lambda name=name: name))] for name in names]


def usual_runner():
    nothing = dict.fromkeys(
        [
            "pcp_manager",
            "ubatch_runner",
            "fast_prefill",
            "adaptive_verification",
            "aux_output_connector",
            "pooling_runner",
        ]
    )
    return SimpleNamespace(
        vllm_config=SimpleNamespace(
            parallel_config=SimpleNamespace(world_size=1, data_parallel_size=1),
            kv_transfer_config=None,
            ec_transfer_config=None,
            lora_config=None,
        ),
        model_config=SimpleNamespace(rswa_window=None, enable_prompt_embeds=False),
        sampler=SimpleNamespace(compute_nans=False, return_sampling_mask=False, trace_replay_state=None),
        attn_groups=attention("FLASH_ATTN"),
        **nothing,
    )


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (lambda made: made.vllm_config.parallel_config, "world_size", 2),
        (lambda made: made.vllm_config.parallel_config, "data_parallel_size", 2),
        (lambda made: made.vllm_config, "lora_config", object()),
        (lambda made: made.vllm_config, "kv_transfer_config", object()),
        (lambda made: made.model_config, "rswa_window", 128),
        (lambda made: made.sampler, "compute_nans", True),
        (lambda made: made, "adaptive_verification", object()),
        (lambda made: made, "attn_groups", attention("FLASH_ATTN", "FLASHINFER")),
        (lambda made: made, "attn_groups", attention("TRITON_ATTN")),
    ],
)
def test_an_engine_of_another_kind_has_no_small_steps(place, name, value):
    made = usual_runner()
    assert small_steps.is_possible(made)
    setattr(place(made), name, value)
    assert not small_steps.is_possible(made)
