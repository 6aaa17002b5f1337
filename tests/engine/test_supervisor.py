"""Deaths and hangs of a scripted engine: every page ends, the guilty is found, a broken one given up."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.engine.base import EngineInfo, OnText
from ocr_engine.engine.flights import TextOnce
from ocr_engine.engine.supervisor import Rules, SupervisedEngine
from ocr_engine.errors import EngineError, RequestError
from ocr_engine.records import FinishReason, Generation, GenerationRequest

INFO = EngineInfo("scripted", "a test", "none", 0, 8, "id")
RULES = Rules(hang_timeout_s=0.2, max_deaths=8, backoff_s=0.0)


class World:
    """What a test lays down for all lives of the engine, and what it then sees."""

    def __init__(self, **script: Any) -> None:
        self.killers: set[str] = script.get("killers", set())
        """Requests that kill the engine."""
        self.hangers: set[str] = script.get("hangers", set())
        """Requests on which the whole engine hangs."""
        self.refused: set[str] = script.get("refused", set())
        self.deaths_at: set[int] = script.get("deaths_at", set())
        """Numbers of answers, counted over all lives, at which the engine dies of its own accord."""
        self.bad_starts: set[int] = script.get("bad_starts", set())
        self.broken = bool(script.get("broken"))
        self.starts = 0
        self.stops = 0
        self.answers = 0
        self.together: list[set[str]] = []
        """The requests in flight at each death."""

    def engine(self) -> "Scripted":
        return Scripted(self)


class Scripted:
    """One life."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._in_flight: set[str] = set()
        self._dead = False
        self._hung = False
        self.steps = 0

    def identify(self) -> EngineInfo:
        return INFO

    async def start(self) -> None:
        self._world.starts += 1
        if self._world.starts in self._world.bad_starts:
            raise EngineError("did not start")

    async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
        name = request.request_id
        self._in_flight.add(name)
        try:
            await asyncio.sleep(0)
            self._perhaps_die(name)
            for piece in ("text of ", name):
                if on_text is not None:
                    on_text(piece)
                await asyncio.sleep(0.001)
                self._perhaps_die("")
                while self._hung:
                    await asyncio.sleep(10)
                self.steps += 1
            self._world.answers += 1
            return Generation(f"text of {name}", FinishReason.STOP, 1, 1, 1, 0.0)
        finally:
            self._in_flight.discard(name)

    def _perhaps_die(self, name: str) -> None:
        world = self._world
        if name in world.refused:
            raise RequestError("too long")
        self._hung = self._hung or name in world.hangers
        if not self._dead and (world.broken or name in world.killers or world.answers in world.deaths_at):
            world.deaths_at.discard(world.answers)
            world.together.append(set(self._in_flight))
            self._dead = True
        if self._dead:
            raise EngineError("CUDA error: an illegal memory access was encountered")

    async def stop(self) -> None:
        self._world.stops += 1


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def asked(name: str) -> GenerationRequest:
    return GenerationRequest(name, None, "<image>", 10, 0, 0)  # type: ignore[arg-type]


async def read(world: World, names: list[str], rules: Rules = RULES, window: int = 8) -> dict[str, str]:
    """What became of each page; as in a run, at most `window` are in flight."""
    engine = SupervisedEngine(world.engine, rules)
    await engine.start()
    free = asyncio.Semaphore(window)
    results: dict[str, str] = {}

    async def one(name: str) -> None:
        async with free:
            try:
                results[name] = (await engine.generate(asked(name))).text
            except RequestError as error:
                results[name] = f"refused: {error}"
            except EngineError as error:
                results[name] = f"ended: {error}"

    await asyncio.gather(*map(one, names))
    await engine.stop()
    return results


def pages(count: int) -> list[str]:
    return [f"p{number}" for number in range(count)]


def good(names: list[str]) -> dict[str, str]:
    return {name: f"text of {name}" for name in names}


def test_a_calm_engine_is_started_once() -> None:
    world = World()
    assert run(read(world, pages(30))) == good(pages(30))
    assert (world.starts, world.stops) == (1, 1)


