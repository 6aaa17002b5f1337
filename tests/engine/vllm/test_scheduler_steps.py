"""Our scheduler beside vLLM's own over whole runs: the same steps, the same tokens, fewer messages."""

import random
from dataclasses import replace

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from vllm.sampling_params import RepetitionDetectionParams
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.single_type_kv_cache_manager import SlidingWindowManager
from vllm.v1.request import RequestStatus

from bench.parts.scheduling import SCORE_OF_ID, make
from ocr_engine.engine.vllm.scheduler import GroupScheduler
from ocr_engine.engine.vllm.scheduler_drafts import DraftScheduler
from ocr_engine.engine.vllm.shortcuts import HELD_TOKENS, SHORTCUTS

PROMPT, WINDOW = 100, 128


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


REQUEST_FIELDS = (
    "num_computed_tokens", "num_in_flight_tokens", "num_output_placeholders", "num_tokens",
    "is_prefill_chunk",
)  # fmt: skip


def pair(kv_tokens=16 * 300, group=1, **more):
    """vLLM's scheduler and ours."""
    return [
        make(kind, 16, kv_tokens, group, batched=512, **more) for kind in (AsyncScheduler, GroupScheduler)
    ]


def states(run):
    return {
        name: [getattr(request, field) for field in REQUEST_FIELDS]
        for name, request in run.scheduler.requests.items()
    }


def counted(run, monkeypatch):
    """The steps that went the short way."""
    made, short = run.scheduler.decode_step, []

    def decode_step():
        step = made()
        short.extend([] if step is None else [step])
        return step

    monkeypatch.setattr(run.scheduler, "decode_step", decode_step)
    return short


def same_steps(theirs, ours):
    """Both to their ends, every step of ours what vLLM's own is; how many steps."""
    steps = 0
    while theirs.scheduler.has_requests():
        assert ours.step() == theirs.step()
        assert states(ours) == states(theirs)
        steps += 1
    for run in (theirs, ours):
        run.run()
    assert ours.tokens == theirs.tokens and ours.finished == theirs.finished
    assert not ours.scheduler._held
    return steps


@pytest.mark.parametrize("kv_tokens", [16 * 300, 8 * 300])
@pytest.mark.parametrize("second_runner", [False, True])
def test_every_step_is_vllms_own(kv_tokens, second_runner, monkeypatch):
    theirs, ours = pair(kv_tokens)
    short = counted(ours, monkeypatch)
    for run in (theirs, ours):
        run.scheduler.use_v2_model_runner = second_runner
        for name, length in asked(24).items():
            run.add(name, length, PROMPT)
    steps = same_steps(theirs, ours)
    assert steps / 2 < len(short) < steps
    assert (ours.preemptions > 0) == (kv_tokens < 16 * 300)


def test_steps_are_vllms_own_where_pages_come_and_go(monkeypatch):
    theirs, ours = pair()
    chance = random.Random(1)
    short = counted(ours, monkeypatch)
    for number in range(300):
        if not number % 9:
            for run in (theirs, ours):
                run.add(f"page-{number}", 20 + number, PROMPT)
        if not number % 50 and number:
            name = chance.choice(sorted(ours.scheduler.requests))
            for run in (theirs, ours):
                run.scheduler.finish_requests([name], RequestStatus.FINISHED_ABORTED)
        assert ours.step() == theirs.step()
        assert states(ours) == states(theirs)
    assert len(short) > 100


def test_answers_end_at_the_models_length_and_at_its_stop_tokens():
    theirs, ours = pair(max_len=160)
    # Three pages: tokens 101, 102, 103, then 104, 105, 106 and so on.
    ends = {"long": {}, "eos": {"_eos_token_id": 132}, "stop": {"stop_token_ids": [142]}}
    for run in (theirs, ours):
        for name, params in ends.items():
            run.add(name, 500, PROMPT)
            for field, value in params.items():
                setattr(run.scheduler.requests[name].sampling_params, field, value)
    same_steps(theirs, ours)
    assert ours.finished == {"long": "length", "eos": "stop", "stop": "stop"}
    assert len(ours.tokens["long"]) == 60
    assert ours.tokens["eos"][-1] == 132 and ours.tokens["stop"][-1] == 142


