"""The guard inside a batch that changes as vLLM's does, against the plain rule on each request."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="needs vllm")

import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessors, MoveDirectionality

from ocr_engine.engine.guard_args import guard_args
from ocr_engine.engine.ngram import banned_tokens
from ocr_engine.engine.ngram_vllm import NgramGuard

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


@settings(max_examples=60, deadline=None)
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


@pytest.mark.parametrize("args", [{"ngram_size": 0}, {"ngram_size": "2"}, {"ngram_window": 1 << 20}])
def test_wrong_sizes_are_refused_before_the_batch(args):
    with pytest.raises(ValueError, match="ngram"):
        NgramGuard.validate_params(SamplingParams(extra_args=args))


def test_requests_without_guard_pass():
    NgramGuard.validate_params(SamplingParams())
    NgramGuard.validate_params(params(20, 50))
    assert guard_args(0, 50, (1,)) == {}
