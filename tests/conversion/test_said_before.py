"""A page that is read again by another mode brings what was read before, for drafts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ocr_engine.config import Config
from ocr_engine.conversion.said_before import SaidBefore
from ocr_engine.engine.base import EngineInfo, OnText
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.prompts import TOKENIZER, PromptEncoder
from ocr_engine.engine.replay import BUILT_IN_PAGE, ReplayEngine
from ocr_engine.errors import ExitCode, OutputError
from ocr_engine.records import Generation, GenerationRequest
from tests.conversion.test_pipeline import make_pdf, run_pdf

NANO = resolve("nano").folder
AUTO = ("--set", "engine.drafts=auto")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[GenerationRequest]:
    """What the replay engine is asked, which says that it verifies drafts."""
    found: list[GenerationRequest] = []
    identify, generate = ReplayEngine.identify, ReplayEngine.generate

    def with_tokenizer(self: ReplayEngine) -> EngineInfo:
        from dataclasses import replace

        return replace(identify(self), tokenizer=str(NANO / TOKENIZER))

    async def noting(self: ReplayEngine, request: GenerationRequest, on_text: OnText | None = None) -> Any:
        found.append(request)
        answer: Generation = await generate(self, request, on_text)
        return answer

    monkeypatch.setattr(ReplayEngine, "identify", with_tokenizer)
    monkeypatch.setattr(ReplayEngine, "generate", noting)
    return found


def test_another_mode_drafts_from_the_stored_raw_text(tmp_path: Path, asked: list[GenerationRequest]) -> None:
    source, out = make_pdf(tmp_path / "a.pdf", 2), tmp_path / "out"
    draft = PromptEncoder(NANO, ()).draft(BUILT_IN_PAGE.strip())
    assert run_pdf(source, "--output", out, *AUTO) == ExitCode.OK
    first = [one.draft for one in asked]
    assert run_pdf(source, "--output", out, *AUTO, "--mode", "base") == ExitCode.OK
    again = [one.draft for one in asked[2:]]
    assert len(first) == len(again) == 2 and all(first) and draft not in first
    assert {one[: len(draft) // 2] for one in again} == {draft[: len(draft) // 2]}


def test_another_prompt_s_text_is_no_draft(tmp_path: Path, asked: list[GenerationRequest]) -> None:
    source, out = make_pdf(tmp_path / "a.pdf", 1), tmp_path / "out"
    assert run_pdf(source, "--output", out, *AUTO) == ExitCode.OK
    assert run_pdf(source, "--output", out, *AUTO, "--set", "prompt=free") == ExitCode.OK
    draft = PromptEncoder(NANO, ()).draft(BUILT_IN_PAGE.strip())
    assert len(asked) == 2 and asked[1].draft[:40] != draft[:40]


async def test_a_stored_text_that_cannot_be_read_is_no_draft() -> None:
    async def failing(*_: object) -> None:
        raise OutputError("0001.raw.md: cannot be read")

    saver = SimpleNamespace(call=failing)
    planner = SimpleNamespace(config=Config(), row=lambda _: SimpleNamespace(fingerprint="a.b"))
    writer, page = SimpleNamespace(stored=None), SimpleNamespace(ref=SimpleNamespace(number=1))
    said: Any = SaidBefore
    assert await said(planner, saver, "").of(page, writer) == ""
