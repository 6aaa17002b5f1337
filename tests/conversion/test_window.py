"""Documents of one page fill the window, however many pages that is."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

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
    usual, together, enough = ReplayEngine.generate, [0, 0], asyncio.Event()

    async def generate(engine: ReplayEngine, *args: Any) -> Any:
        together[0] += 1
        together[1] = max(together)
        if together[0] >= WANTED:
            enough.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), 20)
        together[0] -= 1
        return await usual(engine, *args)

    monkeypatch.setattr(ReplayEngine, "generate", generate)
    options = ("--mode", "tiny", "--set", "engine.in_flight=64")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out", *options) == ExitCode.OK
    assert together[1] >= WANTED and len(rows(tmp_path / "out")) == WANTED + 2
