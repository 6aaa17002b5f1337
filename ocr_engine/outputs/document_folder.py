"""What all layouts share: one document's folder, its page records, its stored raw texts, its stale files."""

import contextlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from ocr_engine.errors import OutputError
from ocr_engine.formats import LAYOUTS
from ocr_engine.log import printable
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.files import TEMPORARY_SUFFIX, output_errors, sync_folders, write_all_atomic
from ocr_engine.outputs.jsonl import Position
from ocr_engine.outputs.names import HIDDEN
from ocr_engine.outputs.page_store import NAME as STORE_NAME
from ocr_engine.outputs.page_store import PageStore, open_together
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


_NO_NAMES: frozenset[str] = frozenset()
Files = Mapping[str, bytes | str | None]
"""Files by their names below a document's folder; None where one has to go."""


@dataclass(frozen=True)
class ReadyPage:
    """A page whose texts are made and whose figures are cut."""

    record: PageRecord
    texts: PageTexts
    drawn: DrawnPage | None = None


class DocumentFolder:
    """One document's folder below the output root. Pages are numbered from 1."""

    def __init__(self, root: Path, folder: PurePosixPath, hidden: str, subfolders: tuple[str, ...]) -> None:
        """`hidden` is the subfolder of `pages.jsonl` and the raw texts, `subfolders` are those written to."""
        self.path = root / folder
        self.store = PageStore(self.path / hidden)
        self._hidden = hidden
        self._folder = folder
        self._subfolders = subfolders
        self.begun = False
        """Whether this has written to it."""
        self._names: dict[str, frozenset[str]] = {}
        """Of each subfolder, what was in it before this run wrote to it."""
        self._positions: dict[str, dict[int, Position]] = {}

    def write(self, files: Files) -> tuple[str, ...]:
        """Write files atomically, take those with None away; returns the paths written, below the root."""
        write_together([(self, files)])
        return self.written(files)

    def written(self, files: Files) -> tuple[str, ...]:
        """Of files that are written or taken away: the paths of the first, below the root."""
        return tuple(self.below_root(name) for name, data in files.items() if data is not None)

    def sweep(self) -> None:
        """Remove what a killed run left half-written."""
        for subfolder in ("", *self._subfolders):
            for name in self._names_in(subfolder):
                if name.startswith(".") and name.endswith(TEMPORARY_SUFFIX):
                    with contextlib.suppress(OSError):
                        (self.path / subfolder / name).unlink()

    def look_again(self) -> None:
        """Forget which files there are: those of pages that are written a second time are new."""
        self._names.clear()

    @property
    def records(self) -> Path:
        """Its `pages.jsonl`."""
        return self.path / self._hidden / STORE_NAME

    def below_root(self, name: str) -> str:
        """The path of a file of this folder, below the root, with `/`."""
        return f"{self._folder}/{name}"

    def remove(self, name: str) -> None:
        """Take a file away, if it is there; on disk when this returns."""
        if self.unlink(name):
            sync_folders([(self.path / name).parent])

    def unlink(self, name: str) -> bool:
        """Take a file away; returns whether it was there."""
        path = self.path / name
        with output_errors(path), contextlib.suppress(FileNotFoundError):
            path.unlink()
            return True
        return False

    def holds(self, name: str) -> bool:
        """Whether a file was there when this folder was first looked into.

        A page of a new document asks for a dozen files that are not there: one look is for all pages.
        """
        subfolder, _, last = name.rpartition("/")
        return last in self._names_in(subfolder)

    def _names_in(self, subfolder: str) -> frozenset[str]:
        if (names := self._names.get(subfolder)) is None:
            above, _, last = subfolder.rpartition("/")
            is_there = not subfolder or last in self._names_in(above)
            names = self._names[subfolder] = _names_in(self.path / subfolder) if is_there else _NO_NAMES
        return names

    def remove_numbered(self, pattern: str, first: int) -> None:
        """Take away `pattern.format(k)` for k = first, first + 1, ... up to the first gap.

        From the last one down: cut off in the middle, it leaves no gap that would hide the rest.
        """
        last = first
        while self.holds(pattern.format(last)):
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
        while any(self.holds(f"{pattern.format(last + 1)}{suffix}") for suffix in suffixes):
            last += 1
        for k in range(last, 0, -1):
            for suffix in suffixes:
                name = f"{pattern.format(k)}{suffix}"
                if self.holds(name) and self.below_root(name) not in written:
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


def _names_in(folder: Path) -> frozenset[str]:
    with output_errors(folder), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names are what is asked for
    return _NO_NAMES


def _begin(folders: Iterable[DocumentFolder]) -> None:
    """Before the first write to each: make the records' file, remove what a killed run left half-written.

    A folder with records is ours: a run that is killed before its first journal line finds it again.
    """
    fresh = [folder for folder in folders if not folder.begun]
    open_together([folder.store for folder in fresh])
    for folder in fresh:
        folder.sweep()
        folder.begun = True


def write_together(work: Sequence[tuple[DocumentFolder, Files]]) -> None:
    """Write files of several documents as those of one, so that they share what waits for the disk.

    Those with None are taken away. All is on disk when this returns. Raises OutputError.
    """
    files = [(folder, name, data) for folder, some in work for name, data in some.items()]
    _begin([folder for folder, _ in work])
    written = [(folder.path / name, data) for folder, name, data in files if data is not None]
    changed = write_all_atomic(written)
    for folder, name, data in files:
        if data is None and folder.holds(name) and folder.unlink(name):
            changed.add((folder.path / name).parent)
    sync_folders(changed)


def marker(record: PageRecord) -> str:
    """A comment for a page that is not simply done, safe whatever the reason holds; else the empty string."""
    if record.status is PageStatus.DONE:
        return ""
    reason = re.sub("-(?=-)", "- ", printable(" ".join(record.reason.split())))
    return f"<!-- page {record.page}: {record.status}{f': {reason}' if reason else ''} -->"


def keeps_raw(record: PageRecord, texts: PageTexts) -> bool:
    """Whether there is raw text to keep: also an empty one, of a page that was read and is blank."""
    return bool(texts.raw) or record.status.has_text