def test_a_death_costs_no_page() -> None:
    world = World(deaths_at={5})
    assert run(read(world, pages(30))) == good(pages(30))
    assert world.starts == 2 and world.stops == 2 and len(world.together) == 1


def test_deaths_far_apart_are_no_reason_to_give_up() -> None:
    world = World(deaths_at=set(range(10, 200, 20)))
    assert run(read(world, pages(200), Rules(1, max_deaths=3, backoff_s=0))) == good(pages(200))
    assert world.starts == 11


@pytest.mark.parametrize("window", [1, 2, 8, 40])
def test_a_page_that_kills_is_found_and_alone_refused(window: int) -> None:
    world = World(killers={"p11"})
    results = run(read(world, pages(40), window=window))
    assert results.pop("p11").startswith("refused: the engine died")
    assert results == {name: text for name, text in good(pages(40)).items() if name != "p11"}
    assert world.together[-1] == {"p11"}, "the last death was its own"
    assert len(world.together) <= 4


def test_the_reason_names_deaths_and_cause() -> None:
    results = run(read(World(killers={"p0"}), pages(1)))
    assert "died 2 times on this page: CUDA error" in results["p0"]


def test_a_page_on_which_the_engine_hangs_is_found() -> None:
    results = run(read(World(hangers={"p3"}), pages(12)))
    assert "refused" in results.pop("p3")
    assert results == {name: text for name, text in good(pages(12)).items() if name != "p3"}


def test_text_is_given_out_once_however_often_it_is_read() -> None:
    async def stream() -> None:
        world = World(killers={"p1"}, deaths_at={0})
        engine = SupervisedEngine(world.engine, RULES)
        await engine.start()
        given: dict[str, list[str]] = {name: [] for name in pages(4)}
        calls = (engine.generate(asked(name), given[name].append) for name in given)
        await asyncio.gather(*calls, return_exceptions=True)
        await engine.stop()
        assert world.starts > 2
        assert {name: "".join(given[name]) for name in ("p0", "p2", "p3")} == good(["p0", "p2", "p3"])

    run(stream())


@pytest.mark.parametrize("first", ["", "a", "ab", "abc", "abcd"])
def test_pieces_of_any_length_are_given_out_once(first: str) -> None:
    given: list[str] = []
    stream = TextOnce(given.append)
    stream(first)
    for _ in range(2):
        stream.begin()
        for piece in ("ab", "", "c", "def"):
            stream(piece)
    assert "".join(given) == "abcdef" and "" not in given


def test_a_slow_engine_does_not_count_as_hung() -> None:
    class Slow(Scripted):
        async def generate(self, request: GenerationRequest, on_text: OnText | None = None) -> Generation:
            for _ in range(30):
                await asyncio.sleep(0.02)
                self.steps += 1
            return await super().generate(request, on_text)

    world = World()
    world.engine = lambda: Slow(world)  # type: ignore[method-assign]
    assert run(read(world, pages(2))) == good(pages(2))
    assert world.starts == 1


def test_an_idle_engine_does_not_count_as_hung() -> None:
    async def idle() -> None:
        world = World()
        engine = SupervisedEngine(world.engine, Rules(0.05, 8, 0))
        await engine.start()
        await asyncio.sleep(0.3)
        await engine.generate(asked("p0"))
        await engine.stop()
        assert world.starts == 1

    run(idle())


def test_a_refused_page_stops_nothing() -> None:
    world = World(refused={"p2"})
    results = run(read(world, pages(5)))
    assert results.pop("p2") == "refused: too long" and world.starts == 1
    assert len(results) == 4


def test_a_broken_engine_is_given_up_and_blames_no_page() -> None:
    world = World(broken=True)
    results = run(read(world, pages(30)))
    assert world.starts == RULES.max_deaths
    for reason in results.values():
        assert reason.startswith("ended: the engine died 8 times in a row without reading a page")
        assert "CUDA error" in reason and "the same command goes on" in reason


def test_refused_pages_do_not_keep_a_broken_engine_going() -> None:
    world = World(broken=True, refused={"p3", "p9", "p20"})
    results = run(read(world, pages(30)))
    assert world.starts == RULES.max_deaths
    assert sum(text.startswith("ended") for text in results.values()) >= 27


