"""Small files that many machines see, some written by the first who comes: a folder, or an object store.

All that is asked of a place is to create a file whole unless there is one (`link`, `If-None-Match: *`).
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Protocol

from ocr_engine import urls
from ocr_engine.errors import OutputError
from ocr_engine.outputs.files import make_folder, output_errors
from ocr_engine.outputs.store import Store

MAX_BYTES = 4096


class Board(Protocol):
    """Names are paths with `/`. Everything raises OutputError where the place cannot be used."""

    def create(self, name: str, data: bytes) -> bool:
        """Whether the file was not there, and is now. Of many who try, one has True."""

    def write(self, name: str, data: bytes) -> None:
        """The file holds this, whole."""

    def read(self, name: str) -> bytes | None:
        """The file's bytes, at most MAX_BYTES; None where it is not there."""

    def names(self, folder: str) -> list[str]:
        """The files directly in a folder."""


def board_at(path: str) -> Board:
    """The board in a folder or at a URL."""
    return StoreBoard(path) if urls.is_url(path) else FolderBoard(Path(urls.local_path(path)).expanduser())


class FolderBoard:
    """A board in a folder, of a network file system, too."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self, name: str, data: bytes) -> bool:
        """See `Board`."""
        path = self._root / name
        with output_errors(path):
            temporary = self._temporary(path, data)
            try:
                self._put_first(temporary, path)
            except FileExistsError:
                return False
            finally:
                temporary.unlink(missing_ok=True)
        return True

    def _put_first(self, temporary: Path, path: Path) -> None:
        """Whole at once, by a link. Where there are none an empty file may be seen for a moment."""
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:
            with path.open("xb") as file:
                file.write(temporary.read_bytes())

    def write(self, name: str, data: bytes) -> None:
        """See `Board`."""
        path = self._root / name
        with output_errors(path):
            self._temporary(path, data).replace(path)

    def _temporary(self, path: Path, data: bytes) -> Path:
        make_folder(path.parent)
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        temporary.write_bytes(data)
        return temporary

    def read(self, name: str) -> bytes | None:
        """See `Board`."""
        path = self._root / name
        with output_errors(path), contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            return file.read(MAX_BYTES)
        return None

    def names(self, folder: str) -> list[str]:
        """See `Board`."""
        path = self._root / folder
        with output_errors(path), contextlib.suppress(FileNotFoundError):
            return sorted(item.name for item in path.iterdir() if not item.name.startswith("."))
        return []


class StoreBoard:
    """A board in an object store."""

    def __init__(self, url: str) -> None:
        """Raises UsageError where the store's package is missing."""
        self._store = Store(url)

    def create(self, name: str, data: bytes) -> bool:
        """See `Board`."""
        with self._store.errors("written"):
            return self._store.create(name, data)

    def write(self, name: str, data: bytes) -> None:
        """See `Board`."""
        with self._store.errors("written"):
            self._store.write(name, data)

    def read(self, name: str) -> bytes | None:
        """See `Board`."""
        with self._store.errors("read"), contextlib.suppress(FileNotFoundError):
            return self._store.read(name)[:MAX_BYTES]
        return None

    def names(self, folder: str) -> list[str]:
        """See `Board`."""
        with self._store.errors("read"):
            return sorted(name for name in self._store.listed(folder) if "/" not in name)


def check(board: Board, where: str) -> None:
    """Raises OutputError where two could create the same file; `where` is the place, in words."""
    name = f"probes/{secrets.token_hex(8)}"
    if not board.create(name, b"1") or board.create(name, b"2"):
        raise OutputError(
            f"{where}: drivers.claim is not safe here, two runs can create one file; use drivers.shard"
        )
