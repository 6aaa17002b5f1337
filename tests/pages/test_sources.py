import io
import os
import socket
import sys
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from ocr_engine.pages.sources import SUFFIXES, Refused, find
from ocr_engine.records import Document, DocumentKind

PDF = (DocumentKind.PDF,)
BOTH = (DocumentKind.PDF, DocumentKind.IMAGE)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def run(*inputs: Path | str, kinds: tuple[DocumentKind, ...] = PDF) -> tuple[list[Document], list[Refused]]:
    found = list(find([str(item) for item in inputs], kinds))
    documents = [item for item in found if isinstance(item, Document)]
    return documents, [item for item in found if isinstance(item, Refused)]


def places(*inputs: Path | str, kinds: tuple[DocumentKind, ...] = PDF) -> list[str]:
    documents, refused = run(*inputs, kinds=kinds)
    assert not refused
    return [str(document.relative) for document in documents]


def reasons(*inputs: Path | str) -> list[str]:
    documents, refused = run(*inputs)
    assert not documents
    return [item.reason for item in refused]


def test_a_folder_is_read_recursively_in_sorted_order(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b/2.pdf", "b/1.PDF", "c.pdf", "a.pdf", "b/notes.txt", "b/x.png")))
    assert places(tmp_path) == ["a.pdf", "b/1.PDF", "b/2.pdf", "c.pdf"]
    assert "b/x.png" in places(tmp_path, kinds=BOTH)


def test_a_document_says_how_it_was_given_and_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "in/sub/a.pdf")
    monkeypatch.chdir(tmp_path)
    [document], _ = run("in")
    assert document.given == "in/sub/a.pdf"
    assert document.path == tmp_path / "in/sub/a.pdf"
    assert document.relative == PurePosixPath("sub/a.pdf")
    assert (document.kind, document.size_bytes) == (DocumentKind.PDF, 1)
    assert document.mtime_ns == (tmp_path / "in/sub/a.pdf").stat().st_mtime_ns


def test_a_file_has_its_bare_name_and_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path / "in/a.pdf", tmp_path / "in/b.pdf")
    (tmp_path / "again").symlink_to(tmp_path / "in")
    inputs = (tmp_path / "in/b.pdf", tmp_path / "in", tmp_path / "in/../in/a.pdf", tmp_path / "again")
    assert places(*inputs) == ["b.pdf", "a.pdf"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.pdf", ["top.pdf"]),
        ("**/*.pdf", ["2023/old.pdf", "2024/jan/a.pdf", "2024/jan/b.pdf", "2024/x.pdf", "top.pdf"]),
        ("2024/*", ["jan/a.pdf", "jan/b.pdf", "x.pdf"]),
        ("202?/*.pdf", ["2023/old.pdf", "2024/x.pdf"]),
        ("2024/**/[ab].pdf", ["jan/a.pdf", "jan/b.pdf"]),
        ("**", ["2023/old.pdf", "2024/jan/a.pdf", "2024/jan/b.pdf", "2024/x.pdf", "top.pdf"]),
    ],
)
def test_globs(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    touch(
        *(
            tmp_path / name
            for name in ("top.pdf", "2024/x.pdf", "2024/jan/a.pdf", "2024/jan/b.pdf", "2023/old.pdf")
        )
    )
    touch(tmp_path / "2024/note.txt")
    assert places(tmp_path / pattern) == expected


def test_a_name_with_wildcard_characters_is_a_name_where_it_exists(tmp_path: Path) -> None:
    touch(tmp_path / "a[1].pdf", tmp_path / "a1.pdf")
    assert places(tmp_path / "a[1].pdf") == ["a[1].pdf"]


def test_hostile_names_survive(tmp_path: Path) -> None:
    names = ["new\nline.pdf", "-rf.pdf", "\x1b[31m.pdf", os.fsdecode(b"caf\xe9.pdf")]
    touch(*(tmp_path / name for name in names))
    assert sorted(places(tmp_path)) == sorted(names)


def test_stdin_lists_files_folders_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latin = os.fsdecode(b"caf\xe9.pdf")
    touch(tmp_path / latin, tmp_path / "folder/a.pdf")
    lines = os.fsencode(f"{tmp_path / latin}\n\n{tmp_path / 'folder'}\n{tmp_path / 'gone.pdf'}")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    documents, [refused] = run("-")
    assert [document.relative.name for document in documents] == [latin, "a.pdf"]
    assert refused == Refused(str(tmp_path / "gone.pdf"), "no such file or folder")


def test_symlinks_below_a_folder_are_refused_not_followed(tmp_path: Path) -> None:
    touch(tmp_path / "outside/secret.pdf", tmp_path / "in/a.pdf")
    (tmp_path / "in/link.pdf").symlink_to(tmp_path / "outside/secret.pdf")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/dangling.pdf").symlink_to(tmp_path / "nowhere")
    (tmp_path / "in/readme.txt").symlink_to(tmp_path / "outside")
    for given in ("in", "in/**/*.pdf"):
        documents, refused = run(tmp_path / given)
        assert [document.relative.name for document in documents] == ["a.pdf"]
        assert {"link.pdf", "loop", "dangling.pdf"} <= {Path(item.given).name for item in refused}
        assert all("symbolic link" in item.reason for item in refused)


def test_a_symlink_given_by_name_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "a.pdf")
    (tmp_path / "link.pdf").symlink_to(tmp_path / "a.pdf")
    assert places(tmp_path / "link.pdf") == ["link.pdf"]


