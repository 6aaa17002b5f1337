"""Decides what a page still needs, from its last journal row. Reads no pixels, starts nothing."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from ocr_engine.records import JournalRow, PageStatus


class Plan(Enum):
    """What a page still needs."""

    NOTHING = auto()
    """It has its record and its files."""
    WRITE = auto()
    """Its stored raw text is current; only the way it is written changed."""
    READ = auto()
    """It has to be rendered and read by the model."""


@dataclass(frozen=True, slots=True)
class Redo:
    """What the user asks to do again: everything, or pages that ended so."""

    everything: bool = False
    statuses: frozenset[PageStatus] = frozenset()


def plan_page(row: JournalRow | None, page_print: str, root: Path, redo: Redo) -> Plan:
    """Compare a page's last row with its fingerprint of now; a row whose files are gone does not count."""
    if row is None or redo.everything or row.status in redo.statuses:
        return Plan.READ
    read_then, _, write_then = row.fingerprint.partition(".")
    read_now, _, write_now = page_print.partition(".")
    if read_then != read_now or not all((root / output).is_file() for output in row.outputs):
        return Plan.READ
    return Plan.NOTHING if write_then == write_now else Plan.WRITE
