"""Office files, e-books, web pages and e-mails as PDFs, made by LibreOffice where it is; kept in a cache.

The program is confined: no network, no macros, nothing linked is loaded, time, memory and sizes are bounded.
Its profile is made for one file and thrown away. A PDF is named by a hash of its source and of what made it.
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from ocr_engine.config import InputConfig
from ocr_engine.errors import DocumentError
from ocr_engine.pages.backend import content_hash, what_is
from ocr_engine.pages.ebook import page_of_epub
from ocr_engine.pages.input_cache import InputCache
from ocr_engine.pages.markup import PAGES as MARKUP
from ocr_engine.processes.confined import Bounds, Confined, Ended, TookTooLongError
from ocr_engine.records import Document

MAX_SOURCE_BYTES = 512_000_000
MAX_PDF_MB = 1_000
HOW_TO_INSTALL = "apt install --no-install-recommends libreoffice-writer libreoffice-calc libreoffice-impress"
_PROGRAMS = ("soffice", "libreoffice", "/Applications/LibreOffice.app/Contents/MacOS/soffice")
_VERSION = "1"
"""Of what is asked of the program: another one makes PDFs anew."""
_TEMPORARY, _STALE_S = ".office-", 86_400.0
_ZIPPED = (".docx", ".odt", ".pptx", ".odp", ".xlsx", ".ods", ".epub")
_ZIP, _OLD_OFFICE = b"PK", b"\xd0\xcf\x11\xe0"
_OF_OLD, _HEAD_BYTES = (".doc", ".xls", ".ppt", ".rtf"), 1024
_OLD_HEADS = (
    _OLD_OFFICE, _ZIP, b"{\\rtf", b"\xdb\xa5", b"\x31\xbe", b"\x32\xbe", b"\x09\x00", b"\x09\x02",
    b"\x09\x04", b"\x09\x08", b"\xff\xfe", b"\xfe\xff",
)  # fmt: skip
"""How files of these suffixes begin that hold zeros: Office 97 and before, or text in UTF-16."""
_NOISE = re.compile(
    r"^(?:Warning: failed to launch javaldx.*|Error: source file could not be loaded)$", re.MULTILINE
)
PAGES = {**MARKUP, ".epub": page_of_epub}
"""By suffix, what makes an HTML page of a file, which the program is given instead."""
_READ_AS = {suffix: "HTML (StarWriter)" for suffix in PAGES}
_OPTIONS = (
    "--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck", "--nofirststartwizard",
)  # fmt: skip
_SETTINGS = {
    "Office.Common/Security/Scripting": {
        "DisableMacrosExecution": "true",
        "MacroSecurityLevel": "3",
        "BlockUntrustedRefererLinks": "true",
        "DisableActiveContent": "true",
    },
    "Office.Writer/Content/Update": {"Link": "0"},
    "Office.Calc/Content/Update": {"Link": "1"},
}
"""No macros, nothing that is linked, be it a picture on this machine; both numbers are `never`."""
Work = Callable[[Callable[[], Any]], "Future[Any]"]
"""Runs a task in a worker that is killed when it takes too long."""


def program() -> str:
    """LibreOffice, if it is installed; else ""."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), "")


def missing() -> str:
    """Why office files cannot be read here, and what to do; "" where they can."""
    if program():
        return ""
    words = "needs LibreOffice, which is not installed"
    return f"{words}: {HOW_TO_INSTALL}; input.office: off passes such files over"