def test_special_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.pdf"))
        assert reasons(tmp_path / "pipe.pdf", tmp_path / "socket.pdf", "/dev/null") == [
            "a named pipe, not a file",
            "a socket, not a file",
            "a device, not a file",
        ]
        assert reasons(tmp_path) == ["not a regular file"] * 2


def test_what_yields_nothing_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt")
    assert reasons(tmp_path) == ["nothing to read there (looked for .pdf)"]
    assert reasons(tmp_path / "*.pdf") == ["nothing to read there (looked for .pdf)"]
    assert reasons(tmp_path / "gone.pdf") == ["no such file or folder"]
    assert reasons(tmp_path / "notes.txt/a.pdf") == ["no such file or folder"]
    assert reasons(tmp_path / "gone/*.pdf") == ["folder cannot be read: No such file or directory"]
    assert reasons(tmp_path / "notes.txt") == ["not a kind of file this command reads (.pdf)"]
    touch(tmp_path / "scan.JPG")
    hint = "; batch_images.py reads images"
    assert reasons(tmp_path) == ["nothing to read there (looked for .pdf)" + hint]
    assert reasons(tmp_path / "scan.JPG") == ["not a kind of file this command reads (.pdf)" + hint]
    assert reasons("") == ["an empty name"]
    assert reasons("a\0.pdf") == ["not a valid path"]
    assert reasons("~nobody-of-that-name/x.pdf") == ["not a valid path"]
    assert reasons("x" * 300 + ".pdf") == ["cannot be looked at: File name too long"]


def test_unreadable_files_and_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.pdf", tmp_path / "z/b.pdf")
    scandir = os.scandir

    def denied(path: str) -> object:
        if str(path).endswith("z"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(os, "scandir", denied)
    assert reasons(tmp_path) == ["no permission to read it", "folder cannot be read: Permission denied"]


def test_finding_is_lazy(tmp_path: Path) -> None:
    touch(tmp_path / "a/1.pdf", tmp_path / "b/2.pdf")
    found = find([str(tmp_path)], PDF)
    next(found)
    (tmp_path / "b/2.pdf").unlink()
    assert list(found) == []


def test_image_suffixes_are_known_to_pillow() -> None:
    Image.init()
    assert set(SUFFIXES[DocumentKind.IMAGE]) - set(Image.registered_extensions()) <= {".heic", ".heif"}


class Own:
    """The output folder of a run, as far as finding inputs asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def holds(self, given: str) -> bool:
        return Path(given).resolve() == self.folder or given.endswith("own.pdf")


@pytest.mark.parametrize(
    ("inputs", "read"),
    [
        (["."], ["./a.pdf", "./sub/b.pdf"]),
        (["*/*.pdf", "a.pdf"], ["./sub/b.pdf", "a.pdf"]),
        (["**/*.pdf"], ["./a.pdf", "./sub/b.pdf"]),
        (["-"], ["a.pdf"]),
        (["sub/own.pdf", "sub"], ["sub/b.pdf"]),
        (["out", "a.pdf"], ["out/stray.pdf", "a.pdf"]),
    ],
)
def test_what_runs_have_written_is_left_out_with_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    inputs: list[str],
    read: list[str],
) -> None:
    caplog.set_level("INFO")
    names = ("a.pdf", "out/own.pdf", "out/stray.pdf", "sub/b.pdf", "sub/own.pdf")
    touch(*(tmp_path / name for name in names))
    (tmp_path / "link").symlink_to(tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.pdf\nsub/own.pdf\n")))
    assert [item.given for item in find(inputs, PDF, Own(tmp_path / "out"))] == read
    assert len(caplog.records) == 1 and "left out" in caplog.text


def test_a_folder_with_nothing_but_the_output_is_refused_the_output_itself_passed_over(
    tmp_path: Path,
) -> None:
    touch(tmp_path / "in/out/own.pdf")
    own = Own(tmp_path / "in/out")
    (refused,) = find([str(tmp_path / "in")], PDF, own)
    assert isinstance(refused, Refused) and refused.reason.startswith("nothing to read there")
    assert not list(find([str(tmp_path / "in/out"), str(tmp_path / "in/out/own.pdf")], PDF, own))


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a.pdf")
    (tmp_path / "loop.pdf").symlink_to(tmp_path / "loop.pdf")
    documents, refused = run(tmp_path)
    assert len(documents) == 1 and "symbolic link" in refused[0].reason
