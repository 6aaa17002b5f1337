"""What all layouts share: one document's folder, its page records, its stored raw texts, its stale files."""

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from ocr_engine.errors import OutputError
from ocr_engine.formats import LAYOUTS
from ocr_engine.log import printable
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.files import (
    output_errors,
    remove_temporaries,
    sync_folders,
    write_all_atomic,
)
from ocr_engine.outputs.jsonl import Position
from ocr_engine.outputs.names import HIDDEN
from ocr_engine.outputs.page_store import NAME as STORE_NAME
from ocr_engine.outputs.page_store import ContentOf, PageStore
from ocr_engine.records import Fingerprint, PageRecord, PageStatus, PageTexts, page_stem


class JoinPages(Protocol):
    """What makes one document of pages. Goes through the records it is given more than once."""

    def __call__(self, records: Iterable[PageRecord]) -> Iterator[tuple[PageRecord, str | None]]:
        """Each page with its text for the merged file; None where that of its own file will do."""

    def contents(self, records: Iterable[PageRecord]) -> str:
        """What stands at the top of the merged file, as markdown."""


_RAW_TEXTS = {"": "pages", HIDDEN: HIDDEN}
"""Where `pages.jsonl` may be -> where the raw texts are then."""


def records_path(folder: Path, layout: str) -> Path:
    """Where a layout has the `pages.jsonl` of the document in `folder`."""
    return folder / (HIDDEN if LAYOUTS[layout].hidden_records else "") / STORE_NAME


Files = Mapping[str, bytes | str | None]
"""Files by their names below a document's folder; None where one has to go."""


@dataclass(frozen=True, slots=True)
class ReadyPage:
    """A page whose texts are made and whose figures are cut."""

    record: PageRecord
    texts: PageTexts
    drawn: DrawnPage | None = None


class PageWriter(Protocol):
    """Writes the pages of one document in any order, then what is made of all of them."""

    @property
    def records(self) -> Path:
        """Its `pages.jsonl`."""

    @property
    def made(self) -> tuple[Path, ...]:
        """What `merge` writes besides, or takes away."""

    @property
    def merged(self) -> bool:
        """Whether that is there where it is wanted, and not where it is not."""

    def save_pages(self, pages: Sequence[ReadyPage]) -> list[tuple[str, ...]]:
        """Write pages, take away what earlier attempts left; returns each page's paths below the root.

        No page is given twice. All is on disk when this returns. Raises OutputError.
        """

    def stored(self, page: int, fingerprint: str) -> tuple[PageRecord, str] | None:
        """Record and raw text of a page (1-based), in whatever layout it was written.

        None where there is no raw text of the reading that `fingerprint` names.
        """

    def unmerge(self) -> None:
        """Take away what is made of all pages: out of date, it must not pass for done. Raises OutputError."""

    def drop_other_content(self, content_of: ContentOf) -> tuple[int, ...]:
        """Take away pages (1-based) that were read from other bytes than these; returns them.

        `content_of` gives the hash of the bytes that a page is read from; "" where there is no such page.

        Raises OutputError.
        """

    def merge(self) -> tuple[str, ...]:
        """Write what is made of all pages; returns paths below the root. Raises OutputError."""


