"""What is asked of Ray: how many engines fit, and whose fault a stream that ends is. No cluster is needed."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ocr_engine.cluster import nodes, streams
from ocr_engine.cluster.streams import (
    ClusterLostError,
    connected,
    cpus_for_engines,
    engine_pool,
    room_for_engines,
)
from ocr_engine.config import ClusterConfig, Config, EngineConfig
from ocr_engine.errors import EngineError, UsageError


@pytest.mark.parametrize(
    ("wanted", "engines", "cpus", "beside", "given"),
    [
        (2.0, 1, 16.0, 16.0, 2.0),
        (2.0, 1, 2.0, 2.0, 1.0),
        (2.0, 1, 1.0, 1.0, 0.0),
        (2.0, 8, 9.0, 9.0, 1.0),
        (0.5, 2, 4.0, 2.0, 0.5),
        (2.0, 4, 36.0, 1.0, 1.0),
    ],
)
def test_engines_leave_a_core_for_rendering(
    wanted: float, engines: int, cpus: float, beside: float, given: float
) -> None:
    assert cpus_for_engines(wanted, engines, cpus, beside) == given


@pytest.mark.parametrize(
    ("nodes", "gpus", "room"),
    [
        ([{"CPU": 16, "GPU": 1}, {"CPU": 8, "GPU": 4}, {"CPU": 64}], 1.0, (5, 2.0)),
        ([{"CPU": 16, "GPU": 2}], 0.5, (4, 4.0)),
        ([{"CPU": 16, "GPU": 8}], 0.4, (16, 1.0)),
        ([{"CPU": 3, "GPU": 3}], 1 / 3, (9, 1 / 3)),
        ([{"CPU": 6, "GPU": 1}], 0.1666666666666667, (6, 1.0)),
        ([{"CPU": 16, "GPU": 8}, {"CPU": 4, "GPU": 1}], 2.0, (4, 4.0)),
        ([{"CPU": 16, "GPU": 1}], 2.0, (0, float("inf"))),
    ],
)
def test_a_share_of_a_gpu_is_of_one_gpu(
    nodes: list[dict[str, float]], gpus: float, room: tuple[int, float]
) -> None:
    assert room_for_engines(nodes, gpus) == room


def test_no_engine_is_given_up_for_having_little_to_do() -> None:
    pytest.importorskip("ray")
    pool = engine_pool(ClusterConfig(pages_per_engine=30, pages_per_task=4), 3)
    assert (pool.min_size, pool.max_size, pool.initial_size) == (3, 3, 3)
    assert pool.max_concurrent_calls_per_actor == 8 and pool.max_tasks_in_flight_per_actor == 10


def test_gpus_that_ray_cannot_give_are_refused() -> None:
    config = Config(cluster=ClusterConfig(backend="ray", gpus_per_engine=1.5))
    with pytest.raises(UsageError, match="gpus_per_engine: 1.5: above 1"), connected(config):
        pass


class RefusingRay:
    """Ray, where the cluster asks for a token that is not there."""

    class exceptions:
        class RayError(Exception):
            pass

    def init(self, **_: object) -> None:
        raise self.exceptions.RayError(
            "Token authentication is enabled but no authentication token was found."
        )


def test_a_token_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_ray", RefusingRay)
    monkeypatch.setattr(streams, "_reach", lambda address: None)
    config = Config(cluster=ClusterConfig(backend="ray"))
    with (
        pytest.raises(EngineError, match=r"asks for a token.*RAY_AUTH_MODE=token") as caught,
        connected(config),
    ):
        pass
    assert "\n" not in str(caught.value)


class AskedRay:
    """Ray of a cluster with GPUs, or without."""

    class data:
        class DataContext:
            @staticmethod
            def get_current() -> Any:
                return AskedRay

    class exceptions:
        class RayError(Exception):
            pass

    def __init__(self, gpus: int, answer: bool | Exception) -> None:
        self._gpus, self._answer, self.asked = gpus, answer, 0

    def init(self, **_: object) -> None: ...

    def shutdown(self) -> None: ...

    def cluster_resources(self) -> dict[str, float]:
        return {"GPU": self._gpus, "CPU": 8}

    def remote(self, **_: object) -> Any:
        return lambda function: SimpleNamespace(remote=lambda config: function)

    def get(self, function: object, timeout: float) -> bool:
        assert function is nodes.verifies_drafts and timeout
        self.asked += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("engine", "gpus", "answer", "drafts", "asked"),
    [
        (EngineConfig(), 4, True, "auto", 1),
        (EngineConfig(), 4, False, "off", 1),
        (EngineConfig(), 4, TimeoutError(), "auto", 1),
        (EngineConfig(), 0, True, "off", 0),
        (EngineConfig(backend="replay"), 4, True, "off", 0),
        (EngineConfig(drafts="always"), 4, False, "always", 0),
        (EngineConfig(drafts="off"), 4, True, "off", 0),
    ],
)
def test_nodes_foretell_answers_only_for_engines_that_verify_drafts(
    monkeypatch: pytest.MonkeyPatch,
    engine: EngineConfig,
    gpus: int,
    answer: bool | Exception,
    drafts: str,
    asked: int,
) -> None:
    ray = AskedRay(gpus, answer)
    monkeypatch.setattr(streams, "_ray", lambda: ray)
    monkeypatch.setattr(streams, "_reach", lambda address: None)
    with connected(Config(cluster=ClusterConfig(backend="ray"), engine=engine)) as config:
        assert config.engine.drafts == drafts and ray.asked == asked


def test_a_node_says_whether_its_engine_verifies_drafts() -> None:
    assert not nodes.verifies_drafts(Config(engine=EngineConfig(backend="replay")))


class Stream:
    """A stream of Ray Data that brings one row and then breaks."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def iter_rows(self) -> Iterator[Any]:
        yield nodes.packed("one")
        raise self._error


def test_an_error_of_a_node_is_told_from_one_of_the_cluster() -> None:
    exceptions = pytest.importorskip("ray.exceptions", reason="needs ray[data]")
    ours = exceptions.UserCodeException(
        "Traceback\n  File x\nocr_engine.errors.EngineError: no GPU there\n\nTo retry, configure it.\n"
    )
    for error, kind in ((ours, EngineError), (RuntimeError("Traceback\nno GPU there"), ClusterLostError)):
        stream = streams._through(Stream(error))
        assert next(stream) == "one"
        with pytest.raises(EngineError, match="the Ray cluster failed: .*no GPU there$") as raised:
            next(stream)
        assert type(raised.value) is kind
