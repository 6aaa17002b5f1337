"""SIGKILL at random moments, then the same command: the same files as a run that was never disturbed."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.test_pipeline import REPLAY, ROOT, make_pdf, rows, tree

KILLS = 6
PAGES = (40, 25, 1)


def command(inputs: Path, output: Path) -> list[str]:
    return [sys.executable, str(ROOT / "batch_pdf.py"), str(inputs), "--output", str(output), *REPLAY]


def kill_after_first_rows(process: subprocess.Popen[bytes], journal: Path, delay_s: float) -> bool:
    """Kill the run a moment after it wrote something new; False where it ended first."""
    size = journal.stat().st_size if journal.exists() else 0
    while process.poll() is None and (not journal.exists() or journal.stat().st_size == size):
        time.sleep(0.005)
    time.sleep(delay_s)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.wait()
    return True


def test_killed_runs_end_with_the_same_files(tmp_path: Path) -> None:
    for number, pages in enumerate(PAGES):
        make_pdf(tmp_path / "in" / f"{number}.pdf", pages)
    chance = random.Random(20261121)
    output = tmp_path / "killed"
    killed = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command(tmp_path / "in", output), stderr=subprocess.DEVNULL)
        killed += kill_after_first_rows(process, output / "journal.jsonl", chance.uniform(0, 0.15))
    assert killed, "every run ended before it could be killed: the test proves nothing"
    assert subprocess.run(command(tmp_path / "in", output), check=False).returncode == 0
    assert subprocess.run(command(tmp_path / "in", tmp_path / "calm"), check=False).returncode == 0
    assert tree(output) == tree(tmp_path / "calm")
    latest = {(row["document"], row["page"]): row["status"] for row in rows(output)}
    assert len(latest) == sum(PAGES) and set(latest.values()) == {"done"}
    assert not list(output.rglob("*.tmp*"))
