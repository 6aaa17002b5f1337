"""A run with a second reading on stored answers: files, counts, report and review page say what was added."""

import json
from pathlib import Path

from ocr_engine.cli.entries import batch_images
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import REPLAY, rows
from tests.reading.test_second import LINES, answer, page


def test_what_was_added_is_written_counted_and_shown(tmp_path: Path) -> None:
    page().save(tmp_path / "a.png")
    stored = tmp_path / "stored/a/pages"
    stored.mkdir(parents=True)
    (stored / "0001.raw.md").write_text(answer(0, 2))
    (stored / "0001+1.raw.md").write_text("\n".join(LINES))
    options = ("quality.retries=[]", f"engine.replay_from={tmp_path / 'stored'}", "output.review=true")
    asked = [word for option in (*options, "quality.second_prompt=free") for word in ("--set", option)]
    command = [str(tmp_path / "a.png"), "--output", str(tmp_path / "out"), *REPLAY, *asked]
    assert batch_images(command) == ExitCode.OK
    text = (tmp_path / "out/a/pages/0001.md").read_text()
    assert [line for line in text.splitlines() if line] == LINES
    assert "<|ref|>second_reading<|/ref|>" in (tmp_path / "out/a/pages/0001.raw.md").read_text()
    counts = json.loads((tmp_path / "out/run.json").read_text())["counts"]
    assert (counts["read_twice"], counts["added_to"]) == (1, 1)
    assert rows(tmp_path / "out")[0]["second"] == sum(map(str.isalnum, LINES[1]))
    assert "read with the second prompt, too <b>1</b>" in (tmp_path / "out/report.html").read_text()
    review = (tmp_path / "out/a/review/0001.html").read_text()
    assert ">second_reading</a>" in review and "letters added by a second reading (free)" in review
    # What is written differently keeps what was added, and asks for nothing.
    (stored / "0001.raw.md").unlink()
    assert batch_images([*command, "--set", "text.tables=markdown"]) == ExitCode.OK
    again = (tmp_path / "out/a/pages/0001.md").read_text()
    assert [line for line in again.splitlines() if line] == LINES
