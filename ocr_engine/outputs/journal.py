"""`journal.jsonl`: what is done, with which config. Append-only; a line comes after the files it names.

Rows in, rows out: the journal decides nothing about what a page still needs.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ocr_engine.outputs.jsonl import JsonLines, Position, decode
from ocr_engine.records import JournalRow, PageStatus

Key = tuple[str, int | None]
"""`document` as given, and the 1-based page or None."""
_KEYS = ("document", "page", "status", "reason", "fingerprint", "outputs", "attempts", "seconds")


class Journal:
    """The journal of one output folder. Nothing is touched before `open` or the first append."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError when something that is not a file stands there."""
        self._lines = JsonLines(path)

    def open(self) -> None:
        """Make the file, or mend its last line where a crash cut it. Raises OutputError."""
        self._lines.mend()

    def append(self, row: JournalRow) -> None:
        """Write one line; it is on disk when this returns. Raises OutputError."""
        self._lines.append(_values(row))

    def rows(self) -> Iterator[JournalRow]:
        """Every row ever written, oldest first, one at a time; lines that are no rows are skipped."""
        for _, values in self._lines.lines():
            row = _row(values)
            if row is not None:
                yield row

    def latest(self) -> dict[Key, JournalRow]:
        """The last row of each page, without its `seconds` and `extra`: about 0.6 kB a page."""
        found: dict[Key, JournalRow] = {}
        for _, values in self._lines.lines():
            row = _row(values, bare=True)
            if row is not None:
                found[row.document, row.page] = row
        return found

    def latest_rows(self) -> Iterator[JournalRow]:
        """The last row of each page, whole, in the order of the file; holds positions, not rows.

        A page that was only written again has the times of its reading.
        """
        last: dict[Key, tuple[Position, str]] = {}
        readings: dict[Key, Position] = {}
        for position, values in self._lines.lines():
            row = _row(values, bare=True)
            if row is None:
                continue
            key, read = (row.document, row.page), row.fingerprint.partition(".")[0]
            if values.get("seconds") or not read or read != last.get(key, (None, ""))[1]:
                readings.pop(key, None)
            else:
                readings.setdefault(key, last[key][0])
            last[key] = position, read
        current = {position: readings.get(key) for key, (position, _) in last.items()}
        del last, readings
        for position, values in self._lines.lines():
            if position in current and (row := _row(values)) is not None:
                yield self._with_times(row, current[position])

    def _with_times(self, row: JournalRow, reading: Position | None) -> JournalRow:
        """The row with the times of an earlier one; itself without one."""
        if reading is None:
            return row
        earlier = _row(decode(next(self._lines.read([reading]))) or {})
        if earlier is None:
            return row
        ended = {key: earlier.extra[key] for key in ("ended",) if key in earlier.extra}
        return replace(row, seconds=earlier.seconds, extra=row.extra | ended)

    def claims(self) -> dict[str, str]:
        """The folder of each document below the output root: folder -> document as given."""
        folders: dict[str, str] = {}
        for _, values in self._lines.lines():
            row = _row(values, bare=True)
            parts = PurePosixPath(row.outputs[0]).parts if row is not None and row.outputs else ()
            if row is not None and len(parts) > 2 and not {"/", ".."} & set(parts):
                folders.setdefault("/".join(parts[:-2]), row.document)
        return folders

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()


def _values(row: JournalRow) -> dict[str, Any]:
    values = {
        "document": row.document,
        "page": row.page,
        "status": row.status.value,
        "reason": row.reason,
        "fingerprint": row.fingerprint,
        "outputs": list(row.outputs),
        "attempts": row.attempts,
        "seconds": row.seconds,
    }
    return values | {key: value for key, value in row.extra.items() if key not in values}


_NO_SECONDS: dict[str, float] = {}
_NO_EXTRA: dict[str, Any] = {}


def _row(values: dict[str, Any], bare: bool = False) -> JournalRow | None:
    """The row of a line, None when it is not one of ours. `bare` rows hold no numbers."""
    try:
        document, page, outputs = values["document"], values["page"], values["outputs"]
        if not isinstance(document, str) or not isinstance(page, int | None):
            return None
        return JournalRow(
            document=sys.intern(document),
            page=page,
            status=PageStatus(values["status"]),
            reason=sys.intern(str(values["reason"])),
            fingerprint=str(values["fingerprint"]),
            outputs=tuple(map(str, outputs)),
            attempts=int(values["attempts"]),
            seconds=_NO_SECONDS if bare else _numbers(values["seconds"]),
            extra=_NO_EXTRA if bare else {key: value for key, value in values.items() if key not in _KEYS},
        )
    except (KeyError, TypeError, ValueError):
        return None


def _numbers(seconds: object) -> dict[str, float]:
    items = seconds.items() if isinstance(seconds, dict) else ()
    return {str(stage): float(value) for stage, value in items}
