"""Whole runs with `pages_per_request`: the same files as page by page, also after a kill in the middle."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.cli.entries import batch_pdf
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.errors import ExitCode
from ocr_engine.families import UNLIMITED
from ocr_engine.records import Generation, GenerationRequest
from tests.conversion.test_pipeline import ROOT, make_pdf, rows, tree

PAGES = 40


def said(number: int) -> str:
    return f"<|det|>title [10, 20, 300, 40]<|/det|>Page {number}\n<|det|>image [10, 60, 300, 400]<|/det|>"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A document of 40 pages, and what was said of each."""
    folder = tmp_path_factory.mktemp("store")
    make_pdf(folder / "in/book.pdf", PAGES)
    (folder / "run.json").write_text(json.dumps({"model": {"family": UNLIMITED}}))
    for number in range(1, PAGES + 1):
        raw = folder / f"book/pages/{number:04d}.raw.md"
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.write_text(said(number))
    return folder


def options(store: Path, output: Path, *more: str) -> list[str]:
    sets = (
        "engine.backend=replay",
        f"engine.replay_from={store}",
        "render.workers=1",
        "render.dpi=36",
        *more,
    )
    fixed = ["--config", str(ROOT / "config.yaml"), "--quiet", "--mode", "base", "--output", str(output)]
    return [str(store / "in"), *fixed, *(word for one in sets for word in ("--set", one))]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[GenerationRequest]:
    """Every request of the runs of a test."""
    made: list[GenerationRequest] = []
    generate = ReplayEngine.generate

    async def noted(self: ReplayEngine, request: GenerationRequest, *more: Any) -> Generation:
        made.append(request)
        return await generate(self, request, *more)

    monkeypatch.setattr(ReplayEngine, "generate", noted)
    return made


def files(output: Path, *, own: bool = False) -> dict[str, bytes]:
    """A run's files; without what says how a page was asked for, unless that is wanted too."""
    found = tree(output)
    (name,) = [name for name in found if name.endswith("pages.jsonl")]
    if not own:
        records = [json.loads(line) for line in found[name].splitlines()]
        for record in records:
            for key in ("fingerprint", "prompt", "text_tokens", "compression_ratio"):
                record.pop(key)
        found[name] = json.dumps(records).encode()
    return found


def test_pages_read_together_give_the_files_of_pages_read_alone(
    store: Path, tmp_path: Path, asked: list[GenerationRequest]
) -> None:
    assert batch_pdf(options(store, tmp_path / "alone")) == ExitCode.OK
    assert len(asked) == PAGES
    asked.clear()
    assert batch_pdf(options(store, tmp_path / "together", "pages_per_request=8")) == ExitCode.OK
    assert sorted(1 + len(request.further) for request in asked) == [8] * 5
    assert files(tmp_path / "together") == files(tmp_path / "alone")
    assert len([name for name in files(tmp_path / "together") if "/figures/" in name]) == PAGES
    assert {(row["status"], row["attempts"]) for row in rows(tmp_path / "together")} == {("done", 1)}


def kill(command: list[str], journal: Path, rows_kept: int) -> None:
    """Kill a run once so many pages are in its journal, and leave these rows and half of another there."""
    run = subprocess.Popen([sys.executable, str(ROOT / "batch_pdf.py"), *command])
    until = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b"\n") < rows_kept:
        assert run.poll() is None and time.monotonic() < until, "ended before it was killed"
        time.sleep(0.01)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:rows_kept]) + lines[0][:40])


def test_a_run_killed_within_a_request_goes_on_page_by_page(
    store: Path, tmp_path: Path, asked: list[GenerationRequest]
) -> None:
    whole, killed = (options(store, tmp_path / name, "pages_per_request=8") for name in ("whole", "killed"))
    assert batch_pdf(whole) == ExitCode.OK
    slowly = ["--set", "engine.replay_delay_s=0.5", "--set", "engine.in_flight=16"]
    kill([*killed, *slowly], tmp_path / "killed/journal.jsonl", 13)
    asked.clear()
    assert batch_pdf(killed) == ExitCode.OK
    kept = {row["page"] for row in rows(tmp_path / "killed")[:13]}
    requests = {-(-page // 8) for page in range(1, PAGES + 1) if page not in kept}
    assert len(asked) == len(requests) and {len(request.further) for request in asked} == {7}
    assert sorted(row["page"] for row in rows(tmp_path / "killed")) == list(range(1, PAGES + 1))
    assert files(tmp_path / "killed", own=True) == files(tmp_path / "whole", own=True)


def test_document_is_as_many_pages_as_fit(
    store: Path, tmp_path: Path, asked: list[GenerationRequest]
) -> None:
    more = ("pages_per_request=document", "engine.max_model_len=16384")
    assert batch_pdf(options(store, tmp_path / "out", *more)) == ExitCode.OK
    assert sorted(1 + len(request.further) for request in asked) == [4, 12, 12, 12]
    asked.clear()
    assert batch_pdf(options(store, tmp_path / "out", *more)) == ExitCode.OK and not asked
    assert batch_pdf(options(store, tmp_path / "out", "engine.max_model_len=16384")) == ExitCode.OK
    assert len(asked) == PAGES, "a page knows in which way it was read"


def test_a_mark_within_a_page_costs_a_second_reading_and_no_page(
    store: Path, tmp_path: Path, asked: list[GenerationRequest]
) -> None:
    raw = store / "book/pages/0005.raw.md"
    usual = raw.read_text()
    raw.write_text(usual + "<PAGE>shown on the page")
    try:
        assert batch_pdf(options(store, tmp_path, "pages_per_request=8", "input.pages=1-16")) == ExitCode.OK
    finally:
        raw.write_text(usual)
    assert len(asked) == 2 + 8, "none of the eight is believed"
    attempts = {row["page"]: row["attempts"] for row in rows(tmp_path)}
    assert attempts == {page: 2 if page <= 8 else 1 for page in range(1, 17)}
    text = (tmp_path / "book/pages/0005.raw.md").read_text()
    assert text.endswith("<PAGE>shown on the page") and "Page 5" in text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("pages_per_request=26", "engine.max_model_len=4096"), "at most 14 pages of 273 tokens"),
        (("pages_per_request=51",), "at most 50 pages"),
        (("pages_per_request=0",), "pages_per_request"),
        (("pages_per_request=8", "prompt=free"), "needs prompt: markdown"),
        (("pages_per_request=8", "cluster.backend=ray"), "does not work on a cluster"),
        (("pages_per_request=8", "quality.confidence=true"), "cannot be combined with quality.confidence"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    store: Path, tmp_path: Path, more: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch_pdf(options(store, tmp_path / "out", *more)) == ExitCode.USAGE
    message = capsys.readouterr().err
    assert words in message and message.count("\n") == 1


def test_a_family_that_reads_one_page_a_request_says_so(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = tmp_path / "store"
    without.mkdir()
    assert (
        batch_pdf(
            [
                *options(store, tmp_path / "out", "pages_per_request=8"),
                "--set",
                f"engine.replay_from={without}",
            ]
        )
        == ExitCode.USAGE
    )
    message = capsys.readouterr().err
    assert "deepseek-ocr reads one page per request" in message and UNLIMITED in message
