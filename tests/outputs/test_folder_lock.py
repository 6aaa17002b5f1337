"""One run a folder, and no file of other people's replaced."""

import subprocess
import sys
from pathlib import Path

import pytest

from ocr_engine.errors import OutputError
from ocr_engine.outputs import files, folder_lock
from ocr_engine.outputs.folder_lock import lock_output


def test_a_second_run_is_refused_and_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    root = tmp_path / "out"
    with lock_output(root):
        code = (
            "import sys, pathlib\n"
            "from ocr_engine.outputs.folder_lock import lock_output\n"
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

    monkeypatch.setattr(folder_lock.filelock.FileLock, "acquire", acquire)
    with lock_output(tmp_path):
        pass
    assert "cannot lock files" in caplog.text


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="choose another folder"), lock_output(tmp_path / "out"):
        pass


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
