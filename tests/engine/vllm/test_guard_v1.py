"""The guards inside batches that change as vLLM's do, against the plain rule on each request."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="needs vllm")

import torch
from vllm import SamplingParams
from vllm.utils import torch_utils
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessors, MoveDirectionality
from vllm.v1.worker.gpu import buffer_utils

from ocr_engine.engine.guard_args import guard_args, settings_in_engine
from ocr_engine.engine.ngram import banned_tokens
from ocr_engine.engine.vllm import guard_kernel as ngram_vllm_kernel
from ocr_engine.engine.vllm.guard_v1 import NgramGuard
from ocr_engine.engine.vllm.guard_v2 import DeviceNgramGuard
from tests.xargs import random_xargs

VOCABULARY = 5
ONE_WAY, SWAP = MoveDirectionality.UNIDIRECTIONAL, MoveDirectionality.SWAP


def params(size, window, whitelist=()):
    return SamplingParams(extra_args=guard_args(size, window, whitelist))


def new_guard():
    return NgramGuard(None, torch.device("cpu"), False)


def banned_of(guard, count):
    logits = guard.apply(torch.zeros(count, VOCABULARY))
    return [set(torch.isinf(row).nonzero()[:, 0].tolist()) for row in logits]


def update(size, removed=(), added=(), moved=()):
    return BatchUpdate(batch_size=size, removed=removed, added=added, moved=moved)


class Batch:
    """Requests by place, changed at random, told to the guard in vLLM's form."""

    def __init__(self, draw):
        self.draw, self.guard, self.places = draw, new_guard(), {}

    def step(self):
        draw, places = self.draw, self.places
        removed = [place for place in sorted(places, reverse=True) if draw(st.integers(0, 5)) == 0]
        for place in removed:
            del places[place]
        added, moved = [], []
        for place in range(4):
            if place not in places and draw(st.booleans()):
                size, window = draw(st.sampled_from([(0, 0), (2, 6), (3, 30)]))
                output = draw(st.lists(st.integers(0, VOCABULARY - 1), max_size=3))
                places[place] = (size, window, output)
                added.append((place, params(size, window, (1,)), None, output))
        if len(places) > 1 and draw(st.booleans()):
            first, second = draw(st.permutations(sorted(places)))[:2]
            places[first], places[second] = places[second], places[first]
            moved.append((first, second, SWAP))
        free = [place for place in range(4) if place not in places]
        if free and places and draw(st.booleans()):
            source = max(places)
            places[free[0]] = places.pop(source)
            moved.append((source, free[0], ONE_WAY))
        changed = removed or added or moved
        self.guard.update_state(update(len(places), removed, added, moved) if changed else None)
        expected = [set[int]()] * 4
        for place, (size, window, output) in places.items():
            expected[place] = banned_tokens(output, size, window, {1})
        assert banned_of(self.guard, 4) == expected
        for _, _, output in places.values():
            output.append(draw(st.integers(0, 2)))


@settings(max_examples=60)
@given(st.data())
def test_every_request_keeps_its_own_guard(data):
    batch = Batch(data.draw)
    for _ in range(data.draw(st.integers(1, 25))):
        batch.step()


def test_vllm_applies_it_under_greedy_decoding():
    assert LogitsProcessors([new_guard()]).non_argmax_invariant


def test_a_request_that_replaces_another_starts_fresh():
    guard = new_guard()
    guard.update_state(update(1, added=[(0, params(2, 9), None, [3, 3])]))
    assert banned_of(guard, 1) == [{3}]
    guard.update_state(update(1, added=[(0, params(0, 0), None, [3, 3])]))
    assert banned_of(guard, 1) == [set()]


def test_placeholder_ids_stop_the_engine():
    guard = new_guard()
    guard.update_state(update(1, added=[(0, params(2, 9), None, [3, -1])]))
    with pytest.raises(ValueError, match="placeholder"):
        guard.apply(torch.zeros(1, VOCABULARY))


GUARDS = pytest.mark.parametrize("guard", [NgramGuard, DeviceNgramGuard])


