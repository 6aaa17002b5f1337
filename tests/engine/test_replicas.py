"""Replicas: pages are shared out, the loss of one loses no page, GPUs are taken as CUDA would."""

import asyncio
import os
import signal
from functools import partial

import pytest

from ocr_engine.config import Config, EngineConfig
from ocr_engine.engine.base import Engine, EngineInfo, OnText
from ocr_engine.engine.devices import DEVICES_VARIABLE, visible_gpus
from ocr_engine.engine.engine_process import EngineProcess
from ocr_engine.engine.factory import create_engine
from ocr_engine.engine.replicas import PAGES_AN_ENGINE, ReplicaSet, cpu_engines, environments
from ocr_engine.engine.supervisor import Rules, SupervisedEngine
from ocr_engine.engine.vllm.engine import VllmEngine
from ocr_engine.errors import EngineError, RequestError, UsageError
from ocr_engine.records import FinishReason, Generation, GenerationRequest
from tests.engine.child_engine import ChildEngine
from tests.engine.test_engine_process import engines, request


class Scripted:
    """Answers with its name after `wait_s`; `dies_after` answers it is dead for good."""

    def __init__(
        self,
        name: str,
        wait_s: float = 0.01,
        dies_after: int = 1 << 30,
        start_s: float = 0.0,
        error: str = "",
    ) -> None:
        self.name, self.wait_s, self.left, self.start_s, self.error = name, wait_s, dies_after, start_s, error
        self.answered, self.most, self.running, self.stopped = 0, 0, 0, False

    def identify(self) -> EngineInfo:
        return EngineInfo(self.name, "model: x", "none", 100, 5, "id")

    async def start(self) -> None:
        await asyncio.sleep(self.start_s)
        if self.error:
            raise EngineError(self.error)

    async def generate(self, asked: GenerationRequest, on_text: OnText | None = None) -> Generation:
        if asked.prompt == "refuse":
            raise RequestError("refused")
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if on_text is not None:
                on_text("a")
            await asyncio.sleep(self.wait_s)
            if self.left <= 0:
                raise EngineError(f"{self.name} is dead")
            self.left -= 1
            if on_text is not None:
                on_text("b")
        finally:
            self.running -= 1
        self.answered += 1
        return Generation("ab", FinishReason.STOP, 1, 1, 1, 0.0)

    async def stop(self) -> None:
        self.stopped = True


async def read(engine: Engine, pages: int) -> list[str]:
    answers = await asyncio.gather(*(engine.generate(request(seed=number)) for number in range(pages)))
    return [answer.text for answer in answers]


async def test_pages_spread_evenly_and_capacity_adds_up() -> None:
    engines = [Scripted("a"), Scripted("b"), Scripted("c")]
    replica_set = ReplicaSet(engines)
    assert replica_set.identify().capacity == 15 and "3 replicas" in replica_set.identify().reason
    await replica_set.start()
    await asyncio.sleep(0.01)
    assert await read(replica_set, 30) == ["ab"] * 30
    assert [engine.answered for engine in engines] == [10, 10, 10]
    await replica_set.stop()
    assert all(engine.stopped for engine in engines)


async def test_a_slow_replica_gets_fewer_pages() -> None:
    quick, slow = Scripted("q", 0.005), Scripted("s", 0.1)
    replica_set = ReplicaSet([quick, slow])
    await replica_set.start()
    window = asyncio.Semaphore(4)

    async def one(number: int) -> None:
        async with window:
            await replica_set.generate(request(seed=number))

    await asyncio.gather(*map(one, range(60)))
    assert quick.answered > 2 * slow.answered > 0
    await replica_set.stop()


async def test_a_replica_that_dies_is_left_out_and_loses_nothing() -> None:
    engines = [Scripted("a", dies_after=3), Scripted("b")]
    replica_set = ReplicaSet(engines)
    await replica_set.start()
    pieces: list[str] = []
    streamed = [asyncio.create_task(replica_set.generate(request(), pieces.append))]
    assert await read(replica_set, 20) == ["ab"] * 20
    await asyncio.gather(*streamed)
    assert "".join(pieces) == "ab"
    assert engines[0].answered == 3
    await replica_set.stop()


async def test_with_none_left_the_last_cause_is_told() -> None:
    replica_set = ReplicaSet([Scripted("a", dies_after=0), Scripted("b", dies_after=1)])
    await replica_set.start()
    results = await asyncio.gather(
        *(replica_set.generate(request()) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, Generation) for result in results) == 1
    assert {str(result) for result in results if isinstance(result, EngineError)} <= {
        "a is dead",
        "b is dead",
    }
    await replica_set.stop()


