"""Writes pages and makes their journal lines: a pure job on folders, for this process or one of its own."""

import pickle
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from ocr_engine.config import Config
from ocr_engine.outputs.checksums import Seen, seen
from ocr_engine.outputs.document_folder import ReadyPage, keeps_raw
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.journal import RECORD, line_of
from ocr_engine.outputs.page_writer import PageWriter, SavedPage, save_together
from ocr_engine.outputs.record_lines import facts_of
from ocr_engine.outputs.writer import open_writer
from ocr_engine.processes.sealed import Sealed
from ocr_engine.reading.texts import chars_of, page_joiner
from ocr_engine.records import JournalRow, PageRecord

_MERGED_TOGETHER = 8
_WRITERS_KEPT = 1_000
"""Documents whose folders need no second look when further pages come."""


@dataclass(frozen=True)
class PageToSave:
    """A page that is to be written, and what its journal line says besides."""

    given: str
    content_id: str
    folder: PurePosixPath
    """Its document's, below the output folder."""
    document_name: str
    ready: Sealed[ReadyPage]
    """Without what was drawn."""
    drawn: DrawnPage | None
    seconds: dict[str, float]
    tokens_a_step: float = 0.0
    same_as: str = ""
    """Both as in `ReadPage`."""

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        drawn = self.drawn
        pictures = sum(len(data) for _, data in (*drawn.figures, *drawn.cards)) if drawn else 0
        sheets = sum(len(data or b"") for data in (drawn.overlay, drawn.page)) if drawn else 0
        return pictures + sheets + (self.ready.nbytes or 4 * len(self.ready.opened().texts.raw))

    def page(self) -> ReadyPage:
        """All of it."""
        return replace(self.ready.opened(), drawn=self.drawn)


@dataclass(frozen=True, slots=True)
class EndedDocument:
    """A document of which all pages are written, and what is made of them is to be."""

    folder: PurePosixPath
    """Below the output folder."""
    name: str
    nbytes = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: a journal line for each page; of each document the looks at what was made of it."""

    lines: list[bytes]
    made: list[list[Seen] | Exception]
    """In the place of a document that met an error, that."""


class PageFiles:
    """The files of documents below one output folder. Not for two processes at one time."""

    def __init__(self, root: Path, config: Config) -> None:
        self._root = root
        self._config = config
        self._writers: OrderedDict[PurePosixPath, PageWriter] = OrderedDict()

    def write(self, pages: Sequence[PageToSave], ended: Sequence[EndedDocument] = ()) -> Written:
        """Write pages, and what is made of documents; on disk when this returns. Raises OutputError."""
        try:
            return Written(self._lines(pages), self._made(ended))
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Keep nothing of what is known of folders: another process writes to them."""
        self._writers.clear()

    def _lines(self, pages: Sequence[PageToSave]) -> list[bytes]:
        places: dict[PurePosixPath, list[int]] = defaultdict(list)
        for place, page in enumerate(pages):
            places[page.folder].append(place)
        work = [
            (self._writer(folder, pages[some[0]].document_name), [pages[place].page() for place in some])
            for folder, some in places.items()
        ]
        lines = [b""] * len(pages)
        for some, saved in zip(places.values(), save_together(work), strict=True):
            for place, one in zip(some, saved, strict=True):
                lines[place] = line_of(journal_row(pages[place], one))
        return lines

    def _made(self, ended: Sequence[EndedDocument]) -> list[list[Seen] | Exception]:
        writers = [self._writer(document.folder, document.name) for document in ended]
        if len(writers) < 2:
            return [self._merged(writer) for writer in writers]
        return list(_merging().map(self._merged, writers))

    def _merged(self, writer: PageWriter) -> list[Seen] | Exception:
        try:
            writer.merge()
            return [seen(self._root, path) for path in (writer.records, *writer.made)]
        except Exception as error:  # noqa: BLE001 - belongs to the document that it is about
            return error

    def _writer(self, folder: PurePosixPath, document_name: str) -> PageWriter:
        writer = self._writers.pop(folder, None) or open_writer(
            self._root, folder, self._config.output, document_name, page_joiner(self._config)
        )
        self._writers[folder] = writer
        if len(self._writers) > _WRITERS_KEPT:
            self._writers.popitem(last=False)
        return writer


@cache
def _merging() -> ThreadPoolExecutor:
    """Threads that share their waits for the disk."""
    return ThreadPoolExecutor(_MERGED_TOGETHER, thread_name_prefix="merge")


@cache
def _files_here(root: Path, config: bytes) -> PageFiles:
    return PageFiles(root, pickle.loads(config))  # noqa: S301 - of this run's own process


def write_here(
    root: Path, config: bytes, pages: Sequence[PageToSave], ended: Sequence[EndedDocument]
) -> Written:
    """`PageFiles.write` for a process that writes for one run and nothing else; `config` is pickled."""
    return _files_here(root, config).write(pages, ended)


def journal_row(page: PageToSave, saved: SavedPage) -> JournalRow:
    """The journal row of a page, written after its files."""
    ready = page.ready.opened()
    record, texts = ready.record, ready.texts
    return JournalRow(
        document=page.given,
        page=record.page,
        status=record.status,
        reason=record.reason,
        fingerprint=record.fingerprint,
        outputs=saved.outputs,
        folder=str(page.folder),
        attempts=record.attempts,
        seconds={stage: round(value, 4) for stage, value in page.seconds.items()},
        extra={
            "mode": record.mode,
            "chars": chars_of(texts),
            "vision_tokens": record.vision_tokens,
            "text_tokens": record.text_tokens,
            **({} if record.recall is None else {"recall": record.recall}),
            **({"suspect": record.suspect} if record.suspect or record.recall is not None else {}),
            **({"mode_reason": record.mode_reason} if record.mode_reason else {}),
            **({"renderer": record.renderer} if record.renderer else {}),
            **({"from_text_layer": True} if record.from_text_layer else {}),
            **({"tokens_a_step": round(page.tokens_a_step, 2)} if page.tokens_a_step else {}),
            **({"same_as": page.same_as} if page.same_as else {}),
            **({"second": record.second.letters} if record.second else {}),
            **_tables_again(record),
            **({"confidence": record.confidence.page.mean} if record.confidence else {}),
            "ended": round(time.time(), 1),
            "content_id": page.content_id,
            RECORD: facts_of(record, saved.line, texts.raw if keeps_raw(record, texts) else None),
        },
    )


def _tables_again(record: PageRecord) -> dict[str, int]:
    """How many tables were read again alone, and of how many that took the first reading's place."""
    if not (again := record.table_readings):
        return {}
    return {"tables_again": len(again), "tables_replaced": sum(table.replaced for table in again)}
