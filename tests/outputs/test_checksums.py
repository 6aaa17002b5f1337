"""checksums.jsonl: what was changed is seen, what was only copied is not, whatever the file itself holds."""

import json
import os
from pathlib import Path

import pytest

from ocr_engine.outputs.checksums import Checksums
from ocr_engine.outputs.files import CHECKSUMS


def made(root: Path) -> tuple[Path, Path, Path]:
    """A file, a folder with two pages, and a file that is not there."""
    (root / "a/review").mkdir(parents=True)
    for name in ("a/a.md", "a/review/0001.html", "a/review/index.html"):
        (root / name).write_text(f"text of {name}")
    return root / "a/a.md", root / "a/review", root / "a/none.pdf"


def known(root: Path, *paths: Path) -> Checksums:
    checksums = Checksums(root)
    checksums.put(*paths)
    checksums.close()
    return Checksums(root)


def test_what_is_as_it_was_holds_without_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = made(tmp_path)
    checksums = known(tmp_path, *paths)
    monkeypatch.setattr("ocr_engine.outputs.checksums._content", None)
    assert checksums.seem_right(*paths) and checksums.hold(*paths)


@pytest.mark.parametrize("name", ["a/a.md", "a/review/0001.html", "a/none.pdf", "a/review/0002.html"])
def test_another_content_is_seen(tmp_path: Path, name: str) -> None:
    paths = made(tmp_path)
    checksums = known(tmp_path, *paths)
    (tmp_path / name).write_text("other")
    assert not checksums.seem_right(*paths) and not checksums.hold(*paths)


@pytest.mark.parametrize("name", ["a/a.md", "a/review/index.html"])
def test_a_file_that_is_gone_is_seen(tmp_path: Path, name: str) -> None:
    paths = made(tmp_path)
    checksums = known(tmp_path, *paths)
    (tmp_path / name).unlink()
    assert not checksums.hold(*paths)


def test_equal_size_and_time_hide_no_change(tmp_path: Path) -> None:
    path = made(tmp_path)[0]
    checksums, before = known(tmp_path, path), path.stat()
    path.write_text("TEXT OF a/a.md")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns
    assert not checksums.hold(path)


def test_another_time_alone_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = made(tmp_path)
    checksums = known(tmp_path, *paths)
    for path in (paths[0], paths[1] / "index.html"):
        os.utime(path, ns=(1, 1))
    assert not checksums.seem_right(*paths) and checksums.hold(*paths)
    checksums.close()
    monkeypatch.setattr("ocr_engine.outputs.checksums._content", None)
    assert Checksums(tmp_path).hold(*paths)


def test_another_documents_files_in_a_folder_are_none_of_its(tmp_path: Path) -> None:
    paths = made(tmp_path)
    checksums = known(tmp_path, *paths)
    (paths[1] / "other.md").write_text("a document of its own")
    assert checksums.hold(*paths)


def test_nothing_holds_without_its_line(tmp_path: Path) -> None:
    paths = made(tmp_path)
    known(tmp_path, *paths)
    (tmp_path / CHECKSUMS).unlink()
    assert not any(Checksums(tmp_path).hold(path) for path in paths)


@pytest.mark.parametrize(
    "line",
    [b"\0\n", b"[]\n", b'{"name": 5}\n', b'{"name": "a/a.md", "times": "x", "content": "y"}\n', b"\xff\n"],
)
def test_odd_lines_are_passed_over(tmp_path: Path, line: bytes) -> None:
    path = made(tmp_path)[0]
    known(tmp_path, path)
    with (tmp_path / CHECKSUMS).open("ab") as file:
        file.write(line)
    assert Checksums(tmp_path).hold(path)


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocr_engine.outputs.checksums._SPARE_LINES", 3)
    paths = made(tmp_path)
    checksums = Checksums(tmp_path)
    for number in range(10):
        paths[0].write_text(f"{number}")
        checksums.put(*paths)
    checksums.close()
    names = [json.loads(line)["name"] for line in (tmp_path / CHECKSUMS).read_text().splitlines()]
    assert sorted(names) == ["a/a.md", "a/none.pdf", "a/review"]
    assert Checksums(tmp_path).hold(*paths)
