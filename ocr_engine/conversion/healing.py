"""Finds page records that were lost or changed, and makes them again from the journal and stored raw text.

A journal row keeps a hash of its page's line in `pages.jsonl`, and the facts of the record that the raw
text does not tell. Neither model nor document is needed. A page whose raw text is gone too is read again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ocr_engine.layer.repair import replayed
from ocr_engine.log import logger, printable
from ocr_engine.outputs.checksums import Checksums
from ocr_engine.outputs.document_folder import records_path
from ocr_engine.outputs.journal import RECORD, Journal, Key
from ocr_engine.outputs.names import HIDDEN
from ocr_engine.outputs.page_store import NAME, PageStore
from ocr_engine.outputs.record_lines import digest_of_texts, lines_kept, rebuilt
from ocr_engine.reading.record import rewritten_record
from ocr_engine.records import JournalRow, PageRecord, page_stem

_MAX_RAW_BYTES = 64 << 20
Digests = Mapping[int, tuple[str, str]]
"""Of each page's line: its hash, and the fingerprint in it."""


@dataclass(slots=True)
class Healed:
    """Counts of what was mended."""

    documents: int = 0
    made: int = 0
    lost: int = 0
    first: str = ""

    def add(self, given: str, made: int, lost: int) -> None:
        """Count what was done to one document."""
        if made or lost:
            self.first = self.first or given
            self.documents, self.made, self.lost = self.documents + 1, self.made + made, self.lost + lost

    def say(self) -> None:
        """Log a line, if anything was mended."""
        if self.documents:
            logger.warning(
                "%s: page records of %s documents were missing or changed, first %s;"
                " %s are made again from stored text, %s pages are read again",
                NAME, f"{self.documents:,}", printable(self.first), f"{self.made:,}", f"{self.lost:,}",
            )  # fmt: skip