class OfficePdfs(InputCache):
    """Documents as PDFs, made when they are first held."""

    def __init__(self, folder: Path, most_bytes: int, config: InputConfig, work: Work) -> None:
        super().__init__(folder, most_bytes)
        self._bounds = Bounds(config.office_timeout_s, config.office_memory_mb, MAX_PDF_MB)
        self._work = work
        self._hashes: dict[tuple[str, int, int], str] = {}
        self._running: set[Confined] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def content_id(self, document: Document) -> str:
        """Hash of the source's bytes. Raises InputError."""
        key = (str(document.path), document.mtime_ns, document.size_bytes)
        if key not in self._hashes:
            try:
                self._hashes[key] = content_hash(document.path)
            except OSError as error:
                raise DocumentError(f"cannot be read: {error.strerror or error}") from None
        return self._hashes[key]

    def stop(self) -> None:
        """Kill what is running, and start nothing more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for one in running:
            one.kill()

    def _path(self, document: Document) -> Path:
        facts = f"{self.content_id(document)}\n{document.path.suffix.lower()}\n{_maker()}\n{_VERSION}"
        return self._folder / f"{hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()}-office.pdf"

    def _fetch(self, document: Document, path: Path) -> None:
        """Make the PDF. Raises InputError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._sweep()
            # Beside its place, so that it is moved there and not copied.
            with tempfile.TemporaryDirectory(
                dir=self._folder, prefix=_TEMPORARY, ignore_cleanup_errors=True
            ) as name:
                made = self._make(document, Path(name))
                made.chmod(0o600)  # as what is fetched: a document of its user
                self._make_room(made.stat().st_size)
                made.replace(path)
        except OSError as error:
            raise DocumentError(f"no PDF could be made of it: {error.strerror or error}") from None

    def _sweep(self) -> None:
        """Remove what killed runs have left of files they were making."""
        for left in self._folder.glob(f"{_TEMPORARY}*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_S:
                    shutil.rmtree(left, ignore_errors=True)

    def _make(self, document: Document, folder: Path) -> Path:
        source = self._source(document, folder)
        profile = folder / "profile"
        (profile / "user").mkdir(parents=True)
        (profile / "user/registrymodifications.xcu").write_text(_settings(), encoding="utf-8")
        kind = _READ_AS.get(document.path.suffix.lower())
        command = [
            program() or _PROGRAMS[0], f"-env:UserInstallation={profile.as_uri()}", *_OPTIONS,
            *([f"--infilter={kind}"] if kind else []),
            "--convert-to", "pdf:writer_pdf_Export" if kind else "pdf",
            "--outdir", str(folder / "made"), str(source),
        ]  # fmt: skip
        return _result(folder / "made" / f"{source.stem}.pdf", self._run(command, folder))

    def _source(self, document: Document, folder: Path) -> Path:
        """A copy under a name of ours: the program writes beside its file, and takes names for options."""
        suffix = document.path.suffix.lower()
        if document.size_bytes > MAX_SOURCE_BYTES:
            limit = f"{MAX_SOURCE_BYTES // 1_000_000} MB, the limit for office files"
            raise DocumentError(f"larger than {limit}; export it as PDF yourself")
        _refuse_at_sight(document.path, suffix)
        if suffix in PAGES:
            made = folder / "document.html"
            made.write_bytes(self._work(partial(PAGES[suffix], document.path)).result())
            return made
        copy = folder / f"document{suffix}"
        shutil.copyfile(document.path, copy)
        if content_hash(copy) != self.content_id(document):
            raise DocumentError("the file changed while it was opened; run again to read its new content")
        return copy

    def _run(self, command: list[str], folder: Path) -> Ended:
        environment = {"LC_ALL": "C.UTF-8", "SAL_USE_VCLPLUGIN": "svp", "SAL_DISABLE_OPENCL": "1"}
        with self._lock:
            if self._stopped:
                raise DocumentError("the run was stopped")
            running = Confined(command, folder, self._bounds, environment)
            self._running.add(running)
        try:
            return running.wait()
        except TookTooLongError as error:
            raise DocumentError(f"LibreOffice {error} (input.office_timeout_s)") from None
        finally:
            with self._lock:
                self._running.discard(running)
            if self._stopped:
                raise DocumentError("the run was stopped")


def _refuse_at_sight(path: Path, suffix: str) -> None:
    """Files that the program takes for plain text, or asks a password for. Raises DocumentError, OSError."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise DocumentError("the file is empty")
    if suffix in _OF_OLD and b"\0" in head and not head.startswith(_OLD_HEADS):
        # The program would try for minutes to make text of it.
        raise DocumentError(f"not a {suffix} file: the file is {what_is(path) or 'something else'}")
    if suffix not in _ZIPPED:
        return
    if head.startswith(_OLD_OFFICE) and suffix in (".docx", ".pptx", ".xlsx"):
        raise DocumentError("encrypted, or an old Office file of another name; save it without a password")
    if not head.startswith(_ZIP):
        raise DocumentError(f"not a {suffix} file: the file is {what_is(path) or 'something else'}")


def _result(made: Path, ended: Ended) -> Path:
    """The PDF that was made. Raises DocumentError with the most likely reason where there is none."""
    if made.is_file() and not made.is_symlink() and not ended.signal:
        with made.open("rb") as file:
            if file.read(5) == b"%PDF-":
                return made
    if ended.signal == "SIGXFSZ":
        raise DocumentError(f"LibreOffice makes more than {MAX_PDF_MB:,} MB of it")
    if ended.signal:
        reason = f"LibreOffice was killed by {ended.signal} (input.office_memory_mb too small?)"
    elif ended.code:
        reason = f"LibreOffice ended with exit code {ended.code}"
    else:
        reason = "LibreOffice could not open it: damaged, encrypted, or not what its name says"
    said = " ".join(_NOISE.sub("", ended.said).split())[-200:]
    raise DocumentError(f"{reason}{': ' if said else ''}{said}")


def _settings() -> str:
    items = "".join(
        f'<item oor:path="/org.openoffice.{path}"><prop oor:name="{name}" oor:op="fuse">'
        f"<value>{value}</value></prop></item>"
        for path, values in _SETTINGS.items()
        for name, value in values.items()
    )
    space = 'xmlns:oor="http://openoffice.org/2001/registry"'
    return f'<?xml version="1.0" encoding="UTF-8"?><oor:items {space}>{items}</oor:items>'


def _maker() -> str:
    """The program as it is installed: another version draws other pages."""
    with contextlib.suppress(OSError):
        path = os.path.realpath(program())
        return f"{path} {Path(path).stat().st_mtime_ns}"
    return ""
