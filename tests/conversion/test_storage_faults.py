"""Full disks, folders that cannot be written, journals cut short, clocks that jump: said, then on."""

import ast
import ctypes
import json
import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import REPLAY, ROOT, make_pdf, rows, run_pdf, tree

PAGES = 12
SMALL = ("--mode", "tiny")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pdf(tmp_path_factory.mktemp("source") / "in/a.pdf", PAGES)


@pytest.fixture(scope="module")
def calm(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("calm")
    assert convert(source, output) == ExitCode.OK
    return tree(output)


def convert(source: Path, output: Path, *options: str) -> int:
    return run_pdf(source, "--output", output, *SMALL, *options)


def run(source: Path, output: Path, **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        str(ROOT / "batch_pdf.py"),
        str(source),
        "--output",
        str(output),
        *REPLAY,
        *SMALL,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def obey_permissions() -> None:
    """Also as root: a program started from here may not write where the permissions forbid it."""
    drop_capability, may_override = 24, 1
    ctypes.CDLL(None).prctl(drop_capability, may_override, 0, 0, 0)


def goes_on(source: Path, output: Path, calm: dict[str, bytes]) -> None:
    """The same command finishes: every page once, the files of a calm run."""
    assert convert(source, output) == ExitCode.OK
    assert tree(output) == calm
    assert {row["page"] for row in rows(output)} == set(range(1, PAGES + 1))


@pytest.mark.parametrize("writes", [2, 9, 20, 31])
def test_a_disk_that_fills_up(
    source: Path,
    calm: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    writes: int,
) -> None:
    """ENOSPC from the `writes`-th sync on, wherever that falls: page, record, journal or merged file."""
    sync, count = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal count
        count += 1
        if count > writes:
            raise OSError(28, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert convert(source, tmp_path / "out") == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "the disk is full; make room and run the same command again" in said and "Traceback" not in said
    goes_on(source, tmp_path / "out", calm)


ON_A_SMALL_DISK = """
mount -t tmpfs -o size=200k tmpfs "$1" || exit 77
shift
"$@" --set output.overlays=true; first=$?
mount -o remount,size=50m "$MOUNT"
"$@" --set output.overlays=true; second=$?
cp -r "$MOUNT" "$COPY"
[ $first = 2 ] && [ $second = 0 ]
"""


def test_a_disk_that_is_really_full(source: Path, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    mount, copy = tmp_path / "small", tmp_path / "copy"
    mount.mkdir()
    words = ["--output", str(mount), *REPLAY, *SMALL]
    command = [sys.executable, str(ROOT / "batch_pdf.py"), str(source), *words]
    script = [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        ON_A_SMALL_DISK,
        "sh",
        str(mount),
        *command,
    ]
    environment = {**os.environ, "MOUNT": str(mount), "COPY": str(copy)}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    if done.returncode in (1, 77) and "disk is full" not in done.stderr:
        pytest.skip("may not mount a small disk here")
    assert done.returncode == 0 and "the disk is full" in done.stderr and "Traceback" not in done.stderr
    assert convert(source, tmp_path / "calm", "--set", "output.overlays=true") == ExitCode.OK
    assert tree(copy) == tree(tmp_path / "calm")


def test_files_that_may_not_grow(source: Path, calm: dict[str, bytes], tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = run(source, tmp_path / "out", preexec_fn=limit)
    assert done.returncode == ExitCode.USAGE and "ulimit -f" in done.stderr and "Traceback" not in done.stderr
    goes_on(source, tmp_path / "out", calm)


@pytest.mark.parametrize("place", ["the output folder", "a document's folder"])
def test_no_permission_to_write(source: Path, calm: dict[str, bytes], tmp_path: Path, place: str) -> None:
    output = tmp_path / "out"
    (output / "a").mkdir(parents=True)
    closed = output if place == "the output folder" else output / "a"
    closed.chmod(0o555)
    done = run(source, output, preexec_fn=obey_permissions)
    closed.chmod(0o755)
    assert done.returncode == ExitCode.USAGE, done.stderr
    assert "no permission to write there" in done.stderr and "Traceback" not in done.stderr
    goes_on(source, output, calm)


def test_a_read_only_file_system(
    source: Path, calm: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*args: object, **kwargs: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", read_only)
        assert convert(source, tmp_path / "out") == ExitCode.USAGE
    goes_on(source, tmp_path / "out", calm)


@pytest.mark.parametrize("seed", range(3))
def test_a_journal_cut_anywhere(source: Path, calm: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    output, chance = tmp_path / "out", random.Random(seed)
    assert convert(source, output) == ExitCode.OK
    journal = output / "journal.jsonl"
    data = journal.read_bytes()
    cut = chance.randrange(len(data))
    journal.write_bytes(data[:cut] + chance.choice([b"", b"\0" * 300, b'{"document": "']))
    assert convert(source, output) == ExitCode.OK
    assert tree(output) == calm
    lines = [json.loads(line) for line in journal.read_text().splitlines() if "\0" not in line]
    assert {line["page"] for line in lines} == set(range(1, PAGES + 1))


@pytest.mark.parametrize("jump_s", [-86400 * 365])
def test_a_clock_that_jumps(
    source: Path, calm: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    import time

    times = iter(range(10**6))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + (jump_s if next(times) % 2 else 0))
    assert convert(source, tmp_path / "out") == ExitCode.OK
    before = (tmp_path / "out/journal.jsonl").read_bytes()
    assert convert(source, tmp_path / "out") == ExitCode.OK
    assert (tmp_path / "out/journal.jsonl").read_bytes() == before
    goes_on(source, tmp_path / "out", calm)


ASKS_THE_TIME = {
    "office.py", "session.py", "page_saving.py", "run_files.py", "run_numbers.py", "report.py", "run.py",
    "merge.py",
}  # fmt: skip
"""Modules that write a time down for people, or sweep away what is a day old; nothing is decided by it."""


def test_nothing_is_decided_by_the_wall_clock() -> None:
    for path in (ROOT / "ocr_engine").rglob("*.py"):
        if path.name in ASKS_THE_TIME or "evaluation" in path.parts:
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        names = {ast.unparse(node) for node in calls}
        assert not names & {"time.time", "datetime.now", "datetime.utcnow", "time.localtime"}, path
