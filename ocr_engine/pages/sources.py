"""Finding the inputs of a run: paths, folders, globs or a list on stdin in, documents out. Opens no file.

What cannot be read comes out as a `Refused`, in its place, so that every input is accounted for.
"""

import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from ocr_engine import urls
from ocr_engine.compact import DigestTable, digest
from ocr_engine.errors import InputError, UsageError
from ocr_engine.log import logger, printable
from ocr_engine.pages import remote
from ocr_engine.pages.image_folder import gathered
from ocr_engine.pages.page_ranges import parse_page_ranges, validate_page_ranges
from ocr_engine.pages.walk import EVERYTHING, Found, has_magic, split_glob, walk
from ocr_engine.records import Document, DocumentKind

__all__ = ["SUFFIXES", "Refused", "find", "parse_page_ranges", "validate_page_ranges"]

STDIN = "-"
SUFFIXES: dict[DocumentKind, tuple[str, ...]] = {
    DocumentKind.PDF: (".pdf",),
    DocumentKind.IMAGE: (
        ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif",
        ".jp2", ".j2k", ".j2c", ".jpx", ".jpf", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif",
    ),
    DocumentKind.OFFICE: (
        ".docx", ".doc", ".odt", ".rtf", ".pptx", ".ppt", ".odp", ".xlsx", ".xls", ".ods",
        ".html", ".htm", ".eml", ".epub",
    ),
    DocumentKind.FOLDER: (),
}  # fmt: skip
"""File name suffixes (lower case) by kind of document."""
READERS = {
    DocumentKind.PDF: "batch_pdf.py reads PDFs",
    DocumentKind.IMAGE: "batch_images.py reads images",
    DocumentKind.OFFICE: "batch_pdf.py reads office files, with input.office: auto",
}
"""Which of the entry scripts reads a kind, in words."""

_SPECIAL_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe, not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)


@dataclass(frozen=True, slots=True)
class Refused:
    """An input that cannot be read, as it was given or found, and why."""

    given: str
    reason: str


class NoInputs(Protocol):
    """What runs have written, which is no input."""

    def holds(self, given: str) -> bool:
        """Whether a path or URL is the output folder, or a result in it."""


class _LeaveOut:
    """Says of each path whether it is left out, and of the first one also to the user."""

    def __init__(self, own: NoInputs | None) -> None:
        self._own = own
        self._said = False

    def holds(self, given: str) -> bool:
        """Whether it is left out, without a word."""
        return self._own is not None and self._own.holds(given)

    def __call__(self, path: str) -> bool:
        if not self.holds(path):
            return False
        if not self._said:
            words = "%s: left out, because it holds results of runs"
            logger.info(words, printable(path))
        self._said = True
        return True


def find(
    inputs: Sequence[str],
    kinds: Collection[DocumentKind],
    own: NoInputs | None = None,
    *,
    folders: bool = False,
) -> Iterator[Document | Refused]:
    """The documents of the given kinds among `inputs`, each once, lazily and always in the same order.

    With `folders` the images of a folder that is read completely are one document; those chosen by a name or
    a glob of names stay documents of their own.

    An input is a file, a folder (read recursively), a glob (`**` for any depth) or `-` for a list of them on
    stdin, one a line. Below folders and globs other kinds of files are passed over; given by name they are
    refused. An input that yields nothing at all is refused. What is in `own` is left out wherever it is met,
    with one line in the log. Raises nothing for a bad input.
    """
    leave_out = _LeaveOut(own)
    suffixes = {suffix: kind for kind in kinds for suffix in SUFFIXES[kind]}
    seen = DigestTable()
    for given in _expand_stdin(inputs):
        nothing = True
        for found in _one_input(given, suffixes, leave_out, folders=folders):
            nothing = False
            if isinstance(found, Refused) or seen.add(digest(found.url or os.path.realpath(found.path))):
                yield found
        if nothing and (urls.is_url(given) or not leave_out.holds(given)):
            yield Refused(
                given, f"nothing to read there (looked for {_list(suffixes)}){_others(given, suffixes, own)}"
            )


def _expand_stdin(inputs: Iterable[str]) -> Iterator[str]:
    for given in inputs:
        if given != STDIN:
            yield given
            continue
        for line in sys.stdin.buffer:
            if name := line.rstrip(b"\n"):
                yield os.fsdecode(name)


