"""The engine's process killed, and the next one stopped, in the middle of a run: all pages are read."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.conversion.test_pipeline import ROOT, rows
from tests.forked_engines import engines_of
from tests.forked_runs import ForkedRun

pytest.importorskip("vllm", reason="needs vllm")
NANO = (
    "--mode", "small", "--set", "engine.model=nano", "--set", "engine.max_num_seqs=2",
    "--set", "render.workers=1", "--set", "engine.hang_timeout_s=15", "--set", "engine.max_tokens=60",
    "--set", "output.figures=false", "--set", "engine.replicas=1", "--set", "quality.retries=[]",
    # So that the last pages are not lost with both engines, which would be held against them.
    "--set", "engine.in_flight=2",
)  # fmt: skip


def engine_process(run: ForkedRun, but: int | None) -> psutil.Process | None:
    """Find the engine's process that is not `but`, which is killed and may be dying still."""
    return next((child for child in engines_of(run.pid) if child.pid != but), None)


def disturb(run: ForkedRun, journal: Path, number: int, after_rows: int, but: int | None = None) -> int:
    """Send the engine's process a signal once `after_rows` pages are in the journal; its id."""
    until_s = time.monotonic() + 240
    while run.poll() is None and time.monotonic() < until_s:
        if journal.exists() and journal.read_bytes().count(b"\n") >= after_rows:
            engine = engine_process(run, but)
            if engine is not None:
                os.kill(engine.pid, number)
                return engine.pid
        time.sleep(0.02)
    raise AssertionError(f"its engine could not be disturbed: {run.stderr.read_text()}")


def test_an_engine_killed_and_another_hung_cost_no_page(tmp_path: Path) -> None:
    inputs = ROOT / "samples/handbook.pdf"
    output = tmp_path / "out"
    run = ForkedRun([inputs, "--output", output, *NANO], tmp_path / "stderr")
    first = disturb(run, output / "journal.jsonl", signal.SIGKILL, after_rows=1)
    second = disturb(run, output / "journal.jsonl", signal.SIGSTOP, after_rows=3, but=first)
    code, said = run.wait(300), run.stderr.read_text()
    assert first != second and not psutil.pid_exists(first) and not psutil.pid_exists(second)
    assert said.count("starting it again") == 2 and "engine hung" in said and "Traceback" not in said, said
    found = rows(tmp_path / "out")
    assert sorted(row["page"] for row in found) == [1, 2, 3, 4, 5]
    assert {row["status"] for row in found} <= {"done", "truncated"}, found
    assert code in (0, 5)
    pages = tmp_path / "out/handbook/pages"
    assert all((pages / f"000{number}.raw.md").stat().st_size for number in range(1, 6))
    assert (tmp_path / "out/handbook/pages.jsonl").read_bytes().count(b"\n") == 5
