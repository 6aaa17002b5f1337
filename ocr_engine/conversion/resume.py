"""Decides from a page's last journal row what it still needs. Reads no pixels and starts nothing."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from ocr_engine.outputs.files import is_file
from ocr_engine.records import Fingerprint, JournalRow, PageStatus, page_stem


class Plan(Enum):
    """What a page still needs."""

    NOTHING = auto()
    """Its record and its files are there."""
    WRITE = auto()
    """Its stored raw text is current, but the way it is written changed, or a file is gone."""
    READ = auto()
    """It has to be rendered and read by the model."""


@dataclass(frozen=True, slots=True)
class Redo:
    """What the user asks to read again: everything, or pages that ended with one of these statuses."""

    everything: bool = False
    statuses: frozenset[PageStatus] = frozenset()


def plan_page(row: JournalRow | None, page_print: str, root: Path, redo: Redo) -> Plan:
    """Compare a page's last row with its present fingerprint and with the files that are there."""
    if row is None or redo.everything or row.status in redo.statuses:
        return Plan.READ
    then, now = Fingerprint.parse(row.fingerprint), Fingerprint.parse(page_print)
    if then.read != now.read:
        return Plan.READ
    if all(is_file(root / output) for output in row.outputs):
        return Plan.NOTHING if then.write == now.write else Plan.WRITE
    return Plan.WRITE if has_raw_text(row, root) else Plan.READ


def has_raw_text(row: JournalRow, root: Path) -> bool:
    """Whether the raw text that was stored with the page is there."""
    name = f"{page_stem(row.page or 0)}.raw.md"
    return any(path.endswith(f"/{name}") and is_file(root / path) for path in row.outputs)
