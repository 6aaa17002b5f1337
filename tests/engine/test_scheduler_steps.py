"""Our scheduler beside vLLM's own over whole runs: the same steps, the same tokens, fewer messages."""

import random

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.single_type_kv_cache_manager import SlidingWindowManager
from vllm.v1.request import RequestStatus

from ocr_engine.engine.scheduler_vllm import GroupScheduler
from scripts.bench_parts.scheduling import make

PROMPT = 100


def asked(count, seed=0):
    chance = random.Random(seed)
    return {f"page-{number}": chance.randrange(1, 200) for number in range(count)}


def whole_run(kind, lengths, interval=64, kv_tokens=16 * 300, group=1, **more):
    """A run of 16 places over these pages; with the default cache no page is ever put back."""
    run = make(kind, 16, kv_tokens, group, batched=512, **more)
    for name, length in lengths.items():
        run.add(name, length, PROMPT, interval)
    run.run()
    assert set(run.finished.values()) == {"length"}
    assert {name: len(tokens) for name, tokens in run.tokens.items()} == lengths
    return run


@pytest.mark.parametrize("kv_tokens", [16 * 300, 8 * 300])
def test_every_step_is_vllms_own(kv_tokens):
    lengths = asked(24)
    theirs, ours = (make(kind, 16, kv_tokens, 1, batched=512) for kind in (AsyncScheduler, GroupScheduler))
    for run in (theirs, ours):
        for name, length in lengths.items():
            run.add(name, length, PROMPT)
    while theirs.scheduler.has_requests():
        expected, found = theirs.step(), ours.step()
        assert found.num_scheduled_tokens == expected.num_scheduled_tokens
        assert found.scheduled_encoder_inputs == expected.scheduled_encoder_inputs
        assert found.preempted_req_ids == expected.preempted_req_ids
        assert found.scheduled_cached_reqs.new_block_ids == expected.scheduled_cached_reqs.new_block_ids
    assert ours.tokens == theirs.tokens and ours.finished == theirs.finished
    assert (ours.preemptions > 0) == (kv_tokens < 16 * 300)


def searches(run, monkeypatch):
    """How many blocks vLLM was asked for, request by request."""
    asked_for = []
    coordinator = run.scheduler.kv_cache_manager.coordinator
    search = coordinator.allocate_new_blocks
    monkeypatch.setattr(
        coordinator, "allocate_new_blocks", lambda *args: asked_for.append(args[0]) or search(*args)
    )
    return asked_for


def test_room_is_searched_for_once_a_block(monkeypatch):
    run = make(GroupScheduler, 16, 16 * 300, 1, batched=512)
    found = searches(run, monkeypatch)
    run.add("a", 16 * 10, PROMPT)
    run.run()
    prompt_blocks_room = -PROMPT % 16
    assert len(found) == 1 + -(-(16 * 10 - 1 - prompt_blocks_room) // 16)


@pytest.mark.parametrize("change", [{"enable_caching": True}, {"__class__": SlidingWindowManager}])
def test_room_is_searched_for_each_token_where_more_depends_on_it(monkeypatch, change):
    made = KVCacheManager.__init__

    def other(self, *args, **kwargs):
        made(self, *args, **kwargs)
        kind = self.coordinator.single_type_managers[0]
        for name, value in change.items():
            setattr(kind, name, value)

    monkeypatch.setattr(KVCacheManager, "__init__", other)
    run = make(GroupScheduler, 16, 16 * 300, 1, batched=512)
    assert "allocate_slots" not in vars(run.scheduler.kv_cache_manager)


@pytest.mark.parametrize("interval", [None, 1, 7, 64])
def test_tokens_are_given_out_by_the_interval_and_none_is_lost(interval):
    lengths = asked(24)
    ours = whole_run(GroupScheduler, lengths, interval)
    assert ours.tokens == whole_run(AsyncScheduler, lengths, interval).tokens
    assert ours.messages == sum(-(-length // (interval or 1)) for length in lengths.values())
    assert not ours.scheduler._held


def test_a_page_put_back_keeps_its_tokens():
    lengths = asked(24)
    tight = whole_run(GroupScheduler, lengths, kv_tokens=8 * 300)
    assert tight.preemptions
    assert tight.messages == sum(-(-length // 64) for length in lengths.values())


def test_what_was_held_of_an_aborted_page_is_forgotten():
    run = make(GroupScheduler, 16, 16 * 300, 1)
    for name in ("a", "b"):
        run.add(name, 100, PROMPT)
    for _ in range(10):
        run.step()
    assert set(run.scheduler._held) == {"a", "b"} and not run.tokens
    run.scheduler.finish_requests(["a"], RequestStatus.FINISHED_ABORTED)
    assert set(run.scheduler._held) == {"b"}
    run.run()
    assert len(run.tokens["b"]) == 100 and "a" not in run.tokens and not run.scheduler._held


def test_clients_hear_of_steps_that_give_them_nothing():
    run = make(GroupScheduler, 16, 16 * 300, 1)
    run.add("a", 100, PROMPT)
    run.step()
    run.step()
    output, sampled = run.ahead.pop(0)
    assert [client.outputs for client in run.scheduler.update_from_output(output, sampled).values()] == [[]]
