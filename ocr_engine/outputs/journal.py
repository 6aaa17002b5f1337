"""`journal.jsonl`: what is done, with which config. Append-only; a line comes after the files it names.

Rows in, rows out: the journal decides nothing about what a page still needs. A line ends in a checksum of
itself, so that one which was changed is no row.
"""

import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ocr_engine.log import logger, printable
from ocr_engine.outputs.files import is_folder
from ocr_engine.outputs.jsonl import JsonLines, Position, decode, encode
from ocr_engine.records import Fingerprint, JournalRow, PageStatus

Key = tuple[str, int | None]
"""`document` as given, and the 1-based page or None."""
RECORD = "record"
"""The key of what a row keeps of its page's record, see `Journal.whole`."""
_MAX_LINE_BYTES = 8 << 20
_MAX_PATH_BYTES, _MAX_NAME_BYTES = 4095, 255
_Count = Annotated[int, Meta(ge=0, le=10**12)]
_Word = Annotated[str, Meta(max_length=256)]
_Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class _Line(msgspec.Struct):
    """A line with its bounds. What is not named here is passed over."""

    document: Annotated[str, Meta(min_length=1, max_length=1 << 15)]
    page: Annotated[int, Meta(ge=1, le=10**7)] | None
    status: PageStatus
    reason: Annotated[str, Meta(max_length=1 << 20)]
    fingerprint: _Word
    outputs: Annotated[tuple[str, ...], Meta(max_length=20_000)]
    attempts: Annotated[int, Meta(ge=0, le=10**6)]
    seconds: Annotated[dict[_Word, _Seconds], Meta(max_length=64)]
    folder: Annotated[str, Meta(max_length=_MAX_PATH_BYTES)] | UnsetType = UNSET
    mode: _Word | UnsetType = UNSET
    chars: _Count | UnsetType = UNSET
    vision_tokens: _Count | UnsetType = UNSET
    text_tokens: _Count | UnsetType = UNSET
    tokens_a_step: Annotated[float, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    recall: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    suspect: bool | UnsetType = UNSET
    from_text_layer: bool | UnsetType = UNSET
    renderer: _Word | UnsetType = UNSET
    ended: Annotated[float, Meta(ge=0, le=1e11)] | UnsetType = UNSET
    content_id: _Word | UnsetType = UNSET
    same_as: Annotated[str, Meta(max_length=1 << 15)] | UnsetType = UNSET
    confidence: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    second: _Count | UnsetType = UNSET
    tables_again: _Count | UnsetType = UNSET
    tables_replaced: _Count | UnsetType = UNSET


class _Kept(msgspec.Struct):
    record: dict[str, Any] = {}


_LINE, _KEPT = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Kept)
_EXTRAS = _Line.__struct_fields__[9:]
_CHECKSUM = re.compile(rb', "crc32": "([0-9a-f]{8})"\}\n?')
_CHECKSUM_BYTES = 22


