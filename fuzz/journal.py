"""A journal of any bytes: every line is a row or is skipped, and a row written after them is found."""

import tempfile
from pathlib import Path

from ocr_engine.outputs.journal import Journal
from ocr_engine.records import JournalRow, PageStatus

_OURS = JournalRow(
    "ours.pdf", 7, PageStatus.DONE, "", "a.b", ("ours/pages/0007.md",), 1, {"render": 0.5}, {}, folder="ours"
)
_SHM = Path("/dev/shm")
_FOLDER = tempfile.TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None, prefix="ocr-fuzz-")
_PATH = Path(_FOLDER.name) / "journal.jsonl"


def check(data: bytes) -> None:
    """Raises AssertionError where a row is none, or ours is lost."""
    _PATH.write_bytes(data)
    journal = Journal(_PATH)
    try:
        before = list(journal.rows())
        journal.open()
        assert list(journal.rows())[: len(before)] == before, "mending changed a row"
        journal.append(_OURS)
        rows = list(journal.rows())
        assert rows[-1] == _OURS and journal.latest()[_OURS.document, _OURS.page].outputs == _OURS.outputs
        assert {(row.document, row.page) for row in journal.latest_rows()} == set(journal.latest())
        _check_claims(journal.claims())
    finally:
        journal.close()
    for row in rows:
        _check_row(row)


def _check_claims(claims: dict[str, str]) -> None:
    for folder, document in claims.items():
        assert ".." not in folder.split("/") and not folder.startswith("/"), folder
        document.encode("utf-8", "surrogateescape")


def _check_row(row: JournalRow) -> None:
    for text in (row.document, row.folder, *row.outputs):
        text.encode("utf-8", "surrogateescape")
    assert row.page is None or isinstance(row.page, int)
    assert isinstance(row.attempts, int) and all(isinstance(value, float) for value in row.seconds.values())
    assert sum(row.seconds.values()) < float("inf")
