"""`checksums.jsonl`: size, times and hash of what is made of pages: a later run sees what was changed.

A look at a file costs one call of the system; only where its size or times differ is it read. A line that is
lost costs no result: what it spoke of is looked at more closely, or made again.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from ocr_engine.compact import DigestTable, digest
from ocr_engine.outputs.files import CHECKSUMS, atomic_file, output_errors
from ocr_engine.outputs.jsonl import JsonLines, decode, encode

_BYTES = 8
_MAX_LINE_BYTES = 1 << 16
_PAGES = (".html", ".xml")
"""What the files of exports that are a folder end with."""
_SPARE_LINES = 1_000
"""The file is written anew when more lines than this, and half of all, are out of date."""
_Hash = Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * _BYTES}}}\Z")]


class _Line(msgspec.Struct):
    name: str
    times: _Hash
    content: _Hash


_LINE = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class Seen:
    """How a file, or the files of pages in a folder, were when they were looked at."""

    name: str
    """Below the root."""
    times: bytes
    content: bytes
    """Hashes."""


def seen(root: Path, path: Path) -> Seen:
    """How a file below the root is now."""
    return Seen(str(path.relative_to(root)), _times(path), _content(path))


class Checksums:
    """What is known of the files of one output folder, 36 to 72 bytes each in memory.

    A name is a path below the root: of a file that is there, of one that is not, or of a folder, which
    stands for the files of pages in it.
    """

    def __init__(self, root: Path) -> None:
        """Raises OutputError when something that is not a file stands where the checksums belong."""
        self._root = root
        self._lines = JsonLines(root / CHECKSUMS, _MAX_LINE_BYTES)
        self._known = DigestTable(2 * _BYTES, _BYTES)
        """Hash of a name -> hashes of times and content."""
        self._count = 0
        for _, line in self._lines.lines():
            self._count += 1
            if (found := decode(line, _LINE)) is not None:
                self._known.put(_key(found.name), bytes.fromhex(found.times + found.content))

    def seem_right(self, *paths: Path) -> bool:
        """Whether size and times of all are as they were."""
        return all(self._of(path)[:_BYTES] == _times(path) for path in paths)

    def hold(self, *paths: Path) -> bool:
        """Whether all are as they were; where size or times differ, by their content. Raises OutputError."""
        return all([self._holds(path) for path in paths])

    def put(self, *paths: Path) -> None:
        """Remember how these are now. Raises OutputError."""
        for path in paths:
            self.note(seen(self._root, path))

    def note(self, found: Seen) -> None:
        """Remember how a file was. Raises OutputError."""
        key, hashes = _key(found.name), found.times + found.content
        if self._known.get(key) != hashes:
            line = {"name": found.name, "times": found.times.hex(), "content": found.content.hex()}
            self._lines.append(line, durable=False)
            self._known.put(key, hashes)
            self._count += 1

    def close(self) -> None:
        """Let go of the file; write it anew where most of it is out of date. Raises OutputError."""
        self._lines.close()
        if self._count > 2 * len(self._known) + _SPARE_LINES:
            self._rewrite()

    def _holds(self, path: Path) -> bool:
        known, times = self._of(path), _times(path)
        if known[:_BYTES] == times:
            return True
        if not known or known[_BYTES:] != (content := _content(path)):
            return False
        # Copied, or fetched from a store: read once, not each time.
        self.note(Seen(self._name(path), times, content))
        return True

    def _of(self, path: Path) -> bytes:
        """What is known of a file; b"" where nothing is."""
        return self._known.get(_key(self._name(path))) or b""

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._root))

    def _rewrite(self) -> None:
        """With the last line of each name alone."""
        path = self._lines.path
        with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
            for _, line in self._lines.lines():
                found = decode(line, _LINE)
                if found and self._known.get(_key(found.name)) == bytes.fromhex(found.times + found.content):
                    file.write(encode(msgspec.structs.asdict(found)))


def _key(name: str) -> bytes:
    return digest(name, _BYTES)


def _times(path: Path) -> bytes:
    """A hash of size and times; that of change is the system's own, and nothing sets it back."""
    found = hashlib.blake2b(digest_size=_BYTES)
    for name, status in _files(path):
        facts = f"{name}\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\0"
        found.update(facts.encode("utf-8", "surrogatepass"))
    return found.digest()


def _content(path: Path) -> bytes:
    found = hashlib.blake2b(digest_size=_BYTES)
    for name, status in _files(path):
        found.update(f"{name}\0{status.st_size}\0".encode("utf-8", "surrogatepass"))
        # What cannot be read is not what was written.
        with contextlib.suppress(OSError), (path / name).open("rb") as file:
            while piece := file.read(1 << 20):
                found.update(piece)
    return found.digest()


def _files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The file itself under the name "", or those of a folder; nothing where there is neither."""
    try:
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            yield "", status
            return
        with os.scandir(path) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(_PAGES)]
    except OSError:
        return
    yield from sorted(found)