class Journal:
    """The journal of one output folder. Nothing is touched before `open` or the first append."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError when something that is not a file stands there."""
        self._lines = JsonLines(path, _MAX_LINE_BYTES)
        self._looked_through = False

    def open(self) -> None:
        """Make the file, or mend its last line where a crash cut it. Raises OutputError."""
        self._lines.mend()

    def append(self, row: JournalRow) -> None:
        """Write one line; it is on disk when this returns. Raises OutputError."""
        self.append_lines([line_of(row)])

    def append_lines(self, lines: Sequence[bytes]) -> None:
        """Write lines that `line_of` made; all are on disk when this returns. Raises OutputError."""
        self._lines.append_line(b"".join(lines))

    def rows(self) -> Iterator[JournalRow]:
        """Every row ever written, oldest first, one at a time; lines that are no rows are skipped."""
        for (offset, _), line in self._rows():
            yield _whole(line, offset)

    def latest(self) -> dict[Key, JournalRow]:
        """The last row of each page, without its `seconds` and `extra`: about 0.6 kB a page."""
        found: dict[Key, JournalRow] = {}
        for (offset, _), line in self._rows():
            row = _bare(line, offset)
            found[row.document, row.page] = row  # the name that all its pages share
        return found

    def latest_rows(self) -> Iterator[JournalRow]:
        """The last row of each page, whole, in the order of the file; holds positions, not rows.

        A page that was only written again has the times of its reading.
        """
        last: dict[Key, tuple[Position, str]] = {}
        readings: dict[Key, Position] = {}
        for position, line in self._rows():
            key, read = (sys.intern(line.document), line.page), Fingerprint.parse(line.fingerprint).read
            if line.seconds or not read or read != last.get(key, (None, ""))[1]:
                readings.pop(key, None)
            else:
                readings.setdefault(key, last[key][0])
            last[key] = position, read
        current = {position: readings.get(key) for key, (position, _) in last.items()}
        del last, readings
        for position, line in self._rows():
            if position in current:
                yield self._with_times(_whole(line, position[0]), current[position])

    def _with_times(self, row: JournalRow, reading: Position | None) -> JournalRow:
        """The row with the times of an earlier one; itself without one."""
        earlier = self._line_at(reading[0]) if reading else None
        if earlier is None:
            return row
        ended = {} if earlier.ended is UNSET else {"ended": earlier.ended}
        return replace(row, seconds=earlier.seconds, extra=row.extra | ended)

    def whole(self, row: JournalRow) -> JournalRow:
        """A row of `latest` with its `seconds` and `extra`, and below RECORD what it keeps of the record."""
        line = self._line_at(row.offset)
        if line is None:
            return row
        kept = decode(self._lines.line_at(row.offset), _KEPT)
        found = _whole(line, row.offset)
        return replace(found, extra=found.extra | ({RECORD: kept.record} if kept and kept.record else {}))

    def claims(self) -> dict[str, str]:
        """The folder of each document below the output root: folder -> document as given.

        Folders that are not there are nobody's.
        """
        folders: dict[str, str] = {}
        for _, line in self._rows():
            if folder := _folder(line):
                folders.setdefault(folder, line.document)
        root = self._lines.path.parent
        return {folder: given for folder, given in folders.items() if is_folder(root / folder)}

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Every line that is a row, as it is written, with its document as given; oldest first."""
        for _, row, line in self._whole_rows():
            yield row.document, line if line.endswith(b"\n") else line + b"\n"

    def _rows(self) -> Iterator[tuple[Position, _Line]]:
        for position, row, _ in self._whole_rows():
            yield position, row

    def _whole_rows(self) -> Iterator[tuple[Position, _Line, bytes]]:
        """Every line that is a row. The first time, those that are none are counted and said.

        Lines without a checksum are of an older version: they come before all that have one.
        """
        odd, first, checked = 0, 0, False
        for number, (position, line) in enumerate(self._lines.lines(), 1):
            is_right = _is_right(line)
            checked = checked or is_right is not None
            row = _row(line) if is_right is not False and (is_right or not checked) else None
            if row is not None:
                yield position, row, line
            elif line != b"\n":
                odd, first = odd + 1, first or number
        if odd and not self._looked_through:
            logger.warning(
                "%s: %s damaged lines are ignored, the first is line %s;"
                " their pages are read again",
                printable(str(self._lines.path)), f"{odd:,}", f"{first:,}",
            )  # fmt: skip
        self._looked_through = True

    def _line_at(self, offset: int) -> _Line | None:
        return _row(self._lines.line_at(offset))

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()


def line_of(row: JournalRow) -> bytes:
    """The line of a row."""
    body = encode(_values(row))[:-2]
    return b'%s, "crc32": "%08x"}\n' % (body, zlib.crc32(body))


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
        **({"folder": row.folder} if row.folder else {}),
    }
    return values | {key: value for key, value in row.extra.items() if key not in values}


_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_NO_SECONDS: dict[str, float] = {}
_NO_EXTRA: dict[str, Any] = {}


def _is_right(line: bytes) -> bool | None:
    """Whether a line is what its checksum says; None for one without, of before there were any."""
    checksum = _CHECKSUM.fullmatch(line, len(line) - _CHECKSUM_BYTES - line.endswith(b"\n"))
    if checksum is None:
        return False if b'"crc32"' in line[-2 * _CHECKSUM_BYTES :] else None
    return zlib.crc32(line[: checksum.start()]) == int(checksum[1], 16)


def _row(line: bytes) -> _Line | None:
    """What a line says, None when it cannot be one of ours."""
    row = decode(line, _LINE)
    if row is None or "\0" in row.document or not _is_name(row.document):
        return None
    paths = (*row.outputs, row.folder) if row.folder is not UNSET and row.folder else row.outputs
    return row if all(map(_is_inside, paths)) else None


def _is_inside(path: str) -> bool:
    """Whether a path is below the output root, and can be that of a file."""
    if not path or path[0] == "/" or "\0" in path or not _is_name(path):
        return False
    if len(path) < _MAX_NAME_BYTES // 4 and ".." not in path:
        return True
    parts = [part.encode("utf-8", "surrogatepass") for part in path.split("/")]
    lengths = [len(part) for part in parts]
    total = sum(lengths) + len(lengths) - 1
    return b".." not in parts and max(lengths) <= _MAX_NAME_BYTES and total <= _MAX_PATH_BYTES


def _is_name(text: str) -> bool:
    """Whether the system can name a file so: halves of characters stand in names for single bytes alone."""
    return text.isascii() or _HALF.search(text) is None


def _folder(line: _Line) -> str:
    """The folder that a line names; in one of an older version it is two levels above the first output."""
    if line.folder is not UNSET:
        return line.folder
    parts = PurePosixPath(line.outputs[0]).parts if line.outputs else ()
    return "/".join(parts[:-2])


def _bare(line: _Line, offset: int) -> JournalRow:
    return JournalRow(
        document=sys.intern(line.document),
        page=line.page,
        status=line.status,
        reason=sys.intern(line.reason),
        fingerprint=line.fingerprint,
        outputs=line.outputs,
        attempts=line.attempts,
        seconds=_NO_SECONDS,
        extra=_NO_EXTRA,
        folder=sys.intern(_folder(line)),
        offset=offset,
    )


def _whole(line: _Line, offset: int) -> JournalRow:
    values = ((key, getattr(line, key)) for key in _EXTRAS)
    extra = {key: value for key, value in values if value is not UNSET}
    return replace(_bare(line, offset), seconds=line.seconds, extra=extra)
