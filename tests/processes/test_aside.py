"""Work beside the event loop: what becomes of it, nobody waits for it, and all text is worked on there."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ocr_engine.errors import ExitCode
from ocr_engine.processes.aside import MAX_THREADS, aside
from tests.conversion.test_pipeline import REPLAY, ROOT, make_pdf, run_pdf

IN_THE_LOOP = {"letters", "mostly_cjk"}
"""Linear, and at most `recall.MAX_CHARS` characters."""


def test_results_and_errors_come_from_another_thread() -> None:
    async def main() -> None:
        assert await aside(threading.get_ident) != threading.get_ident()
        assert await aside(int, "11", base=2) == 3
        with pytest.raises(ValueError, match="invalid"):
            await aside(int, "x")

    asyncio.run(main())
    asyncio.run(main())  # the threads belong to no loop


def test_nobody_waits_for_what_is_cancelled_and_what_has_not_begun_never_does() -> None:
    begun, release, ran = threading.Semaphore(0), threading.Event(), threading.Event()

    def blocked() -> None:
        begun.release()
        release.wait()

    async def main() -> None:
        tasks = [asyncio.create_task(aside(blocked)) for _ in range(MAX_THREADS)]
        for _ in tasks:
            await asyncio.to_thread(begun.acquire)
        tasks.append(asyncio.create_task(aside(ran.set)))
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(error, asyncio.CancelledError) for error in ended)
        release.set()
        assert await aside(int, "1") == 1
        assert not ran.is_set()

    asyncio.run(main())


@pytest.mark.parametrize("layout", ["tree", "official"])
def test_no_text_is_worked_on_in_the_loop(tmp_path: Path, layout: str) -> None:
    """A run, one that writes again from stored text, and one whose steps all fail."""
    called: set[str] = set()
    room = f"{os.sep}ocr_engine{os.sep}text{os.sep}"

    def note(frame: object, event: str, _argument: object) -> None:
        code = frame.f_code  # type: ignore[attr-defined]
        if event == "call" and room in code.co_filename and running() is not None:
            called.add(code.co_name)

    import ocr_engine.conversion.pipeline  # noqa: F401 - what it runs at import is not meant

    running = asyncio._get_running_loop
    source = make_pdf(tmp_path / "a.pdf", 1)
    out = ("--output", tmp_path / "out", "--set", f"output.layout={layout}")
    everything = [
        "--set",
        "output.tables_csv=true",
        "--set",
        "figures.parse=true",
        "--set",
        "figures.cards=true",
    ]
    everything = everything if layout == "tree" else []
    hard = ("--set", "quality.retry_below_chars=9000", "--retry", "done")
    sys.setprofile(note)
    try:
        assert run_pdf(source, *out, *everything) == ExitCode.OK
        assert run_pdf(source, *out, "--set", "text.math_delimiters=dollar") == ExitCode.OK
        assert run_pdf(source, *out, *hard) == ExitCode.OK
    finally:
        sys.setprofile(None)
    assert called <= IN_THE_LOOP


STUCK = """
import sys, threading
from concurrent.futures import Future
from ocr_engine.conversion import saver
from ocr_engine.errors import PageError
from ocr_engine.pages.pool import RenderPool
real = saver.texts_of

def timed_out(self, task):
    future = Future()
    future.set_exception(PageError("rendering took longer than 60 s"))
    return future

def stuck(config, record, raw):
    if record.page == 1:
        threading.Event().wait()
    return real(config, record, raw)

RenderPool.work, saver.texts_of = timed_out, stuck
from ocr_engine.cli.entries import batch_pdf
sys.exit(batch_pdf(sys.argv[1:]))
"""


def test_a_page_whose_text_never_ends_holds_up_no_other_page_and_no_second_ctrl_c(tmp_path: Path) -> None:
    pages, out = 3, tmp_path / "out"
    journal = out / "journal.jsonl"
    source = make_pdf(tmp_path / "a.pdf", pages)
    options = [word for word in REPLAY if word != "--quiet"]
    command = [sys.executable, "-c", STUCK, str(source), "--output", str(out), *options]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)
    try:
        deadline_s = time.monotonic() + 300
        while not journal.exists() or len(journal.read_bytes().splitlines()) < pages - 1:
            assert process.poll() is None and time.monotonic() < deadline_s, "the other pages do not come"
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while b"Ctrl-C again" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == ExitCode.INTERRUPTED and b"Traceback" not in stderr
    assert run_pdf(source, "--output", out) == ExitCode.OK