def test_starts_that_fail_are_tried_again() -> None:
    world = World(deaths_at={3}, bad_starts={2, 3})
    assert run(read(world, pages(10))) == good(pages(10))
    assert world.starts == 4 == world.stops


def test_starts_that_always_fail_end_the_run() -> None:
    world = World(deaths_at={3}, bad_starts=set(range(2, 100)))
    results = run(read(world, pages(10)))
    assert any("did not start" in reason for reason in results.values())
    assert world.starts == RULES.max_deaths


def test_a_first_start_that_fails_is_not_tried_again() -> None:
    world = World(bad_starts={1})
    with pytest.raises(EngineError, match="did not start"):
        run(read(world, pages(1)))
    assert world.starts == 1


def test_a_bug_in_a_restart_reaches_those_who_wait() -> None:
    class Broken(World):
        def engine(self) -> Scripted:
            if self.starts:
                raise ZeroDivisionError
            return super().engine()

    results = run(read(Broken(deaths_at={2}), pages(5)))
    assert "ZeroDivisionError" in " ".join(results.values())


def test_restarts_wait_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds >= 1:
            pauses.append(seconds)
            seconds = 0
        await sleep(seconds)

    monkeypatch.setattr("ocr_engine.engine.supervisor.asyncio.sleep", noted)
    run(read(World(broken=True), pages(30), Rules(0.2, 6, backoff_s=1, max_backoff_s=7)))
    assert pauses == [1, 2, 4, 7, 7]


def test_a_hung_stop_does_not_keep_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocr_engine.engine.supervisor._STOP_TIMEOUT_S", 0.05)

    class Stuck(Scripted):
        async def stop(self) -> None:
            self._world.stops += 1
            if self._world.stops == 1:
                await asyncio.sleep(60)

    world = World(deaths_at={2})
    world.engine = lambda: Stuck(world)  # type: ignore[method-assign]
    assert run(read(world, pages(5))) == good(pages(5))


@pytest.mark.parametrize("when_s", [0.0, 0.0015, 0.03])
def test_cancelled_pages_are_forgotten(when_s: float) -> None:
    async def cancel() -> None:
        world = World(hangers={"p0"})
        engine = SupervisedEngine(world.engine, RULES)
        await engine.start()
        tasks = [asyncio.create_task(engine.generate(asked(name))) for name in pages(4)]
        await asyncio.sleep(when_s)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() or task.done() for task in tasks)
        world.hangers.clear()
        again = await asyncio.gather(*(engine.generate(asked(name)) for name in ("a", "b")))
        assert [answer.text for answer in again] == ["text of a", "text of b"]
        await engine.stop()

    run(cancel())


def test_stop_during_a_restart_ends_those_who_wait() -> None:
    async def stop() -> None:
        world = World(broken=True)
        engine = SupervisedEngine(world.engine, Rules(0.2, 8, backoff_s=30))
        await engine.start()
        task = asyncio.create_task(engine.generate(asked("p0")))
        await asyncio.sleep(0.05)
        await engine.stop()
        with pytest.raises(EngineError, match="stopped"):
            await task
        with pytest.raises(EngineError, match="stopped"):
            await engine.generate(asked("p1"))

    run(stop())


def test_nothing_is_generated_before_the_start() -> None:
    with pytest.raises(EngineError, match="not running"):
        run(SupervisedEngine(World().engine, RULES).generate(asked("p")))


@settings(max_examples=40)
@given(st.sets(st.integers(0, 39), max_size=3), st.sets(st.integers(0, 39), max_size=3), st.integers(1, 20))
def test_whatever_dies_every_page_ends_rightly(killers: set[int], chances: set[int], window: int) -> None:
    """All killers are refused, and no other page, save one that was alone when the engine died by chance."""
    names = {f"p{number}" for number in killers}
    world = World(killers=names, deaths_at=set(chances))
    results = run(read(world, pages(40), Rules(5, max_deaths=20, backoff_s=0), window))
    refused = {name for name, text in results.items() if text.startswith("refused")}
    assert names <= refused and len(refused - names) <= len(chances)
    assert {name: text for name, text in results.items() if name not in refused} == {
        name: text for name, text in good(pages(40)).items() if name not in refused
    }
