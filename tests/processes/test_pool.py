"""Jobs in threads that own a killable worker each."""

import os
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from ocr_engine.processes.pool import Call, PoolStoppedError, WorkerPool
from ocr_engine.processes.worker import WorkerDiedError, WorkerTimeoutError

LIMIT_S = 60


def test_a_job_that_lost_its_worker_goes_on_with_another() -> None:
    def job(call: Call) -> tuple[int, int]:
        first = call(os.getpid, LIMIT_S)
        with pytest.raises(WorkerDiedError, match="exit code 3"):
            call(partial(os._exit, 3), LIMIT_S)
        with pytest.raises(WorkerTimeoutError):
            call(partial(time.sleep, LIMIT_S), 0.1)
        return first, call(os.getpid, LIMIT_S)

    with WorkerPool(1, 400) as pool:
        first, last = pool.submit(job).result(LIMIT_S)
        assert len({first, last, os.getpid()}) == 3
        assert pool.submit(lambda call: call(os.getpid, LIMIT_S)).result(LIMIT_S) == last


def test_no_more_threads_than_asked_for_and_each_has_its_worker() -> None:
    begun = threading.Barrier(2, timeout=LIMIT_S)

    def job(call: Call) -> int:
        begun.wait()
        pid: int = call(os.getpid, LIMIT_S)
        return pid

    with WorkerPool(2, 400) as pool:
        pids = [future.result(LIMIT_S) for future in [pool.submit(job) for _ in range(4)]]
        assert len(set(pids)) == 2 == len(pool._slots)


def test_a_worker_that_is_starting_holds_up_no_pool_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_import.py").write_text(f"import time\ntime.sleep({LIMIT_S})")
    monkeypatch.syspath_prepend(tmp_path)
    pool = WorkerPool(1, 400, preload=["slow_import"])
    future = pool.submit(lambda call: call(os.getpid, LIMIT_S))
    while pool._slots[0]._worker is None:
        time.sleep(0.01)
    began_s = time.monotonic()
    pool.close(kill=True)
    assert time.monotonic() - began_s < LIMIT_S / 2
    with pytest.raises(PoolStoppedError):
        future.result(0)


def test_a_killed_pool_says_so_to_the_job_in_hand() -> None:
    pool, begun = WorkerPool(1, 400), threading.Event()

    def job(call: Call) -> None:
        call(os.getpid, LIMIT_S)
        begun.set()
        call(partial(time.sleep, LIMIT_S), LIMIT_S)

    future = pool.submit(job)
    assert begun.wait(LIMIT_S)
    pool.close(kill=True)
    with pytest.raises(PoolStoppedError):
        future.result(0)
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(job)
