"""Which steps are small, and the sizes that their graphs have."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="needs vllm")

from vllm.config import CUDAGraphMode

from ocr_engine.engine.draft_args import SMALL_STEPS_KEY
from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard
from ocr_engine.engine.vllm.step_plans import MOST_REQUESTS, MOST_TOK, Planner, Shape

SLOTS, DRAFTS, PROMPT_TOK = 400, 8, 900


def numbers(value):
    return SimpleNamespace(np=np.full(SLOTS, value))


def runner(*, takes_drafts=True, drafts=DRAFTS, free=range(300, 400), graph=CUDAGraphMode.FULL):
    """vLLM's runner as far as a plan looks at it."""
    guard = DeviceNgramGuard.__new__(DeviceNgramGuard)
    guard._sizes = numbers(0)
    sampling = SimpleNamespace(temperature=numbers(0.0), top_k=numbers(99), vocab_size=99, top_p=numbers(1.0))
    return SimpleNamespace(
        vllm_config=SimpleNamespace(additional_config={SMALL_STEPS_KEY: takes_drafts}),
        num_speculative_steps=drafts,
        req_states=SimpleNamespace(
            req_id_to_index={str(slot): slot for slot in range(SLOTS)},
            prefill_len=numbers(PROMPT_TOK),
            free_indices=list(free),
            max_num_reqs=SLOTS,
        ),
        sampler=SimpleNamespace(
            logits_processors=[object(), guard],
            sampling_states=sampling,
            needs_logits_processing=np.zeros(SLOTS, bool),
            get_logprobs_dims=lambda slots: None,
        ),
        prompt_logprobs_worker=SimpleNamespace(in_progress_prompt_logprobs={}, token_id_scores={}),
        cudagraph_manager=SimpleNamespace(
            decode_query_len=1 + drafts,
            dispatch=lambda requests, tokens, uniform, loras, max_query_len: SimpleNamespace(
                cg_mode=graph, size=(requests, tokens, uniform, loras, max_query_len)
            ),
        ),
    )


def step(counts, *, drafts=DRAFTS, computed=PROMPT_TOK + 5, **changes):
    """A scheduler's step: so many tokens of each request, all but one of them drafts."""
    names = [str(number) for number in range(len(counts))]
    known = SimpleNamespace(req_ids=names, num_computed_tokens=[computed] * len(counts))
    usual = SimpleNamespace(
        num_scheduled_tokens=dict(zip(names, counts, strict=True)),
        total_num_scheduled_tokens=sum(counts),
        scheduled_new_reqs=[],
        scheduled_cached_reqs=known,
        scheduled_spec_decode_tokens={
            name: [-1] * (count - 1) for name, count in zip(names, counts, strict=True) if count > 1
        },
        has_structured_output_requests=False,
        num_spec_tokens_to_schedule=drafts,
    )
    return SimpleNamespace(**vars(usual) | changes)


def test_the_next_larger_sizes_are_taken():
    plan = Planner(runner()).plan(step([1, 3, 9, 1, 4]))
    assert plan.shape == Shape(6, 20, guarded=False)
    assert plan.shape.has_drafts is True
    assert plan.graph.size == (6, 20, None, 0, 9)
    assert plan.slots.tolist() == [0, 1, 2, 3, 4]
    assert plan.counts.tolist() == [1, 3, 9, 1, 4]


def test_steps_without_drafts_have_a_row_for_each_request():
    made = Planner(runner(drafts=0))
    assert made.plan(step([1] * 9, drafts=0)).shape == Shape(12, 12, guarded=False)
    assert made.plan(step([1] * 9, drafts=0)).shape.has_drafts is False
    assert made.plan(step([1], drafts=0)).graph.size == (1, 1, 1, 0, 1)
    assert Planner(runner()).plan(step([1] * 9)).shape == Shape(12, 12, guarded=False)
    assert Planner(runner()).plan(step([1] * 9)).shape.has_drafts is False


@given(st.lists(st.integers(1, 1 + DRAFTS), min_size=1, max_size=MOST_REQUESTS))
def test_every_shape_holds_its_step(counts):
    plan = Planner(runner()).plan(step(counts))
    if sum(counts) > MOST_TOK:
        assert plan is None
        return
    shape, tokens = plan.shape, sum(counts)
    assert shape.requests >= len(counts)
    assert shape.has_drafts is (tokens > len(counts))
    assert tokens <= shape.rows <= shape.requests * (1 + DRAFTS)
    if shape.has_drafts:
        assert shape.rows > shape.requests  # what vLLM tells a step with drafts by
        # Kernels look two rows further for a slot that nobody has.
        assert shape.rows >= tokens + (2 if shape.requests > len(counts) else 0)


def test_steps_with_drafts_are_small_where_they_are_asked_for():
    made = Planner(runner(takes_drafts=False))
    assert made.plan(step([1, 3])) is None
    assert made.plan(step([1, 1])).shape == Shape(2, 2, guarded=False)
    assert made.plan(step([1, 1])).shape.has_drafts is False


def test_a_batch_that_fills_the_engine_needs_no_other_slot():
    full = runner(free=[])
    full.req_states.max_num_reqs = 5
    assert Planner(full).plan(step([1] * 5)).shape.requests == 5
    assert Planner(full).plan(step([1] * 3)) is None
    assert Planner(full).plan(step([1] * 4)).shape.requests == 4


def test_a_guard_has_graphs_of_its_own():
    made = runner()
    made.sampler.logits_processors[1]._sizes.np[2] = 20
    assert not Planner(made).plan(step([1, 1])).shape.guarded
    assert Planner(made).plan(step([1, 1, 1])).shape.guarded


OTHERS = {
    "new pages": {"scheduled_new_reqs": [object()]},
    "prompts": {"computed": PROMPT_TOK - 1},
    "many requests": {"counts": [1] * (MOST_REQUESTS + 1)},
    "many tokens": {"counts": [9] * 60},
    "more tokens than drafts": {"scheduled_spec_decode_tokens": {}},
    "grammar": {"has_structured_output_requests": True},
    "fewer drafts than usual": {"num_spec_tokens_to_schedule": 3},
    "no drafts, says vLLM 0.33": {"skip_drafts": True},
    "nothing": {"counts": []},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_other_steps_are_left_to_vllm(changes):
    assert Planner(runner()).plan(step(**{"counts": [2, 3]} | changes)) is None


def sampling(name, value):
    def change(made):
        getattr(made.sampler.sampling_states, name).np[1] = value

    return change


ASKED = {
    "a temperature": sampling("temperature", 0.2),
    "top-k": sampling("top_k", 5),
    "top-p": sampling("top_p", 0.9),
    "restricted tokens": lambda made: made.sampler.needs_logits_processing.fill(True),
    "probabilities": lambda made: setattr(made.sampler, "get_logprobs_dims", lambda slots: (0, 0)),
    "a prompt's": lambda made: made.prompt_logprobs_worker.in_progress_prompt_logprobs.update(a=[]),
    "a prompt's ids'": lambda made: made.prompt_logprobs_worker.token_id_scores.update(a=[]),
}


@pytest.mark.parametrize("change", ASKED.values(), ids=ASKED)
def test_who_asks_the_sampler_for_more_gets_it_of_vllm(change):
    made = runner()
    assert Planner(made).plan(step([2, 3])) is not None
    change(made)
    assert Planner(made).plan(step([2, 3])) is None


def test_without_a_whole_graph_of_the_model_vllm_goes_its_way():
    assert Planner(runner(graph=CUDAGraphMode.PIECEWISE)).plan(step([2, 3])) is None
