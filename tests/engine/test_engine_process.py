"""An engine in a process of its own: pixels arrive as they are, errors keep their kind, deaths are told."""

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial

import numpy as np
import psutil
import pytest

from ocr_engine.engine import engine_process
from ocr_engine.engine.engine_process import EngineProcess
from ocr_engine.errors import EngineError, RequestError, UsageError
from ocr_engine.records import GenerationRequest, PageViews
from tests.engine.child_engine import DEVICE, ChildEngine, HangsAtOnce


def request(prompt: str = "", seed: int = 0) -> GenerationRequest:
    chance = np.random.default_rng(seed)
    view = chance.integers(0, 256, (512, 512, 3), np.uint8)
    tiles = chance.integers(0, 256, (6, 640, 640, 3), np.uint8)
    return GenerationRequest(f"a/{seed}", PageViews(view, tiles, (2, 3)), prompt, 0, 20, 50)


def engines() -> list[int]:
    """Processes of engines; Python's own resource tracker is none."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if _is_engine(child)]


def _is_engine(child: psutil.Process) -> bool:
    try:
        return not any(other in " ".join(child.cmdline()) for other in ("resource_tracker", "forkserver"))
    except psutil.ZombieProcess:
        return True  # It ended, and nobody has waited for it yet.
    except psutil.NoSuchProcess:
        return False


def process(start: str = "") -> EngineProcess:
    return EngineProcess(partial(ChildEngine, start), {DEVICE: "7"})


async def test_pixels_and_environment_arrive_and_text_streams() -> None:
    engine = process()
    assert engine.identify().capacity == 3 and not engines()
    await engine.start()
    asked = request()
    pieces: list[str] = []
    others = [request(seed=number) for number in range(1, 6)]
    answers = await asyncio.gather(engine.generate(asked, pieces.append), *map(engine.generate, others))
    device, pixels, writeable, child = answers[0].text.split()
    assert device == "7" and int(child) != os.getpid() and os.environ.get(DEVICE) != "7"
    assert int(pixels) == int(asked.views.global_view.sum()) + int(asked.views.tiles.sum())
    # torch warns of arrays that cannot be written to.
    assert writeable == "True"
    assert "".join(pieces) == answers[0].text
    assert len({answer.text for answer in answers}) == 6
    await engine.stop()
    assert not psutil.pid_exists(int(child))


async def test_a_request_that_cannot_be_sent_ends_itself_alone() -> None:
    engine = process()
    await engine.start()
    with pytest.raises(Exception, match="pickle"):
        async with asyncio.timeout(20):
            await engine.generate(replace(request(), prompt=lambda: "no text"))  # type: ignore[arg-type]
    assert (await engine.generate(request())).text
    await engine.stop()


async def test_errors_keep_their_kind() -> None:
    engine = process()
    await engine.start()
    with pytest.raises(RequestError, match="refused"):
        await engine.generate(request("refuse"))
    with pytest.raises(EngineError, match="KeyError") as caught:
        await engine.generate(request("bug"))
    assert not isinstance(caught.value, RequestError)
    assert (await engine.generate(request())).text
    await engine.stop()


async def test_a_death_fails_all_calls_and_later_ones() -> None:
    engine = process()
    await engine.start()
    waiting = asyncio.create_task(engine.generate(request("hang")))
    await asyncio.sleep(0.1)
    with pytest.raises(EngineError, match=r"died \(exit code -9\)"):
        await engine.generate(request("die"))
    with pytest.raises(EngineError, match="died"):
        await waiting
    with pytest.raises(EngineError, match="died"):
        await engine.generate(request())
    await engine.stop()


@pytest.mark.parametrize(
    ("start", "kind", "words"),
    [
        ("usage", UsageError, "carried out"),
        ("fails", EngineError, "no memory"),
        ("dies", EngineError, "died"),
    ],
)
async def test_a_failed_start_is_told(start: str, kind: type[Exception], words: str) -> None:
    engine = process(start)
    with pytest.raises(kind, match=words):
        await engine.start()
    await engine.stop()
    assert not engines()


async def begun(engine: EngineProcess, count: int) -> None:
    """Wait until the child has taken up so many requests."""
    async with asyncio.timeout(60):
        while engine.steps != count:
            await asyncio.sleep(0.05)


async def test_cancelling_cancels_there_and_stopping_waits_for_nobody() -> None:
    engine = process()
    await engine.start()
    hanging = asyncio.create_task(engine.generate(request("hang")))
    await begun(engine, 1)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert (await engine.generate(request())).text
    await begun(engine, 2)
    left = asyncio.create_task(engine.generate(request("hang")))
    await asyncio.sleep(0.05)
    await engine.stop()
    with pytest.raises(EngineError):
        await left
    await engine.stop()
    with pytest.raises(EngineError, match="stopped|not running"):
        await engine.generate(request())


async def ended() -> None:
    """Wait until no process of an engine is left."""
    async with asyncio.timeout(20):
        while engines():
            await asyncio.sleep(0.02)


async def test_a_child_that_hangs_before_it_leads_a_session_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_process, "_STOP_TIMEOUT_S", 0.2)
    engine = EngineProcess(HangsAtOnce(), {})
    starting = asyncio.create_task(engine.start())
    async with asyncio.timeout(60):
        while not engines():
            await asyncio.sleep(0.02)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await engine.stop()
    await ended()


async def test_a_start_cancelled_while_its_process_is_made_leaves_none() -> None:
    engine = process()
    starting = asyncio.create_task(engine.start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await engine.stop()
    await ended()


async def test_a_stop_that_is_given_up_kills_a_child_that_stands_still() -> None:
    engine = process()
    await engine.start()
    (child,) = engines()
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.stop(), 0.2)
    await ended()


async def test_no_room_for_a_process_is_an_engine_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess._Popen", refused)
    engine = process()
    with pytest.raises(EngineError, match="could not be started: .*temporarily"):
        await engine.start()
    await engine.stop()
    assert not engines()
