"""An EPUB as one HTML page for an office program: its chapters in reading order, nothing that acts.

Runs in a worker, as `markup` does. Only names of the archive are looked up; nothing is unpacked to disk.
"""

import base64
import posixpath
import re
import zipfile
import zlib
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from ocr_engine.errors import DocumentError
from ocr_engine.pages.markup import MAX_BYTES, MAX_PICTURE_BYTES, as_page, decoded, harmless

MAX_FILES = 20_000
"""Of the archive."""
MAX_CHAPTERS = 5_000
MAX_PACKAGE_BYTES = 8_000_000
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PICTURE_TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif"}
_SOURCE = re.compile(r"""(<img\b[^<>]{0,2000}?\bsrc\s*=\s*)(["'])([^"'<>]{1,1000})\2""", re.IGNORECASE)
_CLOSED = re.compile(r"<(?!(?:br|col|hr|img)\b)([a-zA-Z][\w:-]{0,40})([^<>]{0,2000})/>")
"""An empty element of XML, which HTML takes for one that is open: `<title/>` would hide the chapter."""
_FONT_SCRAMBLERS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_BROKEN = (
    zipfile.BadZipFile, zlib.error, ElementTree.ParseError, EOFError, KeyError, NotImplementedError, OSError,
    RuntimeError, ValueError,
)  # fmt: skip
"""What a damaged archive and package raise."""


def page_of_epub(path: Path) -> bytes:
    """All chapters as a page that loads nothing.

    Raises DocumentError where it is too large, encrypted, or no EPUB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return as_page(_Book(archive).body())
    except DocumentError:
        raise
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DocumentError(f"not an EPUB that can be read: {reason}") from None


class _Book:
    """Reads an archive, at most so many bytes of it in all."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        if len(archive.infolist()) > MAX_FILES:
            raise DocumentError(f"an EPUB of more than {MAX_FILES:,} files")
        self._archive = archive
        self._room, self._picture_room = MAX_BYTES, MAX_PICTURE_BYTES

    def body(self) -> str:
        """The chapters one after the other."""
        self._refuse_encrypted()
        package = self._package()
        folder = posixpath.dirname(package)
        chapters = [posixpath.normpath(posixpath.join(folder, name)) for name in self._spine(package)]
        found = "<hr>".join(self._chapter(name) for name in chapters[:MAX_CHAPTERS])
        if not found.strip():
            raise DocumentError("an EPUB without chapters")
        return found

    def _read(self, name: str, most: int) -> bytes:
        """A file of the archive, unpacked no further than there is room."""
        with self._archive.open(name) as file:
            data = file.read(min(most, self._room) + 1)
        if len(data) > min(most, self._room):
            limit = f"{MAX_BYTES // 1_000_000} MB of text, the limit for EPUB"
            raise DocumentError(f"more than {limit}, or {name[-80:]!r} is too large")
        self._room -= len(data)
        return data

    def _tree(self, name: str) -> ElementTree.Element:
        data = self._read(name, MAX_PACKAGE_BYTES)
        if b"<!ENTITY" in data.replace(b"\0", b""):  # in UTF-16, too
            raise DocumentError(f"not an EPUB that can be read: {name[-80:]!r} has entities")
        return ElementTree.fromstring(data)

    def _refuse_encrypted(self) -> None:
        """Fonts may be scrambled; what is encrypted otherwise is the text."""
        if _ENCRYPTION not in self._archive.namelist():
            return
        ways = [
            one.get("Algorithm", "") for one in self._tree(_ENCRYPTION).iter() if _is(one, "EncryptionMethod")
        ]
        if any(way not in _FONT_SCRAMBLERS for way in ways):
            raise DocumentError("its text is encrypted (DRM); only a reader that has the key can show it")

    def _package(self) -> str:
        roots = [one.get("full-path", "") for one in self._tree(_CONTAINER).iter() if _is(one, "rootfile")]
        if not roots:
            raise DocumentError("not an EPUB that can be read: no package is named")
        return roots[0]

    def _spine(self, package: str) -> list[str]:
        """Names of the chapters in reading order, as seen from the package."""
        elements = list(self._tree(package).iter())
        files = {one.get("id"): one.get("href", "") for one in elements if _is(one, "item")}
        order = [files.get(one.get("idref"), "") for one in elements if _is(one, "itemref")]
        return [unquote(urlsplit(name).path) for name in order if name]

    def _chapter(self, name: str) -> str:
        try:
            text = decoded(self._read(name, MAX_BYTES))
        except KeyError:
            return "<p>[a chapter is missing]</p>"
        text = _CLOSED.sub(r"<\1\2></\1>", text)
        return harmless(_SOURCE.sub(lambda found: self._shown(found, name), text))

    def _shown(self, found: re.Match[str], chapter: str) -> str:
        """A picture of the archive in the page itself, as long as there is room."""
        source = unquote(urlsplit(found[3]).path)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(chapter), source))
        kind = _PICTURE_TYPES.get(posixpath.splitext(name)[1].lower())
        if kind is None or name not in self._archive.NameToInfo:
            return found[0]
        if self._archive.getinfo(name).file_size > self._picture_room:
            return found[0]
        data = self._read(name, self._picture_room)
        self._picture_room -= len(data)
        return f'{found[1]}"data:image/{kind};base64,{base64.b64encode(data).decode()}"'


def _is(element: ElementTree.Element, name: str) -> bool:
    return isinstance(element.tag, str) and element.tag.rpartition("}")[2] == name
