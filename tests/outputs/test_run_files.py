"""run.json, timings.csv and failures.csv."""

import csv
import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocr_engine.errors import OutputError
from ocr_engine.outputs import run_files
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.retry import Command
from ocr_engine.records import JournalRow, PageKey, PageStatus

MakeRow = Callable[..., JournalRow]


def written(tmp_path: Path, *rows: JournalRow) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    journal = Journal(tmp_path / "journal.jsonl")
    for row in rows:
        journal.append(row)
    run_files.write(tmp_path, journal, Command("batch_pdf.py", str(tmp_path)))
    journal.close()
    tables = []
    for name in ("timings.csv", "failures.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            tables.append(list(csv.DictReader(file)))
    return tables[0], tables[1]


def test_timings_have_a_row_a_page_with_its_last_numbers(tmp_path: Path, row: MakeRow) -> None:
    extra = {"mode": "base", "chars": 7, "vision_tokens": 273, "text_tokens": 50, "tokens_a_step": 3.8}
    timings, _ = written(
        tmp_path,
        row("a.pdf", 2),
        row("a.pdf", 2, seconds={"render": 0.5, "engine": 2.0, "total": 3.0}, extra=extra),
        row("b.pdf", 1, seconds={"render": 0.25}),
        row("broken.pdf", None, status=PageStatus.FAILED),
    )
    assert list(timings[0]) == [
        "document", "page", "page_index", "image_name", "seconds", "mode", "chars",
        "seconds_engine", "seconds_render", "vision_tokens", "text_tokens", "tokens_a_step",
    ]  # fmt: skip
    assert [list(timing.values()) for timing in timings] == [
        ["a.pdf", "2", "1", "page_0002", "3.0", "base", "7", "2.0", "0.5", "273", "50", "3.8"],
        ["b.pdf", "1", "0", "page_0001", "0.25", "gundam", "12", "", "0.25", "", "", ""],
    ]


def test_failures_come_with_the_command_that_does_them_again(tmp_path: Path, row: MakeRow) -> None:
    hostile = os.fsdecode(b"-it's \xe9\n$(rm).pdf")
    _, failures = written(
        tmp_path,
        row("a.pdf", 1, status=PageStatus.FAILED, reason="old"),
        row("a.pdf", 1),
        row(hostile, 7, status=PageStatus.LOOPED, reason="a \ud800"),
        row("broken.pdf", None, status=PageStatus.FAILED, reason="no pages"),
        row("blank.pdf", 1, status=PageStatus.BLANK),
    )
    assert [(item["page"], item["status"]) for item in failures] == [("7", "looped"), ("", "failed")]
    assert words_of(failures[0]["retry command"]) == [
        "python", "batch_pdf.py", f"./{hostile}", "--output", str(tmp_path), "--pages", "7",
        "--retry", "looped",
    ]  # fmt: skip
    assert failures[1]["retry command"] == f"python batch_pdf.py broken.pdf --output {tmp_path}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("=HYPERLINK(A1).pdf", "'=HYPERLINK(A1).pdf"),
        ("@a.pdf", "'@a.pdf"),
        ("a;=1+1;.pdf", "a;'=1+1;.pdf"),
        ("\u202efdp.=cod.pdf", "\\u202efdp.=cod.pdf"),
        ("a\r=1\n=2\t\x1b[2J.pdf", "a\\r=1\\n=2\\t\\x1b[2J.pdf"),
        (os.fsdecode(b"\xff=1.pdf"), "\\udcff=1.pdf"),
    ],
)
def test_a_name_runs_in_no_spreadsheet_and_shows_what_it_is(
    tmp_path: Path, row: MakeRow, name: str, shown: str
) -> None:
    reason = "no\rway;=1+1 \u202e"
    timings, failures = written(tmp_path, row(name, 1, status=PageStatus.FAILED, reason=reason))
    assert [timings[0]["document"], failures[0]["document"]] == [shown, shown]
    assert failures[0]["reason"] == "no way;'=1+1 "
    assert words_of(failures[0]["retry command"])[2] == name
    for file in ("timings.csv", "failures.csv"):
        text = (tmp_path / file).read_bytes().decode("utf-8")
        assert len(text.splitlines()) == 2 and "\u202e" not in text and ";=" not in text


def words_of(command: str) -> list[str]:
    """The words that a shell makes of it."""
    run = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
    return [os.fsdecode(word) for word in run.stdout.split(b"\0")[:-1]]


def test_a_document_that_could_not_be_opened_is_tried_again_for_the_pages_that_were_asked_for(
    tmp_path: Path, row: MakeRow
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(row("broken.pdf", None, status=PageStatus.FAILED, reason="encrypted"))
    journal.append(row("a.pdf", 7, status=PageStatus.FAILED, reason="no"))
    run_files.write(tmp_path, journal, Command("batch_pdf.py", "out", (), ("--mode=base",), ("--pages=1-9",)))
    journal.close()
    with (tmp_path / "failures.csv").open(newline="") as file:
        commands = [line["retry command"] for line in csv.DictReader(file)]
    assert commands == [
        "python batch_pdf.py broken.pdf --output out --mode=base --pages=1-9",
        "python batch_pdf.py a.pdf --output out --mode=base --pages 7 --retry failed",
    ]


def test_an_empty_journal_gives_headers_only(tmp_path: Path) -> None:
    run_files.write(tmp_path, Journal(tmp_path / "journal.jsonl"), Command("batch_pdf.py", str(tmp_path)))
    assert (tmp_path / "failures.csv").read_text() == "document,page,status,reason,retry command\n"


def test_run_json_says_what_ran(tmp_path: Path) -> None:
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    run_files.write_run(
        tmp_path,
        config={"mode": "gundam"},
        model={"id": "nano"},
        counts={"done": 3},
        started=started,
        ended=started + timedelta(seconds=1.5),
    )
    run = json.loads((tmp_path / "run.json").read_text())
    assert (run["started"], run["ended"], run["seconds"]) == (
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T03:04:06+00:00",
        1.5,
    )
    assert (run["config"], run["model"], run["counts"]) == ({"mode": "gundam"}, {"id": "nano"}, {"done": 3})
    assert {"python", "system", "pillow"} <= set(run["versions"])


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"timings\.csv: cannot be written: the disk is full"):
        run_files.write(tmp_path, Journal(tmp_path / "journal.jsonl"), Command("batch_pdf.py", str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_pages_that_were_read_again_or_have_figures(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for page in (1, 2):
        path = tmp_path / f"in/a/pages/{page:04d}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
        outputs = (f"in/a/pages/{page:04d}.md", "in/a/gone.md")
        journal.append(JournalRow("a.pdf", page, PageStatus.DONE, "", "r.w", outputs, folder="in/a"))
    (tmp_path / "in/a/a.md").write_text("all")
    pages = [PageKey("in/a", 2), PageKey("in/a", 2, 1, "top"), PageKey("in/other", 1)]
    expected = [tmp_path / "in/a/a.md", tmp_path / "in/a/pages/0002.md"]
    assert run_files.files_of(tmp_path, journal, pages) == expected
    journal.close()
