"""What a cluster run makes of streams that lose pages, break, or say nothing. No Ray is needed."""

import asyncio
import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from ocr_engine.cluster import conversion, nodes
from ocr_engine.cluster.conversion import MAX_ROUNDS, ClusterReader
from ocr_engine.cluster.nodes import Result, SentPage
from ocr_engine.cluster.streams import ClusterLostError
from ocr_engine.config import Config, EngineConfig, for_family
from ocr_engine.conversion.planning import PlannedPage
from ocr_engine.engine.base import OnText
from ocr_engine.engine.replay import BUILT_IN_PAGE, ReplayEngine
from ocr_engine.errors import EngineError, ExitCode
from ocr_engine.families import OCR, UNLIMITED
from ocr_engine.pages.pool import RenderPool
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.reading.reader import ReadPage, failed_page
from ocr_engine.records import (
    Document,
    DocumentKind,
    GenerationRequest,
    OpenedDocument,
    PageKey,
    PageRef,
    PageStatus,
)
from tests.conversion.test_pipeline import make_pdf, rows, run_pdf
from tests.text.test_det_form import PAGE

Stream = Callable[[list[SentPage]], Iterator[Result]]


@pytest.fixture(autouse=True)
def render_workers_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A node's render workers last as long as its process, which here is that of all tests."""
    pools: list[FetchingPool] = []

    @functools.cache
    def made(*args: Any, **options: Any) -> FetchingPool:
        pools.append(FetchingPool(*args, **options))
        return pools[-1]

    monkeypatch.setattr(nodes, "_render_pool", made)
    yield
    for pool in pools:
        pool.close(kill=True)


def pages(count: int) -> list[SentPage]:
    document = Document("a.pdf", Path("a.pdf"), PurePosixPath("a.pdf"), DocumentKind.PDF, 1, 1)
    refs = [PageRef(document, "c", n, count, "b") for n in range(count)]
    return [SentPage(PlannedPage(ref, PageKey("a", ref.number), "f")) for ref in refs]


def result(reader: ClusterReader, sent: SentPage, text: str = "read") -> Result:
    return Result(sent.page, ReadPage(failed_page(Config(), sent.page.ref, "f", text).record, text, {}))


def made(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[[ClusterReader, list[SentPage]], Iterator[Result]]
) -> Any:
    reader = ClusterReader(Config(), OCR)
    monkeypatch.setattr(conversion, "read_all", lambda config, family, asked: stream(reader, list(asked)))
    return reader


async def outcomes(reader: ClusterReader, asked: list[SentPage]) -> list[ReadPage | BaseException]:
    feeding = asyncio.create_task(reader.feed(asked))
    reads = (reader.read(one.page.ref, one.page.key, one.page.fingerprint) for one in asked)
    async with asyncio.timeout(30):
        found = await asyncio.gather(*reads, return_exceptions=True)
        await feeding
    return found


