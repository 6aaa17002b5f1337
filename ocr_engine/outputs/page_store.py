"""`pages.jsonl` of one document: its page records, as lines. Holds no times: equal runs give equal bytes."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.outputs.files import atomic_file, make_folders, output_errors, sync_all, sync_folders
from ocr_engine.outputs.jsonl import JsonLines, Position
from ocr_engine.outputs.record_lines import RecordLine, digest, from_line
from ocr_engine.outputs.stored_record import StoredRecord, stored_record
from ocr_engine.records import PageRecord

NAME = "pages.jsonl"
ContentOf = Callable[[int], str]
"""Of a page, 1-based, the hash of the bytes that it is read from now; "" where it is no more."""


class PageStore:
    """The records of one document's pages. The last line of a page counts."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the document's; raises OutputError when `pages.jsonl` is not a file there."""
        self._lines = JsonLines(folder / NAME)

    @property
    def lines(self) -> JsonLines:
        """The file."""
        return self._lines

    def append(self, *records: PageRecord) -> None:
        """Write records; they are on disk when this returns. Raises OutputError."""
        append_together([(self, b"".join(RecordLine.of(record).data for record in records))])

    def positions(self) -> dict[int, Position]:
        """Where each page's last record is, by page number in order: a light index of the file."""
        return dict(sorted((found.page, position) for position, found, _ in self._records()))

    def digests(self) -> dict[int, tuple[str, str]]:
        """The digest of each page's last line, and the fingerprint in it."""
        return {found.page: (digest(line), found.fingerprint) for _, found, line in self._records()}

    def _records(self) -> Iterator[tuple[Position, StoredRecord, bytes]]:
        for position, line in self._lines.lines():
            if (found := stored_record(line)) is not None:
                yield position, found, line

    def at(self, positions: Mapping[int, Position]) -> "StoredPages":
        """The records at these positions, to go through any number of times."""
        return StoredPages(self, positions)

    def iterate(self, positions: Mapping[int, Position]) -> Iterator[PageRecord]:
        """The records at these positions, one at a time."""
        for line in self._lines.read(positions.values()):
            record = from_line(line)
            if record is not None:
                yield record

    def compact(self) -> dict[int, Position]:
        """Rewrite the file with one line a page, in page order, and return the new positions.

        Raises OutputError.
        """
        positions = self.positions()
        if self._is_compact(positions):
            return positions
        self._rewrite(positions)
        return positions

    def _rewrite(self, positions: dict[int, Position]) -> None:
        """Write these lines in this order; `positions` then says where each is, in the memory it has."""
        self._lines.close()
        path, end = self._lines.path, 0
        with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
            for page, line in zip(positions, self._lines.read(positions.values()), strict=True):
                file.write(line)
                positions[page] = (end, len(line))
                end += len(line)

    def of_other_content(self, content_of: ContentOf) -> tuple[int, ...]:
        """Pages whose last record was read from other bytes than these."""
        last = {found.page: found.content_id for _, found, _ in self._records()}
        return tuple(
            sorted(page for page, read_from in last.items() if read_from not in ("", content_of(page)))
        )

    def drop(self, pages: Collection[int]) -> None:
        """Rewrite the file without these pages. Raises OutputError."""
        self._rewrite({page: at for page, at in self.positions().items() if page not in pages})

    def _is_compact(self, positions: Mapping[int, Position]) -> bool:
        end = 0
        for offset, length in positions.values():
            if offset != end:
                return False
            end = offset + length
        return end == (self._lines.path.stat().st_size if self._lines.path.exists() else 0)


def open_together(stores: Sequence[PageStore]) -> None:
    """Make the files of stores where there are none; on disk when this returns. Raises OutputError."""
    make_folders(store.lines.path.parent for store in stores)
    made = [store.lines.path.parent for store in stores if store.lines.make()]
    sync_folders(made)


def append_together(work: Sequence[tuple[PageStore, bytes]]) -> None:
    """Append lines to several stores, whose syncs are one wait. On disk when this returns.

    Raises OutputError. What was appended may then be there: records of pages whose files are.
    """
    try:
        for store, lines in work:
            store.lines.append_line(lines, durable=False)
        sync_all([(store.lines.handle, store.lines.path) for store, _ in work])
    finally:
        for store, _ in work:
            store.lines.close()  # a run has many documents open, and each append may be the last


@dataclass(frozen=True, slots=True)
class StoredPages:
    """Records of a store in order; each pass reads them anew, one at a time."""

    store: PageStore
    positions: Mapping[int, Position]

    def __iter__(self) -> Iterator[PageRecord]:
        return self.store.iterate(self.positions)