async def test_a_refused_page_costs_no_replica() -> None:
    replica_set = ReplicaSet([Scripted("a"), Scripted("b")])
    await replica_set.start()
    with pytest.raises(RequestError):
        await replica_set.generate(request("refuse"))
    assert await read(replica_set, 4) == ["ab"] * 4
    await replica_set.stop()


async def test_the_first_one_up_begins_and_the_others_join() -> None:
    early, late, never = Scripted("e"), Scripted("l", start_s=0.1), Scripted("n", error="no memory")
    replica_set = ReplicaSet([never, late, early])
    await replica_set.start()
    assert await read(replica_set, 2) == ["ab"] * 2 and late.answered == 0
    await asyncio.sleep(0.15)
    await read(replica_set, 10)
    assert late.answered == 5 and never.answered == 0
    await replica_set.stop()


async def test_no_replica_up_is_an_error_with_its_cause() -> None:
    replica_set = ReplicaSet([Scripted("a", error="no memory"), Scripted("b", error="no memory")])
    with pytest.raises(EngineError, match="no memory"):
        await replica_set.start()
    await replica_set.stop()


async def test_supervised_processes_survive_a_page_that_kills_them() -> None:
    rules = Rules(hang_timeout_s=60, max_deaths=6, backoff_s=0.01)
    made = [partial(EngineProcess, ChildEngine, {"CUDA_VISIBLE_DEVICES": str(gpu)}) for gpu in (3, 5)]
    replica_set = ReplicaSet([SupervisedEngine(make, rules) for make in made])
    await replica_set.start()
    async with asyncio.timeout(60):
        while len(replica_set._live) < 2:
            await asyncio.sleep(0.05)
        pages = [request("die" if number == 7 else "", number) for number in range(16)]
        results = await asyncio.gather(*map(replica_set.generate, pages), return_exceptions=True)
    assert isinstance(results[7], RequestError)
    texts = [result.text for result in results if isinstance(result, Generation)]
    assert len(texts) == 15 and {text.split()[0] for text in texts} == {"3", "5"}
    await replica_set.stop()


async def test_with_one_killed_and_the_other_standing_still_every_page_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ocr_engine.engine.engine_process._STOP_TIMEOUT_S", 0.2)
    rules = Rules(hang_timeout_s=8, max_deaths=6, backoff_s=0.01)
    make = partial(EngineProcess, ChildEngine, {})
    replica_set = ReplicaSet([SupervisedEngine(make, rules) for _ in range(2)])
    await replica_set.start()
    assert await replica_set.settled() == 2
    window = asyncio.Semaphore(8)
    pids: list[int] = []

    async def one(number: int) -> None:
        async with window:
            answer = await replica_set.generate(request(seed=number))
        pids.append(int(answer.text.split()[-1]))
        if len(pids) == 20:
            os.kill(pids[0], signal.SIGKILL)
        if len(pids) == 40:
            os.kill(next(pid for pid in pids if pid != pids[0]), signal.SIGSTOP)

    async with asyncio.timeout(150):
        await asyncio.gather(*map(one, range(80)))
    assert len(pids) == 80 and len(set(pids)) == 4
    await replica_set.stop()
    assert not engines()


