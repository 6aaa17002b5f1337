"""Pages are written in groups: one sync of the journal for all, in a process that may die, none lost."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from ocr_engine.config import Config
from ocr_engine.conversion import groups, writing_processes
from ocr_engine.conversion.groups import PageGroups
from ocr_engine.conversion.page_saving import EndedDocument, PageFiles, PageToSave, Written
from ocr_engine.errors import OutputError
from ocr_engine.outputs import files
from ocr_engine.outputs.checksums import Checksums
from ocr_engine.outputs.document_folder import ReadyPage
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.writer import DocumentWriter
from ocr_engine.processes.sealed import Sealed
from ocr_engine.records import PageRecord, PageStatus, PageTexts
from tests.conversion.test_pipeline import make_pdf, run_pdf, tree


def page(number: int, folder: str = "doc") -> PageToSave:
    text = f"page {number} of {folder}"
    record = PageRecord(number, PageStatus.DONE, "", "r.w", "base", "markdown")
    ready = ReadyPage(record, PageTexts(text, markdown=text))
    return PageToSave(
        f"{folder}.pdf", "id", PurePosixPath(folder), f"{folder}.pdf", Sealed(ready), None, {"total": 1.0}
    )


def write(root: Path, pages: Sequence[PageToSave | EndedDocument]) -> list[BaseException | None]:
    """Write all at one time; what came of each."""

    async def run() -> list[BaseException | None]:
        with ThreadPoolExecutor(1) as thread:
            written = PageGroups(Config(), root, journal, Checksums(root), thread)
            results = await asyncio.gather(*map(written.write, pages), return_exceptions=True)
            await asyncio.get_running_loop().run_in_executor(thread, written.close)
        return results

    journal = Journal(root / "journal.jsonl")
    try:
        return asyncio.run(run())
    finally:
        journal.close()


def journalled(root: Path) -> list[tuple[str, int]]:
    lines = (root / "journal.jsonl").read_text().splitlines()
    return [(row["document"], row["page"]) for row in map(json.loads, lines)]


def test_a_group_has_its_lines_in_order_with_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    pages = [page(number, folder) for number in range(1, 31) for folder in ("a", "b")]
    assert write(tmp_path, pages) == [None] * 60
    assert journalled(tmp_path) == [(one.given, one.page().record.page) for one in pages]
    assert synced.count("journal.jsonl") <= 2, "the first page may go alone"
    assert (tmp_path / "b/pages/0030.md").read_text() == "page 30 of b\n"


def test_a_page_that_meets_a_bug_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = PageFiles.write

    def odd(self: PageFiles, pages: list[PageToSave], ended: list[EndedDocument]) -> Written:
        if any(one.page().record.page == 3 for one in pages):
            raise ZeroDivisionError
        return honest(self, pages, ended)

    monkeypatch.setattr(PageFiles, "write", odd)
    results = write(tmp_path, [page(number) for number in range(1, 6)])
    assert [type(result) for result in results].count(ZeroDivisionError) == 1
    assert isinstance(results[2], ZeroDivisionError)
    assert [number for _, number in journalled(tmp_path)] == [1, 2, 4, 5]


def test_a_full_disk_fails_the_group_and_writes_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Written:
        raise OutputError("the disk is full")

    monkeypatch.setattr(PageFiles, "write", full)
    assert all(isinstance(one, OutputError) for one in write(tmp_path, [page(1), page(2)]))
    assert not (tmp_path / "journal.jsonl").exists()


@pytest.mark.parametrize("count", [1, 3])
def test_a_process_that_writes_and_is_killed_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(groups, "PROCESS_FROM_PAGES", 0)
    monkeypatch.setattr(groups, "wanted", lambda: count)
    calls: list[int] = []

    class Killed(writing_processes.Worker):
        def call(self, function: Any, timeout_s: float) -> Any:
            calls.append(self._process.pid)
            if len(calls) == 2:
                os.kill(self._process.pid, signal.SIGKILL)
            return super().call(function, timeout_s)

    monkeypatch.setattr(writing_processes, "Worker", Killed)
    monkeypatch.setattr(groups, "GROUP_PAGES", 6)
    pages = [page(number, folder) for number in range(1, 8) for folder in "abcd"]
    assert write(tmp_path, pages) == [None] * len(pages)
    assert journalled(tmp_path) == [(one.given, one.page().record.page) for one in pages]
    assert count < len(set(calls)) <= 2 * count, "as many again after one was killed"


@pytest.mark.parametrize("count", [1, 2])
def test_processes_of_their_own_write_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    for name in "abc":
        make_pdf(tmp_path / f"in/{name}.pdf", 3, f"of {name}")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "here") == 0
    monkeypatch.setattr(groups, "PROCESS_FROM_PAGES", 0)
    monkeypatch.setattr(groups, "wanted", lambda: count)
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "there") == 0
    assert tree(tmp_path / "there") == tree(tmp_path / "here")


def ended(folder: str) -> EndedDocument:
    return EndedDocument(PurePosixPath(folder), f"{folder}.pdf")


def test_however_many_documents_a_group_has_it_waits_as_often_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Syncs are given to threads together; one that waited for a document each would be as slow as ever."""
    waits: list[int] = []
    for name in ("sync_all", "sync_folders"):
        call = getattr(files, name)
        for module in ("files", "page_store", "document_folder"):
            monkeypatch.setattr(
                f"ocr_engine.outputs.{module}.{name}",
                lambda some, call=call: (waits.append(1), call(list(some))),
                raising=False,
            )
    counts = []
    for number in (4, 40):
        waits.clear()
        assert not any(write(tmp_path / str(number), [page(1, f"d{one:02d}") for one in range(number)]))
        counts.append(len(waits))
    assert counts[0] == counts[1] < 20


@pytest.mark.parametrize("first", [0, 64])
def test_documents_are_merged_in_groups_and_one_that_meets_a_bug_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(groups, "PROCESS_FROM_PAGES", first)
    assert not any(write(tmp_path, [page(number, name) for number in (2, 1) for name in "abc"]))
    if first:
        merge = DocumentWriter.merge
        monkeypatch.setattr(
            DocumentWriter, "merge", lambda self: 1 / 0 if "/b" in str(self.records) else merge(self)
        )
    results = write(tmp_path, [ended(name) for name in "abc"])
    nothing = type(None)
    assert [type(one) for one in results] == [nothing, ZeroDivisionError if first else nothing, nothing]
    assert "page 1 of a\n\n<!-- page 2 -->" in (tmp_path / "a/a.md").read_text()
    assert Checksums(tmp_path).seem_right(tmp_path / "c/c.md", tmp_path / "c/pages.jsonl")


def test_a_machine_has_a_process_for_each_sixteen_cores_and_four_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = []
    for cores in (2, 16, 31, 32, 64, 192):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        counts.append(writing_processes.wanted())
    assert counts == [1, 1, 1, 2, 4, 4]
