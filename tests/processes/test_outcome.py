"""Jobs of other threads, awaited: none is forgotten, however many end at one time."""

import asyncio
import pickle
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from ocr_engine.processes.outcome import outcome
from ocr_engine.records import Block, Box


def test_jobs_that_end_together_all_come_back() -> None:
    async def main() -> list[int]:
        barrier = threading.Barrier(16)

        def job(number: int) -> int:
            barrier.wait(10)
            return number

        with ThreadPoolExecutor(16) as pool:
            rounds = [
                await asyncio.gather(*(outcome(pool.submit(job, number)) for number in range(16)))
                for _ in range(30)
            ]
        return [sum(one) for one in rounds]

    assert asyncio.run(main()) == [120] * 30
    assert asyncio.run(main()) == [120] * 30, "another loop"


def test_errors_and_cancelled_jobs_reach_who_waits() -> None:
    async def main() -> None:
        failed: Future[None] = Future()
        failed.set_exception(ValueError("wrong"))
        with pytest.raises(ValueError, match="wrong"):
            await outcome(failed)
        cancelled: Future[None] = Future()
        waiting = asyncio.ensure_future(outcome(cancelled))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())


def test_who_stops_waiting_stops_a_job_that_has_not_begun() -> None:
    async def main() -> None:
        job: Future[int] = Future()
        waiting = asyncio.ensure_future(outcome(job))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert job.cancelled()
        begun: Future[int] = Future()
        begun.set_running_or_notify_cancel()
        waiting = asyncio.ensure_future(outcome(begun))
        await asyncio.sleep(0)
        waiting.cancel()
        begun.set_result(1)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())


def test_blocks_and_boxes_travel_whole() -> None:
    block = Block("image", (Box(1, 2, 3, 4),), "text", ("0001-1.jpg",))
    assert pickle.loads(pickle.dumps(block)) == block  # noqa: S301 - made here
