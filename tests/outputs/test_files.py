"""Atomic writes under faults."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_engine.errors import OutputError
from ocr_engine.outputs import files
from ocr_engine.outputs.files import write_atomic


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

    monkeypatch.setattr(os, step, fail)
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
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomic(pathlib.Path(sys.argv[1]), 'new')\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "page.md")], check=False)
    assert run.returncode == -9
    assert (tmp_path / "page.md").read_text() == "old"
    assert len(names_in(tmp_path)) == 2, "the kill left a temporary file"
    write_atomic(tmp_path / "page.md", "new")
    assert names_in(tmp_path) == ["page.md"], "writing again uses the same temporary name"


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_atomic(tmp_path / "a" / "page.md", "x")
    (tmp_path / "page.md").mkdir()
    with pytest.raises(OutputError, match="a folder stands where a file is needed"):
        write_atomic(tmp_path / "page.md", "x")


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
