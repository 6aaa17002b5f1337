"""Office files as PDFs: with a program that fails in every way it can, and with LibreOffice where it is."""

import os
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path, PurePosixPath
from typing import Any

import pymupdf
import pytest

from ocr_engine.config import InputConfig, RenderConfig
from ocr_engine.errors import DocumentError, InputError, UsageError
from ocr_engine.pages import office
from ocr_engine.pages.office import OfficePdfs
from ocr_engine.pages.remote import FetchingPool
from ocr_engine.records import Document, DocumentKind, PageImage
from tests.pages.documents import pdf
from tests.pages.test_ebook import epub

Program = Callable[[str], None]
GOOD = 'mkdir -p "$out" && cp "{pdf}" "$out/document.pdf"'


def document(path: Path) -> Document:
    status = path.stat()
    name = PurePosixPath(path.name)
    return Document(str(path), path, name, DocumentKind.OFFICE, status.st_size, status.st_mtime_ns)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a shell script in the place of LibreOffice; in it `$out` is where the PDF belongs."""
    pdf(tmp_path / "made.pdf", "of an office file")
    path = tmp_path / "soffice"

    def write(body: str) -> None:
        head = '#!/bin/sh\nwhile [ "$#" -gt 1 ]; do [ "$1" = --outdir ] && out=$2; shift; done; file=$1\n'
        path.write_text(head + body.replace("{pdf}", str(tmp_path / "made.pdf")) + "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(office, "program", lambda: str(path))

    return write


@pytest.fixture
def docx(tmp_path: Path) -> Path:
    path = tmp_path / "-a b%.docx"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", "y")
    return path


def at_once(task: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    try:
        future.set_result(task())
    except InputError as error:
        future.set_exception(error)
    return future


def pdfs(tmp_path: Path, **bounds: Any) -> OfficePdfs:
    return OfficePdfs(tmp_path / "cache", 1 << 30, InputConfig(**bounds), at_once)


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


def test_a_pdf_is_made_once_and_nothing_else_is_left(tmp_path: Path, program: Program, docx: Path) -> None:
    program(f'echo "$file" >> {tmp_path}/calls; {GOOD}')
    for _ in range(2):
        with pdfs(tmp_path).holding(document(docx)) as path:
            assert path.read_bytes() == (tmp_path / "made.pdf").read_bytes()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [call] = (tmp_path / "calls").read_text().splitlines()
    assert call.endswith("/document.docx") and len(left(tmp_path)) == 1
    docx.write_bytes(docx.read_bytes() + b" ")
    with pdfs(tmp_path).holding(document(docx)):
        assert len(left(tmp_path)) == 2


def test_its_profile_forbids_macros_and_links(tmp_path: Path, program: Program, docx: Path) -> None:
    program(f'cp "${{out%/made}}/profile/user/registrymodifications.xcu" {tmp_path}/seen; {GOOD}')
    with pdfs(tmp_path).holding(document(docx)):
        seen = (tmp_path / "seen").read_text()
    for name in ("DisableMacrosExecution", "BlockUntrustedRefererLinks", "DisableActiveContent"):
        assert f'"{name}" oor:op="fuse"><value>true</value>' in seen


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sleep 60 & sleep 60", r"took longer than 0\.4 s \(input\.office_timeout_s\)"),
        ("kill -SEGV $$", "was killed by SIGSEGV .input.office_memory_mb too small"),
        ("exit 0", "could not open it: damaged, encrypted"),
        ("echo Error: source file could not be loaded >&2", "not what its name says$"),
        ("echo no luck >&2; exit 7", "exit code 7: no luck"),
        ('mkdir "$out"; echo text > "$out/document.pdf"', "could not open it"),
        ('mkdir "$out"; ln -s {pdf} "$out/document.pdf"', "could not open it"),
        (
            'mkdir "$out"; head -c 3000000 /dev/zero > "$out/document.pdf"; kill -XFSZ $$',
            "makes more than 1 MB of it",
        ),
        ("yes spam | head -c 900000", "could not open it"),
    ],
)
def test_a_program_that_fails(
    tmp_path: Path, program: Program, docx: Path, body: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "MAX_PDF_MB", 1)
    program(body)
    seconds = 0.4 if body.startswith("sleep") else 30.0
    with (
        pytest.raises(DocumentError, match=reason) as caught,
        pdfs(tmp_path, office_timeout_s=seconds).holding(document(docx)),
    ):
        pass
    assert left(tmp_path) == [] and len(str(caught.value)) < 400 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.docx", b"", "the file is empty"),
        ("a.docx", b"plain words", "not a .docx file: the file is something else"),
        ("a.xlsx", b"%PDF-1.4", "not a .xlsx file: the file is a PDF"),
        ("a.pptx", b"\xd0\xcf\x11\xe0rest", "encrypted, or an old Office file"),
        ("a.doc", bytes(range(256)) * 9, "not a .doc file"),
        ("a.ppt", b"%PDF-1.7\n\0\0", "not a .ppt file: the file is a PDF"),
        ("a.eml", b"", "the file is empty"),
        ("a.eml", b"no headers", "not an e-mail"),
        ("a.epub", b"%PDF-1.7\n", "not a .epub file: the file is a PDF"),
        ("a.epub", b"PK\x03\x04", "not an EPUB that can be read"),
    ],
)
def test_what_no_program_is_asked_about(
    tmp_path: Path, program: Program, name: str, data: bytes, reason: str
) -> None:
    program(f"touch {tmp_path}/called")
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DocumentError, match=reason), pdfs(tmp_path).holding(document(tmp_path / name)):
        pass
    assert not (tmp_path / "called").exists()


def test_a_file_that_is_too_large_vanished_or_changed(
    tmp_path: Path, program: Program, docx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(GOOD)
    found, made = document(docx), pdfs(tmp_path)
    made.content_id(found)
    docx.write_bytes(docx.read_bytes() + b"more")
    with pytest.raises(DocumentError, match="changed while it was opened"), made.holding(found):
        pass
    monkeypatch.setattr(office, "MAX_SOURCE_BYTES", 3)
    with pytest.raises(DocumentError, match="larger than"), pdfs(tmp_path).holding(document(docx)):
        pass
    docx.unlink()
    with pytest.raises(DocumentError, match="cannot be read: No such file"), pdfs(tmp_path).holding(found):
        pass


def test_what_killed_runs_left_is_removed(tmp_path: Path, program: Program, docx: Path) -> None:
    program(GOOD)
    for name, age_s in (("old", 200_000), ("new", 0)):
        folder = tmp_path / "cache" / f".office-{name}"
        (folder / "profile").mkdir(parents=True)
        os.utime(folder, (time.time() - age_s,) * 2)
    with pdfs(tmp_path).holding(document(docx)):
        assert [name for name in left(tmp_path) if name.startswith(".")] == [".office-new"]


def test_stopping_kills_what_runs(tmp_path: Path, program: Program, docx: Path) -> None:
    import threading

    program("sleep 60")
    made = pdfs(tmp_path)
    stopper = threading.Timer(0.3, made.stop)
    stopper.start()
    with pytest.raises(DocumentError, match="stopped"), made.holding(document(docx)):
        pass
    with pytest.raises(DocumentError, match="stopped"), made.holding(document(docx)):
        pass


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[FetchingPool]:
    config = InputConfig(cache=str(tmp_path / "cache"))
    with FetchingPool(RenderConfig(workers=1), config) as made:
        yield made


def words(page: PageImage) -> str:
    return page.text_layer().text


def test_pages_are_drawn_from_the_pdf_and_known_by_the_source(
    tmp_path: Path, program: Program, docx: Path, pool: FetchingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(GOOD)
    (tmp_path / "page.html").write_text("<p>x")
    found = document(docx)
    opened = pool.open(found).result()
    assert (opened.document, opened.page_count) == (found, 1)
    assert opened.content_id == pdfs(tmp_path).content_id(found)
    assert "of an office file" in pool.run(opened.page(0), words).result()
    assert pool.open(document(tmp_path / "page.html")).result().page_count == 1
    monkeypatch.setattr(office, "program", lambda: "")
    with pytest.raises(UsageError, match=r"needs LibreOffice, .*: apt install .*input\.office: off"):
        pool.open(found).result()


REAL = pytest.mark.skipif(not office.program(), reason="needs LibreOffice")
PICTURE = """<draw:frame svg:width="5cm" svg:height="3cm">
<draw:image xlink:href="file://{0}" xlink:show="embed"/></draw:frame>"""
ODT = """<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" office:version="1.2"
 xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
 office:mimetype="application/vnd.oasis.opendocument.text"><office:body><office:text><text:p>Hello</text:p>
 <text:section text:name="S"><text:section-source xlink:href="file://{1}" xlink:show="embed"/>
 <text:p>old</text:p></text:section><text:p>{0}</text:p></office:text></office:body></office:document>"""


@REAL
def test_the_real_program_loads_nothing_that_a_document_links_to(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 50, 50)).save(tmp_path / "secret.png")
    hostile = tmp_path / "a.rtf"  # known by its content
    hostile.write_text(ODT.format(PICTURE.format(tmp_path / "secret.png"), tmp_path / "secret.txt"))
    with pdfs(tmp_path).holding(document(hostile)) as path, pymupdf.open(path) as made:
        assert made[0].get_text().split() == ["Hello", "old"] and not made[0].get_images()


@REAL
def test_the_real_program_reads_books(tmp_path: Path) -> None:
    with pdfs(tmp_path).holding(document(epub(tmp_path))) as path, pymupdf.open(path) as made:
        assert made[0].get_text().split() == ["First", "Second"]


@REAL
def test_the_real_program_reads_web_pages(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<h1>Title</h1><table border=1><tr><td>1<td>2</table>")
    with pdfs(tmp_path).holding(document(tmp_path / "a.html")) as path, pymupdf.open(path) as made:
        assert made[0].get_text().split() == ["Title", "1", "2"] and 590 < made[0].rect.width < 620
