"""Stopping a run: Ctrl-C once and twice, `kill`, a closed terminal, nobody reading what it says."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.cli import signals
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import REPLAY, ROOT, make_pdf, rows, run_pdf, tree
from tests.engine.fake_server import FakeServer, running
from tests.engine.hostile_server import Endless, events

PAGES = 100
TALKING = [word for word in REPLAY if word != "--quiet"]


@pytest.fixture(autouse=True)
def a_terminal_that_can_be_closed() -> Iterator[None]:
    """Tests run under nohup would hand its deaf ear for SIGHUP on to the runs they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(tmp_path: Path, *before: str, **options: Any) -> subprocess.Popen[bytes]:
    """A run over one long document, once it has written its first pages."""
    source = tmp_path / "in/long.pdf"
    if not source.exists():
        make_pdf(source, PAGES)
    command = [sys.executable, "batch_pdf.py", str(source), "--output", str(tmp_path / "out"), *TALKING]
    process = subprocess.Popen([*before, *command], cwd=ROOT, **options)
    journal = tmp_path / "out/journal.jsonl"
    size = journal.stat().st_size if journal.exists() else 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size > size):
        time.sleep(0.02)
    return process


def finish(tmp_path: Path) -> None:
    """The same command goes on, and no page is done twice."""
    done = len(rows(tmp_path / "out"))
    assert 0 < done < PAGES
    assert run_pdf(tmp_path / "in/long.pdf", "--output", tmp_path / "out") == ExitCode.OK
    assert sorted(row["page"] for row in rows(tmp_path / "out")) == list(range(1, PAGES + 1))


@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT, signal.SIGINT]],
    ids=lambda numbers: "+".join(number.name for number in numbers),
)
def test_a_stopped_run_ends_with_130_and_goes_on(tmp_path: Path, numbers: Sequence[signal.Signals]) -> None:
    process = start(tmp_path, stderr=subprocess.PIPE, start_new_session=True)
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.05)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == ExitCode.INTERRUPTED, stderr.decode()
    assert b"Traceback" not in stderr and b"goes on" in stderr or len(numbers) == 1
    finish(tmp_path)
    if len(numbers) > 1:
        assert run_pdf(tmp_path / "in/long.pdf", "--output", tmp_path / "calm") == ExitCode.OK
        assert tree(tmp_path / "out") == tree(tmp_path / "calm")


SLOW_ENGINE = """
import asyncio, sys
from ocr_engine.engine.replay import ReplayEngine

async def start(engine):
    await asyncio.sleep(300)

ReplayEngine.start = start
from ocr_engine.cli.entries import batch_pdf
sys.exit(batch_pdf(sys.argv[1:]))
"""


def test_an_engine_that_is_starting_is_not_waited_for(tmp_path: Path) -> None:
    source, output = make_pdf(tmp_path / "a.pdf", 3), tmp_path / "out"
    command = [sys.executable, "-c", SLOW_ENGINE, str(source), "--output", str(output), *TALKING]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)
    assert process.stderr is not None
    said = b""
    while b"the engine is starting" not in said:
        said += (line := process.stderr.readline())
        assert line, said
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == ExitCode.INTERRUPTED and b"Traceback" not in stderr
    assert b"the same command goes on" in stderr
    assert run_pdf(source, "--output", output) == ExitCode.OK and len(rows(output)) == 3


async def test_pages_of_servers_are_waited_for_a_moment_and_left_once() -> None:
    said: list[str] = []
    over = asyncio.Event()

    def cancel() -> None:
        said.append("cancel")
        over.set()

    for numbers in ([signal.SIGINT], [signal.SIGINT, signal.SIGTERM]):
        said.clear()
        over.clear()
        signals.handle(lambda: said.append("stop"), cancel, 0.05)
        for number in numbers:
            signal.raise_signal(number)
        async with asyncio.timeout(30):
            await over.wait()
        await asyncio.sleep(0.1)
        assert said == ["stop", "cancel"]
    for number in signals.STOPPING:
        asyncio.get_running_loop().remove_signal_handler(number)


DRIPS = Endless(events({"choices": [{"delta": {"content": "word "}}]}), "text/event-stream", 0.3)


async def test_a_server_that_drips_holds_up_no_run_that_is_stopped(tmp_path: Path) -> None:
    words = ["batch_images.py", "samples/images/note.png", "--output", str(tmp_path), "--mode", "tiny"]
    async with running(FakeServer(faults=[lambda _: None, DRIPS])) as (server,):
        words += ["--set", "engine.backend=server", "--set", f"engine.server.endpoints=[{server.url}]"]
        run = partial(
            asyncio.create_subprocess_exec, sys.executable, *words, cwd=ROOT, stderr=subprocess.PIPE
        )
        process = await run()
        assert process.stderr is not None
        async with asyncio.timeout(600):
            while not DRIPS.taken_times:
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, stderr = await process.communicate()
        assert process.returncode == ExitCode.INTERRUPTED and b"Traceback" not in stderr
        assert not rows(tmp_path)
        again = await run()
        await again.communicate()
    assert again.returncode == ExitCode.OK and [row["status"] for row in rows(tmp_path)] == ["done"]


def test_a_closed_terminal_ends_the_run_in_order(tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    process = start(
        tmp_path, "setsid", "--ctty", "--wait", stdin=theirs, stdout=theirs, stderr=theirs, pass_fds=[theirs]
    )
    os.close(theirs)
    os.close(mine)
    assert process.wait(60) == ExitCode.INTERRUPTED
    finish(tmp_path)


def test_nohup_keeps_the_run_going(tmp_path: Path) -> None:
    process = start(tmp_path, "nohup", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.send_signal(signal.SIGHUP)
    assert process.wait(120) == ExitCode.OK
    assert len(rows(tmp_path / "out")) == PAGES


def test_nobody_reading_is_no_reason_to_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    make_pdf(tmp_path / "in/a.pdf", 2)
    (tmp_path / "in/b.pdf").write_bytes(b"broken")
    os.close(reader)
    command = [sys.executable, "batch_pdf.py", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    process = subprocess.run([*command, *TALKING], cwd=ROOT, stderr=writer, stdout=writer, check=False)
    os.close(writer)
    assert process.returncode == ExitCode.PAGES_FAILED
    assert len(rows(tmp_path / "out")) == 3
