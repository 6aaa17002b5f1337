"""Files that are made or fetched to be worked on, in a folder that is bounded.

The cache is shared by all processes of a machine: who uses a file holds a shared lock on it, and only a file
that nobody holds is taken away.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ocr_engine import urls
from ocr_engine.errors import InputError
from ocr_engine.records import Document

_MAX_TRIES = 3
_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)
_NAME_CHARS = 80


class InputCache:
    """Fetched documents in one folder, at most so many bytes of those that nobody holds."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    @contextlib.contextmanager
    def holding(self, document: Document) -> Iterator[Path]:
        """The document's file, which stays as long as this lasts.

        Raises InputError where it cannot be fetched.
        """
        path = self._path(document)
        held = self._held(document, path)
        try:
            yield path
        finally:
            held.close()

    def _path(self, document: Document) -> Path:
        key = f"{document.url}\n{document.version}\n{document.size_bytes}"
        digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        # The end of the name says what it is, and a renderer's error names the file.
        name = _UNSAFE.sub("_", document.relative.name)[-_NAME_CHARS:]
        return self._folder / f"{digest}-{name}"

    def _held(self, document: Document, path: Path) -> IO[bytes]:
        for _ in range(_MAX_TRIES):
            if not path.exists():
                self._fetch(document, path)
            with contextlib.suppress(OSError):
                file = path.open("rb")
                fcntl.flock(file, fcntl.LOCK_SH)
                # Between the opening and the lock it may have been taken away.
                if os.fstat(file.fileno()).st_nlink:
                    os.utime(path, ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
                    return file
                file.close()
        raise InputError(f"does not fit in the cache {self._folder}; raise input.cache_gb")

    def _fetch(self, document: Document, path: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room(document.size_bytes)
        store, name = urls.filesystem(document.url)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".fetching-")
        os.close(handle)
        try:
            store.get_file(name, temporary)
            Path(temporary).replace(path)
        except Exception as error:  # every store has errors of its own
            raise InputError(f"cannot be fetched: {urls.reason(error)}") from error
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Take the files away that were used longest ago, as far as nobody holds them."""
        files = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_atime_ns, status.st_size, path))
        total = sum(entry[1] for entry in files) + size
        for _, bytes_, path in sorted(files):
            if total <= self._most_bytes:
                return
            if _removed(path):
                total -= bytes_


def _removed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:
        return False
    return True
