"""Append-only files of JSON lines that survive a pulled plug: a torn last line is mended, junk is skipped."""

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from ocr_engine.errors import OutputError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.files import make_folder, output_errors, sync_folders, write_all

Position = tuple[int, int]
"""Offset and length in bytes of one line."""
MAX_LINE_BYTES = 64 << 20
"""A line of more is no line of ours."""
_MAX_ODD_BYTES = 32 << 20
"""Python's own parser, which `decode` needs for odd lines, takes many times a line's bytes."""
T = TypeVar("T")
_encode = json.JSONEncoder(ensure_ascii=False).encode


def encode(values: dict[str, Any]) -> bytes:
    """One line. Readable UTF-8; names that are not valid UTF-8 are escaped, and come back as they were."""
    try:
        return (_encode(values) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(values) + "\n").encode("ascii")


def decode(line: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
    """The line as the decoder's type, its bounds kept; None for anything else, whatever it holds."""
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        if b"\\u" not in line or len(line) > _MAX_ODD_BYTES:
            return None
    try:
        # Half characters, which stand for bytes of names that are not UTF-8, are no JSON to msgspec.
        return msgspec.convert(json.loads(line), decoder.type)
    except (ValueError, RecursionError):
        return None


_ANYTHING: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class JsonLines:
    """A file of JSON lines: appended to, read, mended. Not shared between processes."""

    def __init__(self, path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        """Raises OutputError when something that is not a file stands there. Touches nothing yet."""
        self.path = path
        self._max_line_bytes = max_line_bytes
        self._handle: int | None = None
        if path.exists() and not path.is_file():
            raise OutputError(f"{printable(str(path))}: is not a file; move it away")

    def append(self, values: dict[str, Any], *, durable: bool = True) -> None:
        """Write values as a line, see `append_line`."""
        self.append_line(encode(values), durable=durable)

    def append_line(self, line: bytes, *, durable: bool = True) -> None:
        """Write a line, its end included; where `durable`, it is on disk when this returns.

        Raises OutputError; the file is then as before.
        """
        with output_errors(self.path):
            handle = self._opened()
            size = os.fstat(handle).st_size
            try:
                write_all(handle, line)
                if durable:
                    os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise

    def lines(self) -> Iterator[tuple[Position, bytes]]:
        """Every line with its position, one at a time; one that is too long comes as an empty one."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            offset = 0
            while line := file.readline(self._max_line_bytes):
                length = len(line)
                if length == self._max_line_bytes and not line.endswith(b"\n"):
                    length, line = length + _skip_line(file), b""
                yield (offset, length), line
                offset += length

    def line_at(self, offset: int) -> bytes:
        """The line that begins there; empty where the file ends before, or is not there."""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.readline(self._max_line_bytes)
        except FileNotFoundError:
            return b""

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

    def make(self) -> bool:
        """As `mend`; returns whether the file was made. Its name is on disk after `sync_folders`."""
        with output_errors(self.path):
            is_new = self._handle is None and self._open()
        self.close()
        return is_new

    def close(self) -> None:
        """Let go of the file; the next append opens it again."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @property
    def handle(self) -> int:
        """The open file; it is opened where it is not. Raises OutputError."""
        with output_errors(self.path):
            return self._opened()

    def _opened(self) -> int:
        if self._handle is None and self._open():
            sync_folders([self.path.parent])
        assert self._handle is not None
        return self._handle

    def _open(self) -> bool:
        """Open the file; returns whether it was made, and its name is still to be synced."""
        is_new, flags = False, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        try:
            self._handle = os.open(self.path, flags)
        except FileNotFoundError:
            make_folder(self.path.parent)
            self._handle = os.open(self.path, flags | os.O_CREAT, 0o666)
            is_new = True
        self._mend_tail(self._handle)
        return is_new

    def _mend_tail(self, handle: int) -> None:
        size = os.fstat(handle).st_size
        if not size or os.pread(handle, 1, size - 1) == b"\n":
            return
        start = _last_line_start(handle, size)
        tail = os.pread(handle, min(size - start, MAX_LINE_BYTES), start)
        if decode(tail, _ANYTHING) is None:
            logger.warning(
                "%s: the last line was cut off by a crash and is removed", printable(str(self.path))
            )
            os.ftruncate(handle, start)
        else:
            write_all(handle, b"\n")


def _skip_line(file: BinaryIO) -> int:
    """Read on to the end of a line; returns how many bytes that was."""
    skipped = 0
    while rest := file.readline(MAX_LINE_BYTES):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


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
