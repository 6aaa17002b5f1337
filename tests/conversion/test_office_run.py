"""Runs over folders with office files: read as PDFs, known by their own bytes, never passed over unsaid."""

import json
import stat
from pathlib import Path

import pytest

from ocr_engine.errors import ExitCode
from ocr_engine.pages import office
from tests.conversion.test_pipeline import make_pdf, rows, run_pdf


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    make_pdf(tmp_path / "in/a.pdf", 1)
    (tmp_path / "in/b.html").write_text("<p>hello")
    (tmp_path / "in/bad.odt").write_bytes(b"no ODT")
    return tmp_path / "in"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for LibreOffice: makes PDFs of two pages, and counts."""
    made, path = make_pdf(tmp_path / "made.pdf", 2, "office"), tmp_path / "soffice"
    loop = 'while [ "$#" -gt 1 ]; do [ "$1" = --outdir ] && out=$2; shift; done'
    path.write_text(
        f'#!/bin/sh\n{loop}\necho >> {tmp_path}/calls\nmkdir "$out" && cp {made} "$out/document.pdf"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(office, "program", lambda: str(path))
    return tmp_path / "calls"


def options(tmp_path: Path) -> tuple[str | Path, ...]:
    return ("--output", tmp_path / "out", "--set", f"input.cache={tmp_path / 'cache'}")


def endings(out: Path) -> dict[tuple[str, int | None], str]:
    return {(row["document"].rpartition("/")[2], row["page"]): row["status"] for row in rows(out)}


def test_office_files_are_read_and_a_later_run_goes_on_by_their_own_bytes(
    corpus: Path, tmp_path: Path, program: Path
) -> None:
    assert run_pdf(corpus, *options(tmp_path)) == ExitCode.PAGES_FAILED
    found = endings(tmp_path / "out")
    assert found == {
        ("a.pdf", 1): "done",
        ("b.html", 1): "done",
        ("b.html", 2): "done",
        ("bad.odt", None): "failed",
    }
    records = (tmp_path / "out/b/pages.jsonl").read_text().splitlines()
    assert json.loads(records[0])["content_id"] == json.loads(records[1])["content_id"]
    (corpus / "bad.odt").unlink()
    for file in (tmp_path / "cache").iterdir():
        file.unlink()
    before = len(rows(tmp_path / "out"))
    assert run_pdf(corpus, *options(tmp_path)) == ExitCode.OK
    assert len(rows(tmp_path / "out")) == before and program.read_text() == "\n\n"
    (corpus / "b.html").write_text("<p>another")
    assert run_pdf(corpus, *options(tmp_path)) == ExitCode.OK
    assert len(rows(tmp_path / "out")) == before + 2


def test_without_the_program_each_file_has_a_line(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "program", lambda: "")
    assert run_pdf(corpus, *options(tmp_path)) == ExitCode.OK
    assert (
        endings(tmp_path / "out")["b.html", None] == endings(tmp_path / "out")["bad.odt", None] == "skipped"
    )
    reasons = {row["reason"] for row in rows(tmp_path / "out") if row["page"] is None}
    assert len(reasons) == 1 and "needs LibreOffice" in reasons.pop()
    assert run_pdf(corpus / "b.html", "--output", tmp_path / "alone") == ExitCode.NO_INPUT


def test_off_passes_them_over_and_a_report_among_the_inputs_is_none(
    corpus: Path, tmp_path: Path, program: Path
) -> None:
    assert run_pdf(corpus, *options(tmp_path), "--set", "input.office=off") == ExitCode.OK
    assert set(endings(tmp_path / "out")) == {("a.pdf", 1)}
    assert (tmp_path / "out/report.html").is_file()
    (corpus / "bad.odt").unlink()
    assert run_pdf(tmp_path, *options(tmp_path)) == ExitCode.OK
    assert {name for name, _ in endings(tmp_path / "out")} == {"a.pdf", "b.html", "made.pdf"}
