"""Documents of one page fill the window, however many pages that is; what waits for the disk leaves it."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.conversion import together
from ocr_engine.conversion.saver import Saver
from ocr_engine.conversion.together import PageWindow
from ocr_engine.conversion.tools import DOCUMENTS_AHEAD
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import make_pdf, rows, run_pdf

WANTED = DOCUMENTS_AHEAD + 8


def test_more_one_page_documents_than_may_wait_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(WANTED + 2):
        make_pdf(tmp_path / f"in/{number:03}.pdf", 1)
    usual, at_once, enough = ReplayEngine.generate, [0, 0], asyncio.Event()

    async def generate(engine: ReplayEngine, *args: Any) -> Any:
        at_once[0] += 1
        at_once[1] = max(at_once)
        if at_once[0] >= WANTED:
            enough.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), 20)
        at_once[0] -= 1
        return await usual(engine, *args)

    monkeypatch.setattr(ReplayEngine, "generate", generate)
    options = ("--mode", "tiny", "--set", "engine.in_flight=64")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out", *options) == ExitCode.OK
    assert at_once[1] >= WANTED and len(rows(tmp_path / "out")) == WANTED + 2


def test_pages_that_wait_for_the_disk_leave_their_room_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for two pages eight are read, and none of them is saved before all are."""
    make_pdf(tmp_path / "in/a.pdf", 8)
    read, all_read = [0], asyncio.Event()
    usual_read, usual_save = ReplayEngine.generate, Saver.save_page

    async def generate(engine: ReplayEngine, *args: Any) -> Any:
        answer = await usual_read(engine, *args)
        read[0] += 1
        if read[0] == 8:
            all_read.set()
        return answer

    async def save_page(saver: Saver, *args: Any) -> Any:
        await asyncio.wait_for(all_read.wait(), 20)
        return await usual_save(saver, *args)

    monkeypatch.setattr(ReplayEngine, "generate", generate)
    monkeypatch.setattr(Saver, "save_page", save_page)
    options = ("--mode", "tiny", "--set", "engine.in_flight=2")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out", *options) == ExitCode.OK
    assert len(rows(tmp_path / "out")) == 8


async def entered(window: PageWindow) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(window.enter(1), 0.01)
        return True
    return False


async def test_a_disk_that_stands_still_holds_pages_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST_UNSAVED", 2)
    window = PageWindow(1)
    for _ in range(2):
        assert await entered(window)
        await window.read()
    assert await entered(window)
    third = asyncio.create_task(window.read())
    assert not await entered(window)
    window.saved()
    await third
    assert await entered(window)


async def test_a_page_that_was_not_read_gives_its_room_back() -> None:
    window = PageWindow(1)
    assert await entered(window)
    assert not await entered(window)
    window.leave()
    assert await entered(window)
