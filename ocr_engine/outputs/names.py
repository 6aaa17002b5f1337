"""Names below an output folder: valid on every file system, and never two things of one name.

A document has a folder of its own, which may lie in another document's folder. No part of its path is a name
that this project gives to files and folders of its own, so nothing of one document is in another's way.
"""

import hashlib
import itertools
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from ocr_engine.compact import DigestTable, Texts, digest
from ocr_engine.formats import EXPORTS, LAYOUTS
from ocr_engine.log import logger, printable
from ocr_engine.outputs.page_store import NAME as RECORDS
from ocr_engine.records import Document

MAX_NAME_BYTES = 180
"""Bytes of one name, so that a suffix of ours still fits the usual limit of 255."""
HIDDEN = ".pages"
"""Where layouts whose names are given by others keep records and raw texts."""
_RECENT = 2_000
"""Documents whose folders are kept as paths: they are asked for with every page."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}
)
_EXPORTED = [PurePosixPath(export.target) for export in EXPORTS.values()]
_SUFFIXES = [
    *("jsonl?", "csv", "html"),
    *(suffix for layout in LAYOUTS.values() for suffix in layout.suffixes),
    *(re.escape(path.suffix[1:].casefold()) for path in _EXPORTED if path.suffix),
]
_FOLDERS = [
    *(folder for layout in LAYOUTS.values() for folder in layout.folders),
    *(re.escape(path.name.casefold()) for path in _EXPORTED if not path.suffix),
]
_OWN_FILE = re.compile(rf".*\.(?:{'|'.join(_SUFFIXES)})", re.DOTALL)
_OWN_FOLDER = re.compile("|".join(_FOLDERS))
_OWN_AT_THE_TOP = re.compile(r"journal|run\.lock.*", re.DOTALL)
"""In a store: the journal's segments and the lock."""


def safe_name(text: str) -> str:
    """A file name for any document name, valid on Linux, macOS and Windows; at most 180 bytes, never empty.

    What cannot stay becomes `_`; a shortened name ends in a hash of the whole. Idempotent, not injective.
    """
    name = unicodedata.normalize("NFC", "".join(map(_safe_character, text)))
    name = name.rstrip(". ").lstrip(" ")
    if name[:1] in (".", "-", "~"):
        name = "_" + name[1:]
    if name.partition(".")[0].rstrip().casefold() in _WINDOWS_DEVICES:
        name = f"_{name}"
    return _shortened(name, text) if name.strip("_") else f"document{_suffix(text) if text else ''}"


def _safe_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""  # invisible: bidi controls, joiners, soft hyphens
    if category[0] == "C" or category in ("Zl", "Zp") or character in _FORBIDDEN:
        return "_"
    return " " if category == "Zs" else character


def _shortened(name: str, text: str) -> str:
    encoded = name.encode()
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    suffix = _suffix(text)
    head = encoded[: MAX_NAME_BYTES - len(suffix)].decode("utf-8", "ignore").rstrip(". ")
    return unicodedata.normalize("NFC", head) + suffix


def _suffix(text: str) -> str:
    return "~" + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


class OutputNames:
    """Gives each document a folder of its own below the output root, the same one in every run."""

    def __init__(self, claims: Mapping[str, str], root: Path | None = None) -> None:
        """`claims` are the folders of earlier runs: folder -> `document.given`.

        With `root`, the output folder, a folder there that holds other people's files is given to nobody.
        """
        self._root = root
        self._taken, self._folders = DigestTable(), Texts()
        self._recent: dict[str, PurePosixPath] = {}
        for folder, given in claims.items():
            self._claim(given, folder)

    def folder_for(self, document: Document) -> PurePosixPath:
        """`<relative parent>/<stem>`, with a suffix from the document's name where another one has that.

        Distinct also where the file system ignores case.
        """
        if (folder := self._recent.get(document.given)) is None:
            folder = self._known_or_new(document)
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            self._recent[document.given] = folder
        return folder

    def folder_of(self, given: str) -> PurePosixPath:
        """The folder of a document that has one, as it was given."""
        folder = self._folders.get(given)
        assert folder is not None, "it was asked for before"
        return PurePosixPath(folder)

    def _known_or_new(self, document: Document) -> PurePosixPath:
        if (known := self._folders.get(document.given)) is not None:
            return PurePosixPath(known)
        folder = next(folder for folder in _candidates(document) if self._is_free(folder, document))
        self._claim(document.given, str(folder))
        return folder

    def _claim(self, given: str, folder: str) -> None:
        self._taken.put(digest(_key(folder)))
        self._folders.put(given, folder)

    def _is_free(self, folder: PurePosixPath, document: Document) -> bool:
        if self._taken.get(digest(_key(str(folder)))) is not None:
            return False
        if self._root is None or not _is_taken(self._root / folder):
            return True
        words = "%s: holds files that no run wrote, so %s gets another folder"
        logger.info(words, printable(str(self._root / folder)), printable(document.given))
        return False


def first_folder(document: Document) -> str:
    """The folder that a document has unless another one has it, in the form by which folders are compared."""
    return _key(str(next(_candidates(document))))


def _candidates(document: Document) -> Iterator[PurePosixPath]:
    """Folders for a document, the best one first, without end."""
    parts = [safe_name(part) for part in document.relative.parent.parts if part not in ("/", "..")]
    name, top = safe_name(document.stem), not parts
    parent = PurePosixPath(*(_not_ours(part, top=at == 0) for at, part in enumerate(parts)))
    if not _is_ours(name, top=top):
        yield parent / name
    yield parent / f"{name}{_suffix(document.given)}"
    for number in itertools.count(2):
        yield parent / (name + _suffix(f"{document.given}\0{number}"))


def _not_ours(part: str, *, top: bool) -> str:
    return f"{part}{_suffix(part)}" if _is_ours(part, top=top) else part


def is_subfolder(name: str) -> bool:
    """Whether a folder of this name in a document's folder is one of ours."""
    return name == HIDDEN or bool(_OWN_FOLDER.fullmatch(_key(name)))


def _is_ours(name: str, *, top: bool) -> bool:
    """Whether a name may be one of our files or folders: in the output folder itself (`top`) or below."""
    name = _key(name)
    return bool(_OWN_FILE.fullmatch(name) or (_OWN_AT_THE_TOP if top else _OWN_FOLDER).fullmatch(name))


def _key(folder: str) -> str:
    return unicodedata.normalize("NFC", folder.casefold())


def _is_taken(path: Path) -> bool:
    """Whether something stands there that no run of ours has made: a document's first file is its records.

    A link is not: what would write through it says so.
    """
    if path.is_symlink():
        return False
    try:
        with os.scandir(path) as listing:
            entries = {entry.name: entry.is_dir(follow_symlinks=False) for entry in listing}
    except NotADirectoryError:
        return path.exists()
    except OSError:
        return False
    if RECORDS in entries or HIDDEN in entries:
        return False
    shown = {name: is_folder for name, is_folder in entries.items() if not name.startswith(".")}
    return any(not is_folder or _is_ours(name, top=False) for name, is_folder in shown.items())
