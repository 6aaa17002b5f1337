"""Atomic writes under faults, safe and distinct names, one run a folder."""

import errno
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocr_engine.errors import OutputError
from ocr_engine.outputs import files
from ocr_engine.outputs.files import (
    MAX_NAME_BYTES,
    OutputNames,
    lock_output,
    remove_temporaries,
    safe_name,
    write_atomic,
)
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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("report", "report"),
        ("Jahresbericht für 2023 (v2) – 漢字", "Jahresbericht für 2023 (v2) – 漢字"),
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"),
        ("two\nlines\ttab", "two_lines_tab"),
        ("-rf", "_rf"),
        (".hidden", "_hidden"),
        ("..", None),
        ("", "document"),
        ("name. . ", "name"),
        ("con", "_con"),
        ("LPT1.tar", "_LPT1.tar"),
        ("console", "console"),
        ("gpj\u202eexe", "gpjexe"),
        ("u\u0308ber", "über"),
        ("bad\udcff", "bad_"),
        ("a\u00a0b", "a b"),
    ],
)
def test_safe_names(text: str, name: str | None) -> None:
    assert safe_name(text) == name or (name is None and safe_name(text).startswith("document~"))


@given(st.text(st.characters(), max_size=300))
@example("\udcff" * 10)
@example("漢" * 200)
@example("." * 300)
@example("con." + "x" * 300)
@example("\u0344" * 120)
def test_any_text_gives_a_portable_name(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode("utf-8")) <= MAX_NAME_BYTES
    assert safe_name(name) == name == unicodedata.normalize("NFC", name)
    assert not set(name) & set('/\\\0\n<>:"|?*')
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "


def test_long_names_with_one_beginning_stay_distinct() -> None:
    assert safe_name("x" * 300) != safe_name("x" * 301)


def test_folders_follow_the_input_tree(document: Make) -> None:
    names = OutputNames({})
    assert names.folder_for(document("in/b/a.pdf", "b/a.pdf")) == PurePosixPath("b/a")
    assert names.folder_for(document("in/a.tar.pdf", "a.tar.pdf")) == PurePosixPath("a.tar")
    assert names.folder_for(document("/x/../y.pdf", "/../y.pdf")) == PurePosixPath("y")


def test_colliding_documents_get_distinct_folders_the_same_in_every_run(document: Make) -> None:
    given_names = [
        "one/a.pdf",
        "one/a.PDF",
        "one/A.pdf",
        "one/a.png",
        "two/a.pdf",
        "one/ä.pdf",
        "one/a\u0308.pdf",
    ]
    documents = [document(name, PurePosixPath(name).name) for name in given_names]
    names = OutputNames({})
    folders = [names.folder_for(item) for item in documents]
    assert len({unicodedata.normalize("NFC", str(folder).casefold()) for folder in folders}) == len(folders)
    assert [names.folder_for(item) for item in documents] == folders
    claims = {str(folder): item.given for folder, item in zip(folders, documents, strict=True)}
    backwards = OutputNames(claims)
    assert [backwards.folder_for(item) for item in reversed(documents)] == folders[::-1]


def test_a_claim_holds_also_when_the_document_is_found_from_elsewhere(document: Make) -> None:
    names = OutputNames({"b/a": "in/b/a.pdf"})
    assert names.folder_for(document("in/b/a.pdf", "a.pdf")) == PurePosixPath("b/a")
    assert names.folder_for(document("other/b/a.pdf", "b/a.pdf")) != PurePosixPath("b/a")


@pytest.mark.parametrize(
    "relative", ["journal.jsonl.pdf", "RUN.json.pdf", "a/pages.pdf", "a/a.md.pdf", "a/Layout.pdf"]
)
def test_no_document_takes_the_place_of_our_own_files(document: Make, relative: str) -> None:
    folder = OutputNames({}).folder_for(document(relative, relative))
    assert "~" in folder.name


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
    assert "no locks" in caplog.text


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="choose another folder"), lock_output(tmp_path / "out"):
        pass
