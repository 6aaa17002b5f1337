"""Pages are written in groups: one sync of the journal for all, in a process that may die, none lost."""

import asyncio
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from ocr_engine.config import Config
from ocr_engine.conversion import groups
from ocr_engine.conversion.groups import PageGroups
from ocr_engine.conversion.page_saving import PageFiles, PageToSave
from ocr_engine.errors import OutputError
from ocr_engine.outputs.document_folder import ReadyPage
from ocr_engine.outputs.journal import Journal
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


def write(root: Path, pages: list[PageToSave]) -> list[BaseException | None]:
    """Write all at one time; what came of each."""

    async def run() -> list[BaseException | None]:
        with ThreadPoolExecutor(1) as thread:
            written = PageGroups(Config(), root, journal, thread)
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

    def odd(self: PageFiles, pages: list[PageToSave]) -> list[bytes]:
        if any(one.page().record.page == 3 for one in pages):
            raise ZeroDivisionError
        return honest(self, pages)

    monkeypatch.setattr(PageFiles, "write", odd)
    results = write(tmp_path, [page(number) for number in range(1, 6)])
    assert [type(result) for result in results].count(ZeroDivisionError) == 1
    assert isinstance(results[2], ZeroDivisionError)
    assert [number for _, number in journalled(tmp_path)] == [1, 2, 4, 5]


def test_a_full_disk_fails_the_group_and_writes_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> list[bytes]:
        raise OutputError("the disk is full")

    monkeypatch.setattr(PageFiles, "write", full)
    assert all(isinstance(one, OutputError) for one in write(tmp_path, [page(1), page(2)]))
    assert not (tmp_path / "journal.jsonl").exists()


def test_a_process_that_writes_and_is_killed_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "PROCESS_FROM_PAGES", 0)
    calls: list[int] = []

    class Killed(groups.Worker):
        def call(self, function: Any, timeout_s: float) -> Any:
            calls.append(self._process.pid)
            if len(calls) == 2:
                os.kill(self._process.pid, signal.SIGKILL)
            return super().call(function, timeout_s)

    monkeypatch.setattr(groups, "Worker", Killed)
    monkeypatch.setattr(groups, "GROUP_PAGES", 4)
    assert write(tmp_path, [page(number) for number in range(1, 14)]) == [None] * 13
    assert [number for _, number in journalled(tmp_path)] == list(range(1, 14))
    assert len(set(calls)) == 2, "a second process after the first was killed"


def test_a_process_of_its_own_writes_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pdf(tmp_path / "in/a.pdf", 3)
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "here") == 0
    monkeypatch.setattr(groups, "PROCESS_FROM_PAGES", 0)
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "there") == 0
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
