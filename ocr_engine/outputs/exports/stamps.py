"""`exports.jsonl`: which export was made of what. An export whose stamp is current is not made again."""

from pathlib import Path

from ocr_engine.outputs.jsonl import JsonLines

NAME = "exports.jsonl"


class Stamps:
    """The stamps of one output folder: (folder of a document or "", export) -> key of what it was made of."""

    def __init__(self, root: Path) -> None:
        """Raises OutputError when something that is not a file stands there."""
        self._lines = JsonLines(root / NAME)
        self._keys: dict[tuple[str, str], str] = {}
        for _, values in self._lines.lines():
            folder, export, key = (values.get(name) for name in ("folder", "export", "key"))
            if isinstance(folder, str) and isinstance(export, str) and isinstance(key, str):
                self._keys[folder, export] = key

    def get(self, folder: str, export: str) -> str | None:
        """The key of the last export; the empty string where it was taken away, None where none was made."""
        return self._keys.get((folder, export))

    def put(self, folder: str, export: str, key: str) -> None:
        """Remember an export; on disk when this returns. Raises OutputError."""
        if self._keys.get((folder, export)) != key:
            self._lines.append({"folder": folder, "export": export, "key": key})
            self._keys[folder, export] = key

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()
