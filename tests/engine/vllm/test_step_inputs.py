"""What the device is told of a small step, and the slot that nobody has."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm import internals
from ocr_engine.engine.vllm.step_inputs import StepInputs
from ocr_engine.engine.vllm.step_plans import MOST_REQUESTS, Plan, Shape

SLOTS = 6


class States:
    """vLLM's states of requests: slots are given from the end of the list."""

    def __init__(self):
        self.free_indices = list(range(SLOTS))
        self.prompt_len = SimpleNamespace(np=np.zeros(SLOTS, np.int32))
        self.prefill_len = SimpleNamespace(np=np.zeros(SLOTS, np.int32))
        self.device = {}
        self.total_len, self.num_computed_tokens = (
            SimpleNamespace(
                stage_write_elem=lambda slot, value, name=name: self.staged.append((name, slot, value))
            )
            for name in ("total", "computed")
        )
        self.staged = []

    def apply_staged_writes(self):
        """To the device."""
        self.device |= {(name, slot): value for name, slot, value in self.staged}
        self.device |= {("prefill", slot): int(value) for slot, value in enumerate(self.prefill_len.np)}

    def take(self, tokens):
        """A request comes and is on its way; its slot."""
        slot = self.free_indices.pop()
        self.prompt_len.np[slot] = self.prefill_len.np[slot] = tokens
        self.staged += [("total", slot, tokens), ("computed", slot, tokens)]
        self.apply_staged_writes()
        return slot

    def is_inert(self, slot):
        """Whether kernels write nothing for it: no prompt is read, no token is there."""
        return (
            self.device["prefill", slot] > 1 << 20
            and not self.device["total", slot]
            and not self.device["computed", slot]
        )


@pytest.fixture
def inputs(monkeypatch):
    made = StepInputs(SimpleNamespace(max_num_reqs=SLOTS, device="cpu", req_states=States()))
    made.copies = 0

    def copied(data, out):
        made.copies += 1
        out.copy_(torch.from_numpy(data))

    monkeypatch.setattr(internals, "async_tensor_h2d", copied, raising=False)
    return made


def plan(slots, counts, requests):
    shape = Shape(requests, 20, guarded=False)
    names = [str(slot) for slot in slots]
    return Plan(names, np.array(slots), np.array(counts, np.int32), shape, None)


def told(inputs):
    return inputs._fed[:4].tolist(), inputs._fed[MOST_REQUESTS:].tolist()


def test_slots_and_where_their_tokens_begin(inputs):
    inputs.send(plan([2, 0], [3, 1], 2))
    assert told(inputs) == ([2, 0, 0, 0], [0, 3, 4, 4, 4, 4, 4])
    assert len(inputs._fed) == MOST_REQUESTS + SLOTS + 1


def test_what_was_said_before_is_not_said_again(inputs):
    for counts in ([3, 1], [3, 1], [1, 1], [3, 1]):
        inputs.send(plan([2, 0], counts, 2))
    assert inputs.copies == 3


def test_rows_that_are_left_over_belong_to_a_slot_that_nobody_has(inputs):
    states = inputs._runner.req_states
    taken = [states.take(900), states.take(900)]
    inputs.send(plan(taken, [2, 2], 4))
    (*_, nobody), begins = told(inputs)
    assert nobody in states.free_indices
    assert states.is_inert(nobody)
    assert begins == [0, 2, 4, 4, 4, 4, 4]


def test_a_slot_that_somebody_has_had_since_is_made_anew(inputs):
    """A request took it while all others were taken, and ended: its numbers are there."""
    states = inputs._runner.req_states
    inputs.send(plan([states.take(900)], [2], 2))
    nobody = inputs._nobody
    assert states.is_inert(nobody)
    while nobody in states.free_indices:
        states.take(700)
    assert not states.is_inert(nobody)
    states.free_indices.append(nobody)
    inputs.send(plan([0], [1], 2))
    assert told(inputs)[0][1] == inputs._nobody
    assert inputs._nobody in states.free_indices
    assert states.is_inert(inputs._nobody)


def test_a_slot_that_somebody_has_is_not_nobodys(inputs):
    states = inputs._runner.req_states
    inputs.send(plan([states.take(900)], [2], 2))
    nobody = inputs._nobody
    while nobody in states.free_indices:
        states.take(700)
    states.free_indices.append(0)
    inputs.send(plan([0], [1], 2))
    assert inputs._nobody != nobody
    assert states.is_inert(inputs._nobody)
