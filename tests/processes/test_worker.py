"""A worker's start and its calls, as the pools see them."""

import functools
import operator
import os
import time

import pytest

from ocr_engine.processes import worker as module
from ocr_engine.processes.worker import Worker, WorkerDiedError, WorkerTimeoutError


def test_a_slow_start_is_not_blamed_on_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_TIMEOUT_S", 0.001)
    with pytest.raises(WorkerDiedError, match=r"did not start in 0\.001 s"):
        Worker(1000).call(os.getpid, 20)


def test_calls_answer_raise_and_are_ended() -> None:
    worker = Worker(1000)
    assert worker.call(functools.partial(operator.add, 1, 2), 20) == 3
    with pytest.raises(ZeroDivisionError):
        worker.call(functools.partial(operator.floordiv, 1, 0), 20)
    with pytest.raises(WorkerTimeoutError, match=r"took longer than 0\.2 s"):
        worker.call(functools.partial(time.sleep, 30), 0.2)
