"""A folder of images as one document: its files gathered in natural order, each opened on its own.

A file that cannot be opened keeps its place, as a page that says why.
"""

import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ocr_engine.errors import InputError
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageFile

Other = TypeVar("Other")
MAX_FILES = 100_000
"""Files of one folder that are one document; their names are held in memory to be sorted."""
_AHEAD = 16
"""Files of a folder that are opened at one time: pages of other documents wait behind no more."""
_NUMBER = re.compile(r"([0-9]+)")
_BACKEND = "pillow"


@dataclass(slots=True)
class _Folder:
    """A folder of which more files may come."""

    given: str
    files: list[Document] = field(default_factory=list)
    count: int = 0

    def add(self, file: Document) -> None:
        self.count += 1
        if self.count <= MAX_FILES:
            self.files.append(file)


def gathered(
    found: Iterable[tuple[Document | Other, bool]], root: str, refuse: Callable[[str, str], Other]
) -> Iterator[Document | Other]:
    """Images that belong to a folder (True) as one document a folder, the others as they come.

    `found` goes through folders depth first; a folder is given out once its last file was seen. The folder
    `root` itself is called by its own name. `refuse` makes what stands for a folder, as given, with a reason.
    """
    open_folders: list[_Folder] = []
    for item, belongs in found:
        if not belongs or not isinstance(item, Document):
            yield item
            continue
        folder = _parent(item.given)
        while open_folders and not _is_within(folder, open_folders[-1].given):
            yield _ended(open_folders.pop(), root, refuse)
        if not open_folders or open_folders[-1].given != folder:
            open_folders.append(_Folder(folder))
        open_folders[-1].add(item)
    while open_folders:
        yield _ended(open_folders.pop(), root, refuse)


def _ended(folder: _Folder, root: str, refuse: Callable[[str, str], Other]) -> Document | Other:
    if folder.count <= MAX_FILES:
        return _document(folder.given, folder.files, root)
    return refuse(
        folder.given,
        f"{folder.count:,} images in one folder are more than one document may have ({MAX_FILES:,});"
        " spread them over subfolders, or use input.image_folders: files",
    )


def _parent(given: str) -> str:
    return given.rpartition("/")[0] or ("/" if given.startswith("/") else ".")


def _is_within(folder: str, other: str) -> bool:
    return f"{folder}/".startswith(f"{other.rstrip('/')}/")


def _document(given: str, unsorted: Iterable[Document], root: str) -> Document:
    files = tuple(sorted(unsorted, key=lambda file: natural_order(file.relative.name)))
    first = files[0]
    relative = first.relative.parent
    if relative == PurePosixPath():
        relative = PurePosixPath(Path(root.rstrip("/") or "/").absolute().resolve().name or "images")
    facts = "\0".join(f"{file.relative.name}\0{file.size_bytes}\0{_state(file)}" for file in files)
    return Document(
        given=given,
        path=first.path.parent,
        relative=relative,
        kind=DocumentKind.FOLDER,
        size_bytes=sum(file.size_bytes for file in files),
        mtime_ns=max(file.mtime_ns for file in files),
        url=_parent(first.url) if first.url else "",
        version=_hash(facts),
        files=files,
    )


def natural_order(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """What names are sorted by so that numbers in them count: `2.png` before `10.png`, `a` before `B`."""
    return [_part(part) for part in _NUMBER.split(name.casefold()) if part], name


def _part(text: str) -> tuple[bool, int, str]:
    is_number = _NUMBER.fullmatch(text) is not None
    return not is_number, int(text) if is_number else 0, text


def open_folder(
    folder: Document, open_file: Callable[[Document], "Future[OpenedDocument]"], max_pages: int
) -> "Future[OpenedDocument]":
    """Open a folder's files, a few at a time, up to `max_pages` pages.

    The future's document has no `files`: each page has its own. It raises what `open_file` raises, but for
    InputError, which is the page's.
    """
    outer: Future[OpenedDocument] = Future()

    def work() -> None:
        outer.set_running_or_notify_cancel()
        try:
            outer.set_result(_opened(folder, open_file, max_pages))
        except Exception as error:  # noqa: BLE001 - belongs to the one who waits
            outer.set_exception(error)

    threading.Thread(target=work, name="folder", daemon=True).start()
    return outer


def _opened(
    folder: Document, open_file: Callable[[Document], "Future[OpenedDocument]"], max_pages: int
) -> OpenedDocument:
    pages: list[PageFile] = []
    claimed = seen = 0
    for file, future in _in_turn(folder.files, open_file):
        found, count = _pages(file, future)
        pages += found
        claimed, seen = claimed + count, seen + 1
        if len(pages) >= max_pages:
            break
    claimed += len(folder.files) - seen
    pages = pages[:max_pages]
    content_id = _hash("\0".join(f"{page.name}\0{page.content_id}\0{page.frame}" for page in pages))
    lean = replace(folder, files=())
    return OpenedDocument(lean, content_id, len(pages), _BACKEND, claimed, files=tuple(pages))


def _in_turn(
    files: Iterable[Document], open_file: Callable[[Document], "Future[OpenedDocument]"]
) -> "Iterator[tuple[Document, Future[OpenedDocument]]]":
    left = iter(files)
    waiting = deque((file, open_file(file)) for file in islice(left, _AHEAD))
    while waiting:
        yield waiting.popleft()
        waiting += ((file, open_file(file)) for file in islice(left, 1))


def _pages(file: Document, future: "Future[OpenedDocument]") -> tuple[list[PageFile], int]:
    """The pages of a file, and how many it claims."""
    name = file.relative.name
    try:
        opened = future.result()
    except InputError as error:
        unread = _hash(f"{name}\0{file.size_bytes}\0{_state(file)}")
        return [PageFile(file, unread, name=name, problem=str(error))], 1
    frames = range(opened.page_count)
    several = opened.claimed_pages > 1
    names = (f"{name} frame {frame + 1}" if several else name for frame in frames)
    pages = [
        PageFile(file, opened.content_id, frame, called) for frame, called in zip(frames, names, strict=True)
    ]
    return pages, opened.claimed_pages


def _state(file: Document) -> str:
    return file.version or str(file.mtime_ns)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