@GUARDS
@pytest.mark.parametrize(
    "args", [{"ngram_size": 20}, {"ngram_size": 3, "ngram_window": 9}, {"ngram_window": 9}]
)
def test_wrong_settings_are_refused_before_the_batch(guard, args):
    with pytest.raises(ValueError, match="ngram"):
        guard.validate_params(SamplingParams(extra_args=args))


@GUARDS
def test_requests_without_guard_pass(guard):
    guard.validate_params(SamplingParams())
    guard.validate_params(params(20, 50))
    assert guard_args(0, 50, (1,)) == {}


def expected_bans(args, output):
    """What a guard bans after `output`; nothing for settings that `validate_params` would refuse."""
    found = settings_in_engine(args)
    return banned_tokens(output, found.size, found.window, found.whitelist) if found else set()


@settings(max_examples=100)
@given(st.lists(st.randoms(use_true_random=False).map(random_xargs), min_size=1, max_size=4))
def test_no_settings_stop_the_engine_on_the_cpu(asked):
    """Also those that `validate_params` refuses, had they slipped through."""
    guard, output = new_guard(), [1, 2, 3, 1, 2, 3, 1]
    added = [
        (place, SimpleNamespace(extra_args=args), None, list(output)) for place, args in enumerate(asked)
    ]
    guard.update_state(update(len(asked), added=added))
    assert banned_of(guard, len(asked)) == [expected_bans(args, output) for args in asked]


class StepContext(SimpleNamespace):
    """What vLLM's V2 runner tells of a step in which every slot has a row."""

    def __init__(self, slots):
        slots_of_rows = torch.arange(slots)
        super().__init__(
            idx_mapping_np=np.arange(slots),
            expanded_idx_mapping=slots_of_rows,
            expanded_local_pos=torch.zeros(slots, dtype=torch.int32),
            input_ids=slots_of_rows,
        )


@pytest.fixture
def device_guard(monkeypatch):
    """The V2 runner's guard on the CPU: vLLM's own tables, Python in place of the two kernels."""
    slots, output = 4, [1, 2, 3, 1, 2, 3, 1]

    def write(table, stride, rows, starts, contents, ends, *_, **__):
        begins = [0, *ends[:-1].tolist()]
        for row, begin, end in zip(rows.tolist(), begins, ends.tolist(), strict=True):
            table[row, : end - begin] = contents[begin:end]

    def ban(
        logits,
        rows,
        before,
        fed,
        tokens,
        prompt_len,
        total_len,
        sizes,
        windows,
        whitelist,
        whitelist_len,
        recent,
    ):
        for row in rows.tolist():
            rule = int(sizes[row]), int(windows[row]), whitelist[row, : whitelist_len[row]].tolist()
            logits[row, list(banned_tokens(output, *rule))] = float("-inf")

    launch = type("Launch", (), {"__getitem__": lambda self, grid: write})()
    monkeypatch.setattr(buffer_utils, "is_uva_available", lambda: False)
    monkeypatch.setattr(torch_utils, "is_pin_memory_available", lambda: False)
    monkeypatch.setattr(buffer_utils, "_apply_write_kernel", launch)
    monkeypatch.setattr(ngram_vllm_kernel, "ban_repeats", ban)
    table = SimpleNamespace(gpu=torch.zeros(slots, 16, dtype=torch.int32))
    states = SimpleNamespace(
        max_num_reqs=slots, device=torch.device("cpu"), all_token_ids=table, prompt_len=table, total_len=table
    )
    config = SimpleNamespace(model_config=SimpleNamespace(max_model_len=16))
    return DeviceNgramGuard(config, states), output


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.randoms(use_true_random=False).map(random_xargs), min_size=4, max_size=4))
def test_no_settings_stop_the_engine_on_a_gpu(device_guard, asked):
    """The same for the V2 runner; its slots are used again, so every example follows another's settings."""
    guard, output = device_guard
    for slot, args in enumerate(asked):
        guarded = guard.add_request(slot, SimpleNamespace(extra_args=args))
        assert guarded == (settings_in_engine(args) is not None)
    guard.apply_staged_writes()
    logits = guard.apply(torch.zeros(4, VOCABULARY), StepContext(4))
    found = [set(torch.isinf(row).nonzero()[:, 0].tolist()) for row in logits]
    assert found == [expected_bans(args, output) for args in asked]
