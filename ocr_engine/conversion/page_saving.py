"""Writes pages and makes their journal lines: a pure job on folders, for this process or one of its own."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from ocr_engine.config import OutputConfig
from ocr_engine.outputs.document_folder import PageWriter, ReadyPage, keeps_raw
from ocr_engine.outputs.drawing import DrawnPage
from ocr_engine.outputs.journal import RECORD, line_of
from ocr_engine.outputs.record_lines import facts_of
from ocr_engine.outputs.writer import open_writer
from ocr_engine.processes.sealed import Sealed
from ocr_engine.reading.texts import chars_of
from ocr_engine.records import JournalRow, PageRecord

_WRITERS_KEPT = 64
"""Documents whose folders need no second look when further pages come."""


@dataclass(frozen=True, slots=True)
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


class PageFiles:
    """The files of pages below one output folder. Not for two processes at one time."""

    def __init__(self, root: Path, config: OutputConfig) -> None:
        self._root = root
        self._config = config
        self._writers: OrderedDict[PurePosixPath, PageWriter] = OrderedDict()

    def write(self, pages: Sequence[PageToSave]) -> list[bytes]:
        """Write pages; returns their journal lines, in order, once all is on disk. Raises OutputError."""
        places: dict[PurePosixPath, list[int]] = defaultdict(list)
        for place, page in enumerate(pages):
            places[page.folder].append(place)
        lines = [b""] * len(pages)
        for folder, some in places.items():
            writer = self._writer(folder, pages[some[0]].document_name)
            ready = [pages[place].page() for place in some]
            for place, outputs in zip(some, writer.save_pages(ready), strict=True):
                lines[place] = line_of(journal_row(pages[place], outputs))
        return lines

    def _writer(self, folder: PurePosixPath, document_name: str) -> PageWriter:
        writer = self._writers.pop(folder, None) or open_writer(
            self._root, folder, self._config, document_name
        )
        self._writers[folder] = writer
        if len(self._writers) > _WRITERS_KEPT:
            self._writers.popitem(last=False)
        return writer


_files_here = cache(PageFiles)


def write_here(root: Path, config: OutputConfig, pages: Sequence[PageToSave]) -> list[bytes]:
    """`PageFiles.write` for a process that writes for one run and nothing else."""
    return _files_here(root, config).write(pages)


def journal_row(page: PageToSave, outputs: tuple[str, ...]) -> JournalRow:
    """The journal row of a page, written after its files."""
    ready = page.ready.opened()
    record, texts = ready.record, ready.texts
    return JournalRow(
        document=page.given,
        page=record.page,
        status=record.status,
        reason=record.reason,
        fingerprint=record.fingerprint,
        outputs=outputs,
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
            RECORD: facts_of(record, texts.raw if keeps_raw(record, texts) else None),
        },
    )


def _tables_again(record: PageRecord) -> dict[str, int]:
    """How many tables were read again alone, and of how many that took the first reading's place."""
    if not (again := record.table_readings):
        return {}
    return {"tables_again": len(again), "tables_replaced": sum(table.replaced for table in again)}