@pytest.mark.parametrize("second_runner", [False, True])
def test_a_step_holds_no_more_tokens_than_fit(second_runner):
    theirs, ours = pair()
    for run in (theirs, ours):
        run.scheduler.use_v2_model_runner = second_runner
        for name in "abcdefgh":
            run.add(name, 60, PROMPT)
    for most_tok in (512, 4, 512):
        for run in (theirs, ours):
            run.scheduler.max_num_scheduled_tokens = most_tok
        for _ in range(20):
            assert ours.step() == theirs.step()
            assert states(ours) == states(theirs)
    same_steps(theirs, ours)


def test_a_request_that_asks_for_more_than_a_token_is_vllms():
    run = make(GroupScheduler, 16, 16 * 300, 1)
    run.add("a", 60, PROMPT)
    for _ in range(3):
        run.step()
    request = run.scheduler.requests["a"]
    request.structured_output_request = object()
    assert run.scheduler.decode_step() is None
    request.structured_output_request = None
    assert run.scheduler.decode_step() is not None


def drafting(kinds=(DraftScheduler, GroupScheduler), kv_tokens=16 * 300, seed=0, **more):
    """Two schedulers whose requests have drafts, of which some are accepted."""
    runs = [make(kind, 16, kv_tokens, 1, batched=512, drafts=8, **more) for kind in kinds]
    for run in runs:
        run.scheduler.use_v2_model_runner = True
        chance = random.Random(seed)
        good = {}
        run.accepted = lambda request, chance=chance, good=good: (
            chance.randrange(9) if good.setdefault(request.request_id, chance.random() < 0.7) else 0
        )
    return runs


@pytest.mark.parametrize("kv_tokens", [16 * 300, 8 * 300])
@pytest.mark.parametrize("seed", range(3))
def test_every_step_with_drafts_is_vllms_own(kv_tokens, seed, monkeypatch):
    theirs, ours = drafting(kv_tokens=kv_tokens, seed=seed)
    short = counted(ours, monkeypatch)
    for run in (theirs, ours):
        for number, (name, length) in enumerate(asked(24, seed).items()):
            run.add(name, length, PROMPT, draft=[1] if number % 3 else ())
    steps = same_steps(theirs, ours)
    assert steps / 3 < len(short) < steps
    assert any(step.scheduled_spec_decode_tokens for step in short)
    assert (ours.preemptions > 0) == (kv_tokens < 16 * 300)
    assert not ours.scheduler._worth
    assert ours.drafts == theirs.drafts and any(verified for verified, _ in ours.drafts.values())


def test_a_stream_gets_a_steps_tokens_together():
    (run,) = drafting((GroupScheduler,))
    run.accepted = lambda _: 3
    run.add("a", 100, PROMPT, interval=1, draft=[1])
    run.run()
    assert len(run.tokens["a"]) == 100 and run.messages < 40


def test_drafts_stop_at_the_models_length():
    theirs, ours = drafting(max_len=160)
    for run in (theirs, ours):
        for name in "abc":
            run.add(name, 500, PROMPT, draft=[1])
    same_steps(theirs, ours)
    assert {len(tokens) for tokens in ours.tokens.values()} == {60}


def test_drafts_that_are_never_accepted_are_soon_left_out_and_others_fill_the_step():
    (run,) = drafting((GroupScheduler,))
    run.accepted = lambda request: 8 if request.request_id == "good" else 0
    for name in ("good", "bad", "none"):
        run.add(name, 400, PROMPT, draft=[1] if name != "none" else ())
    counts = {name: [] for name in ("good", "bad", "none")}
    while run.scheduler.has_requests():
        for name, drafts in run.step().scheduled_spec_decode_tokens.items():
            counts[name].append(len(drafts))
    assert max(counts["good"]) == 8 and sum(counts["good"]) > 300
    assert 0 < sum(counts["bad"]) < 0.5 * 400 and counts["none"] == []


