"""What a cluster run makes of streams that lose pages, break, or say nothing. No Ray is needed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from ocr_engine.cluster import conversion
from ocr_engine.cluster.conversion import MAX_ROUNDS, ClusterReader
from ocr_engine.cluster.nodes import Result
from ocr_engine.cluster.streams import ClusterLostError
from ocr_engine.config import Config
from ocr_engine.conversion.planning import Page
from ocr_engine.engine.base import EngineInfo
from ocr_engine.errors import EngineError
from ocr_engine.families import OCR
from ocr_engine.reading.reader import ReadPage
from ocr_engine.records import Document, DocumentKind, PageKey, PageRef, PageStatus

Stream = Callable[[list[Page]], Iterator[Result]]


class FakeTools:
    pool: Any = None
    engine: Any = None
    info = EngineInfo("m", "r", "none", 0, 1, "id", OCR)


def pages(count: int) -> list[Page]:
    document = Document("a.pdf", Path("a.pdf"), PurePosixPath("a.pdf"), DocumentKind.PDF, 1, 1)
    return [Page(PageRef(document, "c", n, count, "b"), f"a/{n}", "f") for n in range(count)]


def result(reader: ClusterReader, page: Page, text: str = "read") -> Result:
    return Result(page, ReadPage(reader.failed(page.ref, "f", text).record, text, {}))


def made(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[[ClusterReader, list[Page]], Iterator[Result]]
) -> Any:
    reader = ClusterReader(Config(), FakeTools())  # type: ignore[arg-type]
    monkeypatch.setattr(conversion, "read_all", lambda config, family, asked: stream(reader, list(asked)))
    return reader


async def outcomes(reader: ClusterReader, asked: list[Page]) -> list[ReadPage | BaseException]:
    feeding = asyncio.create_task(reader.feed(asked))
    reads = (reader.read(page.ref, page.key, page.fingerprint) for page in asked)
    async with asyncio.timeout(30):
        found = await asyncio.gather(*reads, return_exceptions=True)
        await feeding
    return found


async def test_pages_that_do_not_come_back_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def stream(reader: ClusterReader, asked: list[Page]) -> Iterator[Result]:
        rounds.append(len(asked))
        yield from (result(reader, page) for page in asked[: max(1, len(asked) // 2)])

    found = await outcomes(made(monkeypatch, stream), pages(3))
    assert [page.raw for page in found if isinstance(page, ReadPage)] == ["read"] * 3 and rounds == [3, 2, 1]


async def test_pages_that_never_come_back_fail_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def stream(reader: ClusterReader, asked: list[Page]) -> Iterator[Result]:
        rounds.append(len(asked))
        yield from (result(reader, page) for page in asked if page.ref.index)

    found = await outcomes(made(monkeypatch, stream), pages(2))
    assert isinstance(found[0], ReadPage) and found[0].record.status is PageStatus.FAILED
    assert found[0].record.reason == f"the cluster lost this page {MAX_ROUNDS} times"
    assert rounds == [2, 1, 1] and isinstance(found[1], ReadPage)


async def test_a_page_that_comes_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(reader: ClusterReader, asked: list[Page]) -> Iterator[Result]:
        yield result(reader, asked[0], "first")
        yield result(reader, asked[0], "second")

    reader = made(monkeypatch, stream)
    (found,) = await outcomes(reader, pages(1))
    assert isinstance(found, ReadPage) and found.raw == "first"
    assert not reader._waiting


async def test_a_cluster_that_fails_once_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []

    def stream(reader: ClusterReader, asked: list[Page]) -> Iterator[Result]:
        rounds.append(len(asked))
        yield result(reader, asked[0])
        if len(rounds) == 1:
            raise ClusterLostError("the cluster gave up: a raylet is gone")
        yield from (result(reader, page) for page in asked[1:])

    found = await outcomes(made(monkeypatch, stream), pages(3))
    assert all(isinstance(page, ReadPage) for page in found) and rounds == [3, 2]
    assert "a raylet is gone; 2 pages are sent again" in caplog.text


@pytest.mark.parametrize(
    ("error", "rounds"), [(ClusterLostError("gone"), MAX_ROUNDS), (EngineError("no GPU"), 1)]
)
async def test_a_broken_stream_ends_every_page_that_waits(
    monkeypatch: pytest.MonkeyPatch, error: EngineError, rounds: int
) -> None:
    asked_for: list[int] = []

    def stream(reader: ClusterReader, asked: list[Page]) -> Iterator[Result]:
        asked_for.append(len(asked))
        raise error
        yield

    assert await outcomes(made(monkeypatch, stream), pages(2)) == [error, error]
    assert asked_for == [2] * rounds


async def test_a_stop_waits_for_no_silent_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    silent, asked_s = threading.Event(), threading.Event()

    def stream(reader: ClusterReader, asked: list[Page]) -> Iterator[Result]:
        asked_s.set()
        silent.wait(60)
        yield from ()

    reader = made(monkeypatch, stream)
    feeding = asyncio.create_task(reader.feed(pages(1)))
    reading = asyncio.create_task(reader.read(pages(1)[0].ref, PageKey("a", 1), "f"))
    await asyncio.to_thread(asked_s.wait)
    reader.stop()
    with pytest.raises(asyncio.CancelledError):
        await reading
    feeding.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(feeding, return_exceptions=True)
        # What the loop does at its end: it waits for its own threads.
        await asyncio.get_running_loop().shutdown_default_executor()
    assert not silent.is_set()
    silent.set()