def _one_input(
    given: str, suffixes: dict[str, DocumentKind], leave_out: _LeaveOut, *, folders: bool = False
) -> Iterator[Document | Refused]:
    if urls.is_url(given):
        try:
            yield from _in_store(given, suffixes, leave_out, folders=folders)
        except (InputError, UsageError) as error:
            yield Refused(given, str(error).removeprefix(f"{given}: "))
        return
    given = urls.local_path(given)
    try:
        path = given if os.path.lexists(given) else str(Path(given).expanduser())
        if not given:
            yield Refused(given, "an empty name")
        elif Path(path).is_dir():
            yield from _below(path, EVERYTHING, suffixes, leave_out, folders=folders)
        elif has_magic(path) and not os.path.lexists(path):
            yield from _below(*split_glob(path), suffixes, leave_out, folders=folders)
        elif not leave_out(path):
            yield _file(given, path, Path(path).name, suffixes)
    except (ValueError, RuntimeError):  # a NUL in the name; `~someone` who does not exist
        yield Refused(given, "not a valid path")
    except OSError as error:
        yield Refused(given, f"cannot be looked at: {error.strerror}")


def _in_store(
    given: str, suffixes: dict[str, DocumentKind], leave_out: _LeaveOut, *, folders: bool
) -> Iterator[Document | Refused]:
    inside = leave_out.holds(given)
    found = (one for one in remote.find(given, suffixes) if inside or not leave_out(one.url))
    if not folders or has_magic(given):
        return found
    name = PurePosixPath(given).name
    return gathered(((one, _is_image(one) and str(one.relative) != name) for one in found), given, Refused)


def _below(
    root: str,
    pattern: tuple[str, ...],
    suffixes: dict[str, DocumentKind],
    leave_out: _LeaveOut,
    *,
    folders: bool,
) -> Iterator[Document | Refused]:
    found = _each_below(root, pattern, suffixes, leave_out)
    if not folders:
        return (item for item, _ in found)
    return gathered(((item, whole and _is_image(item)) for item, whole in found), root, Refused)


def _is_image(item: Document | Refused) -> bool:
    return isinstance(item, Document) and item.kind is DocumentKind.IMAGE


def _each_below(
    root: str, pattern: tuple[str, ...], suffixes: dict[str, DocumentKind], leave_out: _LeaveOut
) -> Iterator[tuple[Document | Refused, bool]]:
    """What there is, and whether its folder is read completely."""
    for found in walk(root, pattern, leave_out):
        if _wanted(found, suffixes) and not leave_out(found.path):
            if found.problem:
                yield Refused(found.path, found.problem), found.in_whole_folder
            else:
                yield _file(found.path, found.path, found.relative, suffixes), found.in_whole_folder


def is_folder(given: str) -> bool:
    """Whether a path is a folder, or a URL has no suffix of a file that is read."""
    if urls.is_url(given):
        return not any(_suffix(given) in suffixes for suffixes in SUFFIXES.values())
    return Path(urls.local_path(given)).is_dir()


def folder_at(given: str) -> Document | None:
    """The images right in a folder as one document, as `find` gives it; None where there are none."""
    found = find([given], {DocumentKind.IMAGE}, folders=True)
    return next((one for one in found if isinstance(one, Document) and one.given == given), None)


def _wanted(found: Found, suffixes: dict[str, DocumentKind]) -> bool:
    return (found.is_folder and bool(found.problem)) or _suffix(found.path) in suffixes


def _file(given: str, path: str, relative: str, suffixes: dict[str, DocumentKind]) -> Document | Refused:
    try:
        status = Path(path).stat()
    except OSError as error:
        return Refused(given, "no such file or folder" if _missing(error) else str(error.strerror))
    reason = _refusal(path, status.st_mode, suffixes)
    if reason:
        return Refused(given, reason)
    kind = suffixes[_suffix(path)]
    where = Path(path).absolute()
    return Document(given, where, PurePosixPath(relative), kind, status.st_size, status.st_mtime_ns)


def _refusal(path: str, mode: int, suffixes: dict[str, DocumentKind]) -> str:
    for is_special, reason in _SPECIAL_FILES:
        if is_special(mode):
            return reason
    if _suffix(path) not in suffixes:
        return f"not a kind of file this command reads ({_list(suffixes)}){_other_command(path)}"
    if not os.access(path, os.R_OK):
        return "no permission to read it"
    return ""


def _others(given: str, suffixes: Collection[str], own: NoInputs | None) -> str:
    """What else there is in a folder or glob without anything for this command."""
    elsewhere = {suffix: kind for kind in SUFFIXES for suffix in SUFFIXES[kind] if suffix not in suffixes}
    if urls.is_url(given):
        return ""
    documents = (item for item in _one_input(given, elsewhere, _LeaveOut(own)) if isinstance(item, Document))
    return next((_other_command(str(document.path)) for document in documents), "")


def _other_command(path: str) -> str:
    """Where a file of another kind should go; the empty string for what no command reads."""
    kind = next((kind for kind in SUFFIXES if _suffix(path) in SUFFIXES[kind]), None)
    return f"; {READERS[kind]}" if kind else ""


def _missing(error: OSError) -> bool:
    return isinstance(error, FileNotFoundError | NotADirectoryError)


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _list(suffixes: Iterable[str]) -> str:
    return " ".join(sorted(suffixes))
