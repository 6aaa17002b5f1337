"""Append-only files of JSON lines that survive a pulled plug: a torn last line is mended, junk is skipped."""

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ocr_engine.errors import OutputError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.files import make_folder, output_errors, sync_folders

Position = tuple[int, int]
"""Offset and length in bytes of one line."""
MAX_LINE_BYTES = 64 << 20


def encode(values: dict[str, Any]) -> bytes:
    """One line. Readable UTF-8; names that are not valid UTF-8 are escaped, and come back as they were."""
    try:
        return (json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(values) + "\n").encode("ascii")


def decode(line: bytes) -> dict[str, Any] | None:
    """The object on a line, or None for anything else (torn, overwritten with zeros, not an object)."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


class JsonLines:
    """A file of JSON lines: appended to, read, mended. Not shared between processes."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError when something that is not a file stands there. Touches nothing yet."""
        self.path = path
        self._handle: int | None = None
        if path.exists() and not path.is_file():
            raise OutputError(f"{printable(str(path))}: is not a file; move it away")

    def append(self, values: dict[str, Any]) -> None:
        """Write a line and wait until it is on disk. Raises OutputError; the file is then as before."""
        line = encode(values)
        with output_errors(self.path):
            handle = self._opened()
            size = os.fstat(handle).st_size
            try:
                _write_all(handle, line)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise

    def lines(self) -> Iterator[tuple[Position, dict[str, Any]]]:
        """Every readable line with its position, one at a time."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            offset = 0
            while line := file.readline(MAX_LINE_BYTES):
                values = decode(line)
                if values is not None:
                    yield (offset, len(line)), values
                offset += len(line)

    def read(self, positions: Collection[Position]) -> Iterator[bytes]:
        """The raw lines at these positions, each ending in a line end."""
        if not positions:
            return
        with self.path.open("rb") as file:
            for offset, length in positions:
                file.seek(offset)
                line = file.read(length)
                yield line if line.endswith(b"\n") else line + b"\n"

    def mend(self) -> None:
        """End a last line that was cut off: completed when it is whole, removed when it is torn."""
        with output_errors(self.path):
            self._opened()

    def close(self) -> None:
        """Let go of the file; the next append opens it again."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _opened(self) -> int:
        if self._handle is None:
            is_new = not self.path.exists()
            make_folder(self.path.parent)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            if is_new:
                sync_folders([self.path.parent])
            self._mend_tail(self._handle)
        return self._handle

    def _mend_tail(self, handle: int) -> None:
        size = os.fstat(handle).st_size
        start = _last_line_start(handle, size)
        if start == size:
            return
        tail = os.pread(handle, min(size - start, MAX_LINE_BYTES), start)
        if decode(tail) is None:
            logger.warning(
                "%s: the last line was cut off by a crash and is removed", printable(str(self.path))
            )
            os.ftruncate(handle, start)
        else:
            _write_all(handle, b"\n")


def _last_line_start(handle: int, size: int) -> int:
    """Offset after the last line end; `size` when the file ends in one."""
    block = 1 << 16
    end = size
    while end > 0:
        start = max(0, end - block)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