async def test_pages_that_do_not_come_back_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def stream(reader: ClusterReader, asked: list[SentPage]) -> Iterator[Result]:
        rounds.append(len(asked))
        yield from (result(reader, page) for page in asked[: max(1, len(asked) // 2)])

    found = await outcomes(made(monkeypatch, stream), pages(3))
    assert [page.raw for page in found if isinstance(page, ReadPage)] == ["read"] * 3 and rounds == [3, 2, 1]


async def test_pages_that_never_come_back_fail_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def stream(reader: ClusterReader, asked: list[SentPage]) -> Iterator[Result]:
        rounds.append(len(asked))
        yield from (result(reader, page) for page in asked if page.page.ref.index)

    found = await outcomes(made(monkeypatch, stream), pages(2))
    assert isinstance(found[0], ReadPage) and found[0].record.status is PageStatus.FAILED
    assert found[0].record.reason == f"the cluster lost this page {MAX_ROUNDS} times"
    assert rounds == [2, 1, 1] and isinstance(found[1], ReadPage)


async def test_a_page_that_comes_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(reader: ClusterReader, asked: list[SentPage]) -> Iterator[Result]:
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

    def stream(reader: ClusterReader, asked: list[SentPage]) -> Iterator[Result]:
        rounds.append(len(asked))
        yield result(reader, asked[0])
        if len(rounds) == 1:
            raise ClusterLostError("the cluster gave up: a raylet is gone")
        yield from (result(reader, page) for page in asked[1:])

    found = await outcomes(made(monkeypatch, stream), pages(3))
    assert all(isinstance(page, ReadPage) for page in found) and rounds == [3, 2]
    assert "a raylet is gone; sending 2 pages again" in caplog.text


@pytest.mark.parametrize(
    ("error", "rounds"), [(ClusterLostError("gone"), MAX_ROUNDS), (EngineError("no GPU"), 1)]
)
async def test_a_broken_stream_ends_every_page_that_waits(
    monkeypatch: pytest.MonkeyPatch, error: EngineError, rounds: int
) -> None:
    asked_for: list[int] = []

    def stream(reader: ClusterReader, asked: list[SentPage]) -> Iterator[Result]:
        asked_for.append(len(asked))
        raise error
        yield

    assert await outcomes(made(monkeypatch, stream), pages(2)) == [error, error]
    assert asked_for == [2] * rounds


async def test_a_stop_waits_for_no_silent_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    silent, asked_s = threading.Event(), threading.Event()

    def stream(reader: ClusterReader, asked: list[SentPage]) -> Iterator[Result]:
        asked_s.set()
        silent.wait(60)
        yield from ()

    reader = made(monkeypatch, stream)
    feeding = asyncio.create_task(reader.feed(pages(1)))
    reading = asyncio.create_task(reader.read(pages(1)[0].page.ref, PageKey("a", 1), "f"))
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


def opened_here(config: Config, documents: list[Document]) -> Iterator[nodes.Opened]:
    yield from (nodes.unpacked(nodes.open_document(nodes.packed(one), config)) for one in documents)


def read_here(config: Config, family: str, asked: list[SentPage]) -> Iterator[Result]:
    async def read() -> list[nodes.Row]:
        engine = nodes.ReadPages(config, family)
        prepared = [nodes.prepare(nodes.packed(page), config, family) for page in asked]
        return [await engine(row) for row in prepared]

    yield from (nodes.unpacked(nodes.draw(row, config)) for row in asyncio.run(read()))


def test_the_steps_of_the_nodes_give_what_a_local_run_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocr_engine.cli.run.connected", contextlib.nullcontext)
    monkeypatch.setattr(conversion, "open_all", opened_here)
    monkeypatch.setattr(conversion, "read_all", read_here)
    make_pdf(tmp_path / "in/a.pdf", 3)
    (tmp_path / "in/broken.pdf").write_bytes(b"%PDF-1.7 no more")
    local = run_pdf(tmp_path / "in", "--output", tmp_path / "local", "--set", "output.overlays=true")
    options = ("--set", "output.overlays=true", "--set", "cluster.backend=ray")
    monkeypatch.setattr("ocr_engine.conversion.saver.draw_task", None)
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "there", *options) == local
    assert files(tmp_path / "there") == files(tmp_path / "local")
    assert {"a/a.md", "a/figures/0001-1.jpg", "a/layout/0003.jpg"} <= files(tmp_path / "there").keys()
    assert [row["seconds"].keys() for row in rows(tmp_path / "there") if row["page"]] == [
        row["seconds"].keys() for row in rows(tmp_path / "local") if row["page"]
    ]


def test_a_page_that_was_prepared_elsewhere_is_not_rendered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(engine=EngineConfig(backend="replay"), mode="tiny")
    page = PlannedPage(opened_pdf(make_pdf(tmp_path / "a.pdf", 1), config).page(0), PageKey("a", 1), "f")
    row = nodes.prepare(nodes.packed(SentPage(page)), config, OCR)
    monkeypatch.setattr(RenderPool, "run", None)
    read = nodes.unpacked(asyncio.run(nodes.ReadPages(config, OCR)(row))).read
    assert read.record.status is PageStatus.DONE and read.drawn is None


def test_nodes_read_the_form_of_the_family(tmp_path: Path) -> None:
    store = tmp_path / "store"
    raw = store / "a/pages/0001.raw.md"
    raw.parent.mkdir(parents=True)
    raw.write_text(PAGE)
    (store / "run.json").write_text(json.dumps({"model": {"family": UNLIMITED}}))
    engine = EngineConfig(backend="replay", replay_from=str(store))
    config = for_family(Config(engine=engine, mode="base"), UNLIMITED)
    opened = opened_pdf(make_pdf(tmp_path / "a.pdf", 1), config)
    sent = SentPage(PlannedPage(opened.page(0), PageKey("a", 1), "f"))

    async def read() -> nodes.Row:
        return await nodes.ReadPages(config, UNLIMITED)(nodes.prepare(nodes.packed(sent), config, UNLIMITED))

    found = nodes.unpacked(nodes.draw(asyncio.run(read()), config)).read
    assert [block.label for block in found.record.blocks][:3] == ["header", "title", "text"]
    assert found.record.vision_tokens == 273 and len(found.drawn.figures) == 1


def opened_pdf(path: Path, config: Config) -> OpenedDocument:
    """As a node opens it."""
    size, mtime_ns = path.stat().st_size, path.stat().st_mtime_ns
    document = Document("a.pdf", path, PurePosixPath("a.pdf"), DocumentKind.PDF, size, mtime_ns)
    found: nodes.Opened = nodes.unpacked(nodes.open_document(nodes.packed(document), config))
    assert found.opened, found.error
    return found.opened


def test_a_page_brings_its_draft_as_text(tmp_path: Path) -> None:
    config = Config(engine=EngineConfig(backend="replay", drafts="auto"), mode="tiny")
    path = make_pdf(tmp_path / "a.pdf", 1, "a page with some words on it that a text layer holds")
    page = PlannedPage(opened_pdf(path, config).page(0), PageKey("a", 1), "f")
    found = nodes.unpacked(nodes.prepare(nodes.packed(SentPage(page)), config, OCR)).prepared
    assert isinstance(found.draft, str) and "some words on it" in found.draft


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> list[bytes | str]:
    """The drafts that pages bring to the engine, in a cluster whose nodes are this process."""
    monkeypatch.setattr("ocr_engine.cli.run.connected", contextlib.nullcontext)
    monkeypatch.setattr(conversion, "open_all", opened_here)
    monkeypatch.setattr(conversion, "read_all", read_here)
    found: list[bytes | str] = []
    generate = ReplayEngine.generate

    async def noting(self: ReplayEngine, request: GenerationRequest, on_text: OnText | None = None) -> Any:
        found.append(request.draft)
        return await generate(self, request, on_text)

    monkeypatch.setattr(ReplayEngine, "generate", noting)
    return found


ON_NODES = ("--set", "cluster.backend=ray", "--set", "engine.drafts=auto")


def test_another_mode_brings_stored_raw_texts_to_the_nodes_while_there_is_room(
    tmp_path: Path, drafts: list[bytes | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "SAID_BYTES", 1)
    words = make_pdf(tmp_path / "a.pdf", 2), "--output", tmp_path / "out", *ON_NODES
    assert run_pdf(*words) == run_pdf(*words, "--mode", "base") == ExitCode.OK
    foretold, (first, second) = drafts[:2], drafts[2:]
    assert first == BUILT_IN_PAGE and second in foretold and first not in foretold


async def test_a_page_that_is_sent_again_brings_its_text_again(monkeypatch: pytest.MonkeyPatch) -> None:
    brought: list[str] = []

    def stream(reader: ClusterReader, asked: list[SentPage]) -> Iterator[Result]:
        brought.extend(one.said_before for one in asked)
        yield from (result(reader, one) for one in asked[1:] or asked)

    texts = ["über", "\ud800 half a pair"]
    sent = [SentPage.of(one.page, text) for one, text in zip(pages(2), texts, strict=True)]
    await outcomes(made(monkeypatch, stream), sent)
    assert brought == ["über", "? half a pair", "über"]


def files(root: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if "/" in name}
