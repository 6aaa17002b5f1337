"""Atomic writes under faults, safe and distinct names, one run a folder."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ocr_engine.errors import OutputError
from ocr_engine.outputs import files
from ocr_engine.outputs.files import lock_output, remove_temporaries, write_atomic
from ocr_engine.records import Document

Make = Callable[..., Document]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_parents_are_made_and_text_is_utf8(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "page.md"
    write_atomic(target, "ü\n漢\ud800")
    assert target.read_bytes() == "ü\n漢?".encode()
    write_atomic(target, b"new")
    assert target.read_bytes() == b"new"
    assert names_in(target.parent) == ["page.md"]


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, advice: str, step: str
) -> None:
    target = tmp_path / "page.md"
    write_atomic(target, "old")

    def fail(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OutputError, match=advice) as caught:
        write_atomic(target, "new")
    assert str(target) in str(caught.value)
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["page.md"]


def test_killed_between_writing_and_renaming_the_old_file_is_whole(tmp_path: Path) -> None:
    write_atomic(tmp_path / "page.md", "old")
    code = (
        "import os, signal, sys, pathlib\n"
        "from ocr_engine.outputs.files import write_atomic\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomic(pathlib.Path(sys.argv[1]), 'new')\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "page.md")], check=False)
    assert run.returncode == -9
    assert (tmp_path / "page.md").read_text() == "old"
    assert len(names_in(tmp_path)) == 2, "the kill left a temporary file"
    write_atomic(tmp_path / "page.md", "new")
    assert names_in(tmp_path) == ["page.md"], "writing again uses the same temporary name"


def test_temporaries_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / f".abc{files.TEMPORARY_SUFFIX}").write_text("half")
    (tmp_path / ".keep").write_text("")
    remove_temporaries(tmp_path)
    remove_temporaries(tmp_path / "missing")
    assert names_in(tmp_path) == [".keep"]


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_atomic(tmp_path / "a" / "page.md", "x")
    (tmp_path / "page.md").mkdir()
    with pytest.raises(OutputError, match="a folder stands where a file is needed"):
        write_atomic(tmp_path / "page.md", "x")


def test_a_second_run_is_refused_and_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    root = tmp_path / "out"
    with lock_output(root):
        code = (
            "import sys, pathlib\n"
            "from ocr_engine.outputs.files import lock_output\n"
            "with lock_output(pathlib.Path(sys.argv[1])): print('got it')\n"
        )
        held = subprocess.run(
            [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False
        )
        assert "another run is writing to this folder" in held.stderr
    free = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False
    )
    assert free.stdout == "got it\n"


def test_without_locks_a_run_goes_on_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def acquire(lock: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(files.filelock.FileLock, "acquire", acquire)
    with lock_output(tmp_path):
        pass
    assert "cannot lock files" in caplog.text


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="choose another folder"), lock_output(tmp_path / "out"):
        pass


def test_a_link_in_place_of_a_file_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "out/page.md"
    outside.write_text("theirs")
    target.parent.mkdir()
    for link in (target, files.temporary_beside(target)):
        link.symlink_to(outside)
    write_atomic(target, "ours")
    assert target.read_text() == "ours" and not target.is_symlink()
    files.temporary_beside(target).symlink_to(outside)
    with files.atomic_file(target) as temporary:
        temporary.write_text("again")
    assert target.read_text() == "again" and outside.read_text() == "theirs"


@pytest.mark.parametrize("name", [".lock", "journal.jsonl", "exports.jsonl", "checksums.jsonl"])
def test_a_link_that_a_run_would_write_through_stops_it(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    root = tmp_path / "link to the output"
    (tmp_path / "out").mkdir()
    root.symlink_to(tmp_path / "out")
    with lock_output(root):
        pass
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to(outside)
    with pytest.raises(OutputError, match=f"{name}: a symbolic link"), lock_output(root):
        pass
    assert outside.read_text() == "theirs"


@pytest.mark.parametrize("name", files.RUN_FILES)
def test_a_folder_whose_files_a_first_run_would_replace_is_not_written_to(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("theirs")
    (tmp_path / "notes.txt").write_text("theirs")
    with (
        pytest.raises(OutputError, match=f"{name} was written by no run"),
        lock_output(tmp_path),
    ):
        pass
    (tmp_path / name).unlink()
    with lock_output(tmp_path):
        pass
    (tmp_path / name).write_text("ours")
    with lock_output(tmp_path):
        pass
