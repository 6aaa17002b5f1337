"""What a run says before and after: nothing downloaded for a dry run, a table on a terminal, lines else."""

import io
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from ocr_engine import config as config_module
from ocr_engine import log
from ocr_engine.cli import summary, survey
from ocr_engine.cli.entries import batch_pdf
from ocr_engine.conversion.counts import Counts
from ocr_engine.conversion.progress import Progress
from ocr_engine.engine.factory import create_engine
from ocr_engine.errors import ExitCode
from ocr_engine.records import PageStatus

ROOT = Path(__file__).parents[2]
REPLAY = ("--set", "engine.backend=replay", "--set", "render.workers=1")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def counts() -> Counts:
    made = Counts(unchanged=3, documents=2, unreadable=1)
    made.pages[PageStatus.DONE], made.pages[PageStatus.FAILED] = 7, 1
    return made


def shown(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet: bool = False, made: Counts | None = None
) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    log.set_up(logging.ERROR if quiet else logging.INFO)
    progress = Progress(quiet=True)
    summary.say(made or counts(), progress, Path("out"), quiet=quiet)
    return stream.getvalue()


def test_a_log_gets_one_line_of_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, io.StringIO())
    assert "2 documents, 1 more could not be read, pages: 7 done, 1 failed (3 unchanged); 0.0 pages/s" in text
    assert "out/failures.csv" in text and "--retry failed" in text and "markdown is in out" in text
    assert "\x1b" not in text and "│" not in text


def test_pages_that_were_retried_or_are_suspect_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), Terminal()):
        text = shown(monkeypatch, stream, made=replace(counts(), retried=2, suspect=4))
        assert "read more than once" in text and "suspect" in text and "taken from" not in text


def test_a_terminal_gets_a_table_in_colours_unless_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = shown(monkeypatch, Terminal())
    for words in (
        "pages done",
        "pages failed",
        "of them unchanged",
        "could not be read",
        "tokens/s",
        "pages/s",
    ):
        assert words in text
    assert "\x1b[31m" in text and "2 documents, pages:" not in text
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown(monkeypatch, Terminal())
    assert "pages failed" in plain and "\x1b[3" not in plain


def test_quiet_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), quiet=True) == ""


def test_a_dry_run_says_with_what_and_where_to_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    args = [str(ROOT / "samples"), "/no/such.pdf", "--output", str(out), "--dry-run", *REPLAY]
    assert batch_pdf(args) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("model: none, answers are replayed")
    assert lines[1] == f"mode: gundam; prompt: markdown; output: {out} (layout: tree)"
    assert "/no/such.pdf: no such file" in lines[-2]
    assert lines[-1].startswith("in all: 5 pages to read, 0 to write again")
    assert not out.exists()
    assert batch_pdf(["/no/such.pdf", "--output", str(out), "--dry-run", *REPLAY]) == ExitCode.NO_INPUT


def test_a_dry_run_downloads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    def no_download(*_: object, **options: object) -> str:
        raise AssertionError(f"downloaded: {options}")

    config = config_module.load(None, {"engine.model": "someone/DeepSeek-OCR-2"})
    from ocr_engine.engine import hub

    monkeypatch.setattr(hub, "download", no_download)
    info = survey.planned_engine(config, create_engine(config))
    assert info.family == "deepseek-ocr-2" and "to be downloaded" in info.reason
    nano = config_module.load(None, {"engine.model": "nano"})
    assert survey.planned_engine(nano, create_engine(nano)) == create_engine(nano).identify()
