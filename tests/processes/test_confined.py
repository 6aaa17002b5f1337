"""Programs that are not trusted: what they may take, no network, and that nothing of them is left."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ocr_engine.processes.confined import Bounds, Confined, Ended, TookTooLongError

BOUNDS = Bounds(timeout_s=20.0, memory_mb=400, file_mb=1)


def start(code: str, folder: Path, bounds: Bounds = BOUNDS) -> Confined:
    return Confined([sys.executable, "-c", code], folder, bounds, {"LC_ALL": "C.UTF-8"})


def ended(code: str, folder: Path, bounds: Bounds = BOUNDS) -> Ended:
    return start(code, folder, bounds).wait()


def test_it_runs_in_its_folder_and_what_it_says_is_kept(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['HOME'], os.environ['https_proxy']); sys.exit(3)"
    found = ended(code, tmp_path)
    assert (found.code, found.signal) == (3, "")
    assert found.said.split() == [str(tmp_path), str(tmp_path), "http://127.0.0.1:9"]
    assert "SECRET" not in ended("import os; print(*os.environ)", tmp_path).said


def test_secrets_of_ours_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_ENGINE_API_KEY", "secret")
    assert "OCR_ENGINE_API_KEY" not in ended("import os; print(*os.environ)", tmp_path).said


def may_unshare() -> bool:
    run = subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True)
    return run.returncode == 0


def test_it_sees_no_network(tmp_path: Path) -> None:
    if not may_unshare():
        pytest.skip("needs unshare")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = ended(f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)", tmp_path)
    assert found.code == 1 and "unreachable" in found.said


@pytest.mark.parametrize(
    ("code", "signal_name"),
    [
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        (
            "import signal; signal.signal(25, 0); f = open('f', 'wb'); f.write(bytes(9 << 20))",
            "SIGXFSZ",
        ),
    ],
)
def test_a_signal_that_ends_it_is_named(tmp_path: Path, code: str, signal_name: str) -> None:
    assert ended(code, tmp_path).signal == signal_name


def test_its_memory_is_bounded(tmp_path: Path) -> None:
    found = ended("bytearray(900_000_000)", tmp_path)
    assert found.code == 1 and "MemoryError" in found.said


def children_of(folder: Path) -> list[int]:
    """Processes that run in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def gone(folder: Path) -> bool:
    until_s = time.monotonic() + 10
    while children_of(folder) and time.monotonic() < until_s:
        time.sleep(0.01)
    return not children_of(folder)


CHILD = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])"
)


def test_what_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    running = start(f"{CHILD}; time.sleep(99)", tmp_path, Bounds(0.3, 400, 1))
    with pytest.raises(TookTooLongError, match=r"longer than 0\.3 s"):
        running.wait()
    assert gone(tmp_path)


def test_children_that_outlive_it_are_killed(tmp_path: Path) -> None:
    assert ended(CHILD, tmp_path).code == 0
    assert gone(tmp_path)


def test_it_is_killed_where_the_process_that_started_it_is_gone(tmp_path: Path) -> None:
    here = Path(__file__).parents[2]
    code = (
        "from pathlib import Path; from ocr_engine.processes.confined import *;"
        f"one = Confined(['sleep', '99'], Path({str(tmp_path)!r}), Bounds(60, 400, 1), {{}});"
        "print('started', flush=True);"
        "import time; time.sleep(99)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=here, stdout=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdout.readline()
    until_s = time.monotonic() + 10
    while len(children_of(tmp_path)) < 2 and time.monotonic() < until_s:
        time.sleep(0.01)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(tmp_path)


def test_killing_twice_does_no_harm(tmp_path: Path) -> None:
    running = start("import time; time.sleep(99)", tmp_path)
    running.kill()
    running.kill()
    assert gone(tmp_path)
