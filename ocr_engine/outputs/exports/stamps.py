"""`exports.jsonl`: which export was made of what. One that is as it was made then is not made again."""

from pathlib import Path

import msgspec

from ocr_engine.outputs.checksums import Checksums
from ocr_engine.outputs.jsonl import JsonLines, decode

NAME = "exports.jsonl"


class _Line(msgspec.Struct):
    folder: str
    export: str
    key: str


_LINE = msgspec.json.Decoder(_Line)


class Stamps:
    """The stamps of one output folder: (folder of a document or "", export) -> key of what it was made of."""

    def __init__(self, root: Path, checksums: Checksums) -> None:
        """`checksums` are closed by the caller. Raises OutputError where no file can be."""
        self._checksums = checksums
        self._lines = JsonLines(root / NAME)
        self._keys: dict[tuple[str, str], str] = {}
        for _, line in self._lines.lines():
            if (found := decode(line, _LINE)) is not None:
                self._keys[found.folder, found.export] = found.key

    def get(self, folder: str, export: str) -> str | None:
        """The key of the last export; the empty string where it was taken away, None where none was made."""
        return self._keys.get((folder, export))

    def is_current(self, folder: str, export: str, key: str, path: Path) -> bool:
        """Whether an export was made of this, and is as it was then. Raises OutputError."""
        return self.get(folder, export) == key and self._checksums.hold(path)

    def put(self, folder: str, export: str, key: str, path: Path) -> None:
        """Remember an export, or that it is gone; on disk when this returns. Raises OutputError."""
        self._checksums.put(path)
        if self._keys.get((folder, export)) != key:
            self._lines.append({"folder": folder, "export": export, "key": key})
            self._keys[folder, export] = key

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()
