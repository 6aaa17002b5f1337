"""When waiting pages are held back, step by step, without an engine."""

from types import SimpleNamespace

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.interface import PauseState

from ocr_engine.engine.vllm import scheduler as scheduler_vllm
from ocr_engine.engine.vllm.scheduler import GroupScheduler


@pytest.fixture
def scheduler(monkeypatch):
    """One with a group of 4 and 10 places; `admits` is whether a step took up new pages."""
    made = GroupScheduler.__new__(GroupScheduler)
    made.max_num_running_reqs, made._group, made._held_steps = 10, 4, 0
    made._pause_state = PauseState.UNPAUSED
    made.running, made.waiting, made._has_short_way = [], [], False
    monkeypatch.setattr(
        AsyncScheduler, "schedule", lambda self, throttle=False: self._pause_state == PauseState.UNPAUSED
    )

    def admits(running, waiting):
        made.running, made.waiting = [None] * running, [None] * waiting
        return made.schedule()

    return SimpleNamespace(made=made, admits=admits)


def test_pages_enter_in_groups(scheduler):
    assert not scheduler.admits(running=8, waiting=9)
    assert scheduler.admits(running=6, waiting=9)
    assert not scheduler.admits(running=3, waiting=2)
    assert scheduler.admits(running=3, waiting=4)


def test_an_empty_engine_takes_what_there_is(scheduler):
    assert scheduler.admits(running=0, waiting=1)


def test_no_page_waits_for_ever(scheduler):
    held = 0
    while not scheduler.admits(running=9, waiting=1):
        held += 1
    assert held == scheduler_vllm._PATIENCE_STEPS


def test_a_paused_engine_stays_as_it_is(scheduler):
    scheduler.made._pause_state = PauseState.PAUSED_ALL
    assert not scheduler.admits(running=0, waiting=9)
    assert scheduler.made._pause_state == PauseState.PAUSED_ALL


def test_the_state_is_restored_when_a_step_fails(scheduler, monkeypatch):
    def fail(self, throttle=False):
        raise RuntimeError

    monkeypatch.setattr(AsyncScheduler, "schedule", fail)
    scheduler.made.running, scheduler.made.waiting = [None] * 9, [None]
    with pytest.raises(RuntimeError):
        scheduler.made.schedule()
    assert scheduler.made._pause_state == PauseState.UNPAUSED