def most_blocks(run, name):
    """Blocks that a page holds at most over its run, and at its end how many it has had."""
    (kind,) = run.scheduler.kv_cache_manager.coordinator.single_type_managers
    held, had = 0, 0
    while run.scheduler.has_requests():
        run.step()
        blocks = kind.req_to_blocks.get(name, ())
        held, had = max(held, sum(not block.is_null for block in blocks)), max(had, len(blocks))
    run.run()
    return held, had


@pytest.mark.parametrize("kind", [AsyncScheduler, GroupScheduler])
def test_blocks_that_the_window_has_left_are_freed(kind):
    run = make(kind, 16, 16 * 300, 1, batched=512, window=WINDOW)
    run.add("a", 2000, PROMPT)
    held, had = most_blocks(run, "a")
    # The blocks of the prompt and the window, one begun and one not yet given back, two steps ahead.
    assert -(-PROMPT // 16) + WINDOW // 16 <= held <= -(-PROMPT // 16) + WINDOW // 16 + 3
    assert had == -(-(PROMPT + 2000 - 1) // 16)


def test_long_answers_behind_a_window_fit_a_cache_that_could_not_hold_them(monkeypatch):
    lengths = {f"page-{number}": 1000 + 37 * number for number in range(24)}
    run = make(GroupScheduler, 16, 16 * (PROMPT + WINDOW + 80), 1, batched=512, window=WINDOW)
    short = counted(run, monkeypatch)
    for name, length in lengths.items():
        run.add(name, length, PROMPT)
    run.run()
    assert {name: len(tokens) for name, tokens in run.tokens.items()} == lengths
    assert not run.preemptions and len(short) > 1500


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
    # The first token after the prompt is not yet known to be the only work.
    assert len(found) <= 2 + -(-(16 * 10 - 1 - prompt_blocks_room) // 16)


@pytest.mark.parametrize("change", [{"enable_caching": True}, {"__class__": SlidingWindowManager}])
def test_vllm_decides_where_more_depends_on_a_step(monkeypatch, change):
    made = KVCacheManager.__init__

    def other(self, *args, **kwargs):
        made(self, *args, **kwargs)
        kind = self.coordinator.single_type_managers[0]
        for name, value in change.items():
            setattr(kind, name, value)

    monkeypatch.setattr(KVCacheManager, "__init__", other)
    run = make(GroupScheduler, 16, 16 * 300, 1, batched=512)
    assert not run.scheduler._has_short_way and run.scheduler.decode_step() is None


@pytest.mark.parametrize(
    ("name", "value"), [("connector", object()), ("lora_config", object()), ("num_lookahead_tokens", 1)]
)
def test_vllm_decides_where_another_part_has_a_say(name, value):
    run = make(GroupScheduler, 16, 16 * 300, 1)
    setattr(run.scheduler, name, value)
    assert not run.scheduler._nothing_else_asks()


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


def seen_by_vllm(run, monkeypatch):
    """Requests whose tokens vLLM's own code took in."""
    seen, theirs = [], AsyncScheduler._update_request_with_output
    monkeypatch.setattr(
        AsyncScheduler,
        "_update_request_with_output",
        lambda self, request, *args, **kwargs: (
            seen.append(request.request_id) or theirs(self, request, *args, **kwargs)
        ),
    )
    run.run()
    return len(seen)


@pytest.mark.parametrize(
    ("length", "params", "looks"),
    [
        (60, {}, 2),
        (60, {"stream_interval": 10}, 7),
        (60, {"repetition_detection": RepetitionDetectionParams(3, 2, 4)}, 60),
        (60, {"logprobs": 1}, 60),
    ],
)
def test_vllm_looks_at_the_first_token_the_last_and_those_that_are_given_out(
    length, params, looks, monkeypatch
):
    run = make(GroupScheduler, 16, 16 * 300, 1)
    run.add("a", length, PROMPT)
    for field, value in params.items():
        setattr(run.scheduler.requests["a"].sampling_params, field, value)
    assert seen_by_vllm(run, monkeypatch) == looks
    assert len(run.tokens["a"]) == length


def test_vllm_looks_at_every_token_where_another_part_has_a_say(monkeypatch):
    run = make(GroupScheduler, 16, 16 * 300, 1)
    run.scheduler.kv_cache_manager.enable_caching = True
    assert not run.scheduler._nobody_else_looks()
    run.scheduler._may_take_in = False
    run.add("a", 60, PROMPT)
    assert seen_by_vllm(run, monkeypatch) == 60


def test_numbers_that_are_none_are_vllms(monkeypatch):
    run = make(GroupScheduler, 16, 16 * 300, 1)
    sampled = run._sampled
    monkeypatch.setattr(run, "_sampled", lambda output: replace(sampled(output), num_nans_in_logits={}))
    run.add("a", 60, PROMPT)
    assert seen_by_vllm(run, monkeypatch) == 60


def scored(tokens):
    return {name: [token * SCORE_OF_ID for token in found] for name, found in tokens.items()}


@pytest.mark.parametrize("kv_tokens", [16 * 300, 8 * 300])
def test_probabilities_are_held_with_their_tokens(kv_tokens, monkeypatch):
    runs = []
    for kind in (AsyncScheduler, GroupScheduler):
        run = make(kind, 16, kv_tokens, 1, batched=512)
        for number, (name, length) in enumerate(asked(24).items()):
            run.add(name, length, PROMPT, logprobs=0 if number % 3 else None)
        run.run()
        runs.append(run)
    theirs, ours = runs
    assert ours.scores == theirs.scores and len(ours.scores) == 16
    assert ours.scores == {name: found for name, found in scored(ours.tokens).items() if name in ours.scores}
    assert ours.messages == sum(-(-length // 64) for length in asked(24).values())
    assert (ours.preemptions > 0) == (kv_tokens < 16 * 300)


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_of_drafts_that_were_accepted_are_held(seed):
    theirs, ours = drafting(seed=seed)
    for run in (theirs, ours):
        for number, (name, length) in enumerate(asked(24, seed).items()):
            run.add(name, length, PROMPT, draft=[1] if number % 3 else (), logprobs=0)
    same_steps(theirs, ours)
    assert ours.scores == theirs.scores == scored(ours.tokens)


def test_probabilities_that_a_step_lacks_are_given_for_none_of_a_message(monkeypatch):
    run = make(GroupScheduler, 16, 16 * 300, 1, batched=512)
    run.add("a", 100, PROMPT, logprobs=0)
    logprobs, steps = run._logprobs, iter(range(1000))
    monkeypatch.setattr(run, "_logprobs", lambda *args: logprobs(*args) if next(steps) != 20 else None)
    run.run()
    assert len(run.tokens["a"]) == 100 and run.finished == {"a": "length"}
    assert run.scores["a"] == scored(run.tokens)["a"][64:]


@pytest.mark.parametrize(("logprobs", "shortcuts"), [(1, SHORTCUTS), (0, (HELD_TOKENS,))])
def test_more_than_the_sampled_tokens_probability_and_any_without_the_shortcut_is_vllms(logprobs, shortcuts):
    run = make(GroupScheduler, 16, 16 * 300, 1, batched=512, shortcuts=shortcuts)
    run.add("a", 60, PROMPT, logprobs=logprobs)
    run.run()
    assert run.messages == 60 and run.scores == scored(run.tokens)