@pytest.mark.parametrize(
    ("value", "gpus"),
    [("0,2", ("0", "2")), ("", ()), ("-1", ()), ("1,-1,2", ("1",)), (" GPU-ab , 3 ", ("GPU-ab", "3"))],
)
def test_visible_gpus_are_those_cuda_would_take(
    monkeypatch: pytest.MonkeyPatch, value: str, gpus: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == gpus


def test_each_replica_gets_one_gpu_or_a_share_of_the_cpu() -> None:
    assert environments("auto", ("0", "3"), 8) == [
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": "3"},
    ]
    assert environments(1, ("0", "3"), 8) == [{"CUDA_VISIBLE_DEVICES": "0"}]
    assert environments("auto", (), 8) == [{"OMP_NUM_THREADS": "8"}]
    assert environments(3, (), 8) == [{"OMP_NUM_THREADS": "2"}] * 3
    with pytest.raises(UsageError, match=r"engine\.replicas: 3: at most one per GPU, and 2"):
        environments(3, ("0", "3"), 8)


@pytest.mark.parametrize(
    ("cores", "free_gib", "engines"), [(2, 20, 2), (2, 7, 1), (1, 64, 1), (64, 64, 4), (8, 13, 3), (2, 1, 1)]
)
def test_a_cpu_runs_an_engine_a_core_where_memory_allows(cores: int, free_gib: int, engines: int) -> None:
    assert cpu_engines(cores, free_gib << 30) == engines


async def test_on_a_cpu_another_engine_starts_only_for_a_longer_run() -> None:
    engines = [Scripted("a"), Scripted("b"), Scripted("c")]
    replica_set = ReplicaSet(engines, pages_each=4)
    await replica_set.start()
    assert await replica_set.settled() == 1
    await read(replica_set, 3)
    assert await replica_set.settled() == 1
    await read(replica_set, 1)
    assert await replica_set.settled() == 2
    await read(replica_set, 3)
    assert await replica_set.settled() == 2
    assert [engine.answered > 0 for engine in engines] == [True, True, False]
    await read(replica_set, 1)
    assert await replica_set.settled() == 3
    await read(replica_set, 9)
    assert [engine.answered for engine in engines][2] == 3
    await replica_set.stop()
    assert all(engine.stopped for engine in engines)


async def test_the_first_goes_on_where_another_does_not_start(caplog: pytest.LogCaptureFixture) -> None:
    replica_set = ReplicaSet([Scripted("a"), Scripted("b", error="no memory")], pages_each=2)
    await replica_set.start()
    with caplog.at_level("WARNING", logger="ocr_engine"):
        assert await read(replica_set, 5) == ["ab"] * 5 and await replica_set.settled() == 1
    assert await read(replica_set, 5) == ["ab"] * 5
    await replica_set.stop()


async def test_stopped_it_starts_no_other() -> None:
    late = Scripted("b", start_s=5)
    replica_set = ReplicaSet([Scripted("a"), late, Scripted("c")], pages_each=1)
    await replica_set.start()
    await read(replica_set, 1)
    await asyncio.wait_for(replica_set.stop(), 3)
    assert late.stopped and await replica_set.settled() == 0
    with pytest.raises(EngineError):
        await replica_set.generate(request())
    assert await replica_set.settled() == 0


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocr_engine.engine.factory.cuda_gpu_visible", lambda: False)
    monkeypatch.setattr("ocr_engine.engine.factory.cpu_cores", lambda: 2)
    monkeypatch.setattr("ocr_engine.engine.factory.cpu_engines", lambda cores, free: cores)


@pytest.mark.usefixtures("two_cores")
def test_the_factory_keeps_engines_ready_for_nano_on_a_cpu() -> None:
    for model in ("auto", "nano"):
        engine = create_engine(Config(engine=EngineConfig(model=model)))
        assert isinstance(engine, ReplicaSet) and len(engine._all) == 2
        assert engine._pages_each == PAGES_AN_ENGINE and len(engine._waiting) == 2
        info = engine.identify()
        assert info.model == "nano" and info.capacity == 2 * 18 and info.reason.endswith("up to 2 engines")
        first, second = (replica.engine._make() for replica in engine._all)  # type: ignore[attr-defined]
        assert isinstance(first, VllmEngine) and first._planned().sizes.threads == 1
        assert isinstance(second, EngineProcess) and second._environment == {"OMP_NUM_THREADS": "1"}


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    "engine", [EngineConfig(model="nano", replicas=1), EngineConfig(model="deepseek-ai/DeepSeek-OCR")]
)
def test_one_engine_where_one_is_asked_for_and_of_large_checkpoints(engine: EngineConfig) -> None:
    assert isinstance(create_engine(Config(engine=engine)), SupervisedEngine)


def test_the_factory_wraps_only_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocr_engine.engine.factory.cpu_engines", lambda cores, free: 1)
    assert isinstance(create_engine(Config(engine=EngineConfig(model="nano"))), SupervisedEngine)
    two = create_engine(Config(engine=EngineConfig(model="nano", replicas=2)))
    assert isinstance(two, ReplicaSet) and two.identify().model == "nano" and not two._pages_each
    monkeypatch.setattr("ocr_engine.engine.factory.cuda_gpu_visible", lambda: True)
    monkeypatch.setenv(DEVICES_VARIABLE, "0,1,2")
    three = create_engine(Config(engine=EngineConfig(model="nano")))
    assert isinstance(three, ReplicaSet) and len(three._all) == 3 and not three._pages_each