@dataclass(frozen=True)
class Healer:
    """Finds and mends the records of documents. Page numbers count from 1."""

    root: Path
    journal: Journal
    rows: Mapping[Key, JournalRow] = field(repr=False)
    """The last row of each page, from before this run."""
    healed: Healed = field(default_factory=Healed)

    def knows(self, given: str) -> bool:
        """Whether the journal has a row of the document from before this run."""
        return given in self._last_pages

    def lost(self, given: str, records: Path) -> set[int]:
        """Find pages whose records are gone or changed and cannot be made again. Writes nothing.

        `records` is where this run's layout has the document's `pages.jsonl`.
        """
        found = set()
        for path, rows in self._stores(given, records).items():
            there = PageStore(path.parent).digests()
            found |= {row.page for row, record in self._wrong(there, rows) if record is None and row.page}
        return found

    def heal(
        self, given: str, records: Path, selected: Collection[int] = (), page_count: int | None = None
    ) -> set[int]:
        """Make records again that are gone or changed; returns the pages for which that is impossible.

        The caller reads those that are `selected`. The others keep their slots, and the journal notes that
        they are to be read once they are asked for. Records of pages past `page_count` are removed. Raises
        OutputError.
        """
        made, lost = 0, set()
        for path, rows in self._stores(given, records).items():
            store = PageStore(path.parent)
            there = store.digests()
            for row, record in self._wrong(there, rows):
                if record is not None:
                    store.append(record)
                    made += 1
                elif row.page is not None:
                    lost.add(row.page)
                    if row.page not in selected:
                        self._give_up(store, row, keep_slot=row.page not in there)
            if strays := [page for page in there if self._is_stray(given, page, page_count)]:
                store.drop(strays)
            store.compact()
        self.healed.add(given, made, len(lost))
        return lost

    def _stores(self, given: str, records: Path) -> dict[Path, list[JournalRow]]:
        """Group the document's rows by the `pages.jsonl` that holds each one's record."""
        stores: dict[Path, list[JournalRow]] = defaultdict(list, {records: []})
        folder = records.parent.parent if records.parent.name == HIDDEN else records.parent
        for number in range(1, self._last_pages.get(given, 0) + 1):
            row = self.rows.get((given, number))
            if row is not None and row.outputs:
                stores[_store_of(folder, row)].append(row)
        return stores

    @cached_property
    def _last_pages(self) -> dict[str, int]:
        last: dict[str, int] = {}
        for document, page in self.rows:
            last[document] = max(page or 0, last.get(document, 0))
        return last

    def _wrong(
        self, there: Digests, rows: Sequence[JournalRow]
    ) -> Iterator[tuple[JournalRow, PageRecord | None]]:
        """Yield rows whose records are not as written, each with its record made again, if possible."""
        for bare in rows:
            row = self.journal.whole(bare)
            facts: dict[str, Any] = row.extra.get(RECORD, {})
            if row.page is not None and not _is_right(there.get(row.page), row, facts):
                yield row, self._made_again(row, facts)

    def _made_again(self, row: JournalRow, facts: Mapping[str, Any]) -> PageRecord | None:
        record = rebuilt(row, facts) if facts else None
        if record is None or "raw" not in facts:
            return record
        raw = self._text(row, f"{page_stem(record.page)}.raw.md")
        reads = tuple(
            replace(read, text=self._text(row, f"{PurePosixPath(read.name).stem}.raw.md"))
            for read in record.figure_texts
        )
        if digest_of_texts(raw, [read.text for read in reads]) != facts["raw"]:
            return None
        made = rewritten_record(replace(record, figure_texts=reads), raw, record.fingerprint)
        blocks, lines = replayed(made.blocks, record.text_repairs), lines_kept(facts)
        blocks = tuple(replace(block, lines=lines.get(at, ())) for at, block in enumerate(blocks))
        return replace(made, blocks=blocks, text_repairs=record.text_repairs, differences=record.differences)

    def _text(self, row: JournalRow, name: str) -> str:
        """Read a text that was written with the page; empty if there was none, or if it is gone."""
        found = next((self.root / path for path in row.outputs if path.endswith(f"/{name}")), None)
        try:
            if found is None or found.stat().st_size > _MAX_RAW_BYTES:
                return ""
            return found.read_bytes().decode("utf-8", "replace")
        except OSError:
            return ""

    def _give_up(self, store: PageStore, row: JournalRow, *, keep_slot: bool) -> None:
        """Leave a page that nobody asked for as it is, and record it as not read."""
        facts = row.extra.get(RECORD, {})
        extra = {key: value for key, value in row.extra.items() if key != RECORD}
        row = replace(row, fingerprint="", extra=extra)
        self.journal.append(row)
        slot = rebuilt(row, facts) or rebuilt(row, {})
        if keep_slot and slot is not None:
            store.append(slot)

    def _is_stray(self, given: str, page: int, page_count: int | None) -> bool:
        row = self.rows.get((given, page))
        return not row.outputs if row is not None else page_count is not None and page > page_count


def heal_all(
    root: Path, journal: Journal, layout: str, claims: Mapping[str, str], checksums: Checksums
) -> None:
    """Mend the records of all documents of a journal. `claims` are their folders.

    Raises OutputError.
    """
    paths = {records_path(root / folder, layout): given for folder, given in claims.items()}
    if odd := [path for path in paths if not checksums.hold(path)]:
        healer = Healer(root, journal, journal.latest())
        for path in odd:
            healer.heal(paths[path], path)
            checksums.put(path)
        healer.healed.say()


def _store_of(folder: Path, row: JournalRow) -> Path:
    """A page with files in the hidden folder has its record there too."""
    hidden = any(PurePosixPath(path).parent.name == HIDDEN for path in row.outputs)
    return folder / (HIDDEN if hidden else "") / NAME


def _is_right(there: tuple[str, str] | None, row: JournalRow, facts: Mapping[str, Any]) -> bool:
    if there is None:
        return False
    line, fingerprint = there
    if "line" in facts:
        return bool(line == facts["line"])
    return not row.fingerprint or fingerprint == row.fingerprint