class DocumentFolder:
    """One document's folder below the output root. Pages are numbered from 1."""

    def __init__(self, root: Path, folder: PurePosixPath, hidden: str, subfolders: tuple[str, ...]) -> None:
        """`hidden` is the subfolder of `pages.jsonl` and the raw texts, `subfolders` are those written to."""
        self.path = root / folder
        self.store = PageStore(self.path / hidden)
        self._hidden = hidden
        self._folder = folder
        self._subfolders = subfolders
        self._swept = False
        self._positions: dict[str, dict[int, Position]] = {}

    def write(self, files: Files) -> tuple[str, ...]:
        """Write files atomically, take those with None away; returns the paths written, below the root."""
        self._sweep()
        write_all_atomic([(self.path / name, data) for name, data in files.items() if data is not None])
        for name, data in files.items():
            if data is None:
                self._unlink(name)
        folders = {(self.path / name).parent for name in files}
        sync_folders(folder for folder in folders if folder.is_dir())
        return self._written(files)

    def write_pages(self, pages: Sequence[Files]) -> list[tuple[str, ...]]:
        """Write the files of several pages as those of one, so that they share what waits for the disk."""
        self.write({name: data for files in pages for name, data in files.items()})
        return [self._written(files) for files in pages]

    def _written(self, files: Files) -> tuple[str, ...]:
        return tuple(self.below_root(name) for name, data in files.items() if data is not None)

    @property
    def records(self) -> Path:
        """Its `pages.jsonl`."""
        return self.path / self._hidden / STORE_NAME

    def below_root(self, name: str) -> str:
        """The path of a file of this folder, below the root, with `/`."""
        return str(self._folder / name)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there; on disk when this returns."""
        if self._unlink(name):
            sync_folders([(self.path / name).parent])

    def _unlink(self, name: str) -> bool:
        path = self.path / name
        with output_errors(path), contextlib.suppress(FileNotFoundError):
            path.unlink()
            return True
        return False

    def remove_numbered(self, pattern: str, first: int) -> None:
        """Take away `pattern.format(k)` for k = first, first + 1, ... up to the first gap.

        From the last one down: cut off in the middle, it leaves no gap that would hide the rest.
        """
        last = first
        while (self.path / pattern.format(last)).exists():
            last += 1
        for k in range(last - 1, first - 1, -1):
            self.remove(pattern.format(k))

    def remove_stale(
        self, pattern: str, suffixes: tuple[str, ...], count: int, written: Collection[str]
    ) -> None:
        """Take away `pattern.format(k)` with any suffix, save what was just `written` (paths below the root).

        For k = 1 to `count`, and on to the first k without any file; from the last one down, as above.
        """
        last = count
        while any((self.path / f"{pattern.format(last + 1)}{suffix}").exists() for suffix in suffixes):
            last += 1
        for k in range(last, 0, -1):
            for suffix in suffixes:
                name = f"{pattern.format(k)}{suffix}"
                if self.below_root(name) not in written:
                    self.remove(name)

    def read(self, name: str) -> str | None:
        """The text of a file, None when it is not there. Raises OutputError when it cannot be read."""
        path = self.path / name
        try:
            return path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{printable(str(path))}: cannot be read: {error.strerror}") from error

    def stored(self, page: int, fingerprint: str) -> tuple[PageRecord, str] | None:
        """Record and raw text of the reading that a page's fingerprint names, of this layout or another's.

        Builds light indexes once; records written later are not in them.
        """
        read = Fingerprint.parse(fingerprint).read
        for hidden in sorted(_RAW_TEXTS, key=lambda hidden: hidden != self._hidden):
            record = self._record(hidden, page)
            if record is None or Fingerprint.parse(record.fingerprint).read != read:
                continue
            if (raw := self.read(f"{_RAW_TEXTS[hidden]}/{page_stem(page)}.raw.md")) is not None:
                return record, raw
        return None

    def _record(self, hidden: str, page: int) -> PageRecord | None:
        store = self.store if hidden == self._hidden else PageStore(self.path / hidden)
        if hidden not in self._positions:
            self._positions[hidden] = store.positions()
        position = self._positions[hidden].get(page)
        return next(store.iterate({page: position}), None) if position else None

    def compact(self) -> dict[int, Position]:
        """Bring `pages.jsonl` into page order."""
        self._positions[self._hidden] = self.store.compact()
        return self._positions[self._hidden]

    def drop(self, pages: Mapping[int, Iterable[str]]) -> tuple[int, ...]:
        """Take away pages: the files named for each, then their records."""
        for names in pages.values():
            self.write(dict.fromkeys(names))
        if pages:
            self.store.drop(pages)
            self._positions.pop(self._hidden, None)
        return tuple(pages)

    def _sweep(self) -> None:
        """Before the first write: make the records' file, remove what a killed run left half-written.

        A folder with records is ours: a run that is killed before its first journal line finds it again.
        """
        if not self._swept:
            self.store.open()
            for subfolder in ("", *self._subfolders):
                remove_temporaries(self.path / subfolder)
            self._swept = True


class PageSaver(ABC):
    """The part of every `PageWriter` that writes pages: a layout says which files they have."""

    _files: DocumentFolder

    @abstractmethod
    def page_files(self, page: ReadyPage) -> Files:
        """All files of a page, also those that it has not: they are taken away."""

    @abstractmethod
    def tidy(self, page: ReadyPage, written: tuple[str, ...]) -> None:
        """Take away numbered files that an earlier attempt at the page left; `written` are those of now."""

    def save_page(self, record: PageRecord, texts: PageTexts, drawn: DrawnPage | None) -> tuple[str, ...]:
        """Write one page."""
        return self.save_pages([ReadyPage(record, texts, drawn)])[0]

    def save_pages(self, pages: Sequence[ReadyPage]) -> list[tuple[str, ...]]:
        """The pages' files, then their records: a record on disk says that its files are."""
        outputs = self._files.write_pages([self.page_files(page) for page in pages])
        for page, written in zip(pages, outputs, strict=True):
            self.tidy(page, written)
        self._files.store.append(*(page.record for page in pages))
        return outputs


def marker(record: PageRecord) -> str:
    """A comment for a page that is not simply done, safe whatever the reason holds; else the empty string."""
    if record.status is PageStatus.DONE:
        return ""
    reason = re.sub("-(?=-)", "- ", printable(" ".join(record.reason.split())))
    return f"<!-- page {record.page}: {record.status}{f': {reason}' if reason else ''} -->"


def keeps_raw(record: PageRecord, texts: PageTexts) -> bool:
    """Whether there is raw text to keep: also an empty one, of a page that was read and is blank."""
    return bool(texts.raw) or record.status.has_text
