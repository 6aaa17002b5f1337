"""A folder in an object store: few calls on whole objects, tried again where the store fails for a moment."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from ocr_engine import urls
from ocr_engine.errors import OutputError
from ocr_engine.log import printable

T = TypeVar("T")
_AT_ONCE = 16
_TRIES = 4


class Store:
    """The folder at a URL. Names are relative to it."""

    def __init__(self, url: str) -> None:
        """Raises UsageError where the store's package is missing."""
        self.url = printable(url)
        self.fs, self._path = urls.filesystem(url)

    def listed(self, folder: str = "") -> dict[str, dict[str, Any]]:
        """Every object as the store lists it now, or those in a folder, named from there: name -> facts."""
        self.fs.invalidate_cache()
        root = self._there(folder) if folder else self._path
        try:
            found = self.fs.find(root, detail=True)
        except FileNotFoundError:
            return {}
        names = {urls.below(root, str(path)): info for path, info in found.items()}
        return {name: info for name, info in names.items() if name is not None}

    def read(self, name: str) -> bytes:
        """The object. Raises FileNotFoundError."""
        return bytes(_tried(lambda: self.fs.cat_file(self._there(name))))

    def write(self, name: str, data: bytes) -> None:
        """The object is there whole, or as it was."""
        _tried(lambda: self.fs.pipe_file(self._there(name), data))

    def create(self, name: str, data: bytes) -> bool:
        """Whether the object was not there, and is now: a write on the condition that there is none.

        False also where it was written by this very call, whose answer was lost.
        """
        try:
            self.fs.pipe_file(self._there(name), data, mode="create")
        except Exception:  # which error says that it is there is the store's secret
            with contextlib.suppress(FileNotFoundError):
                self.read(name)
                return False
            raise
        return True

    def fetch(self, name: str, path: Path) -> None:
        """The object as a file. Raises FileNotFoundError."""
        _tried(lambda: self.fs.get_file(self._there(name), str(path)))

    def send(self, path: Path, name: str) -> None:
        """A file as an object. Raises FileNotFoundError where the file is gone."""
        _tried(lambda: self.fs.put_file(str(path), self._there(name)))

    def remove(self, name: str) -> None:
        """The object is gone; it may have been before."""
        with contextlib.suppress(FileNotFoundError):
            _tried(lambda: self.fs.rm_file(self._there(name)))

    def modified(self, name: str) -> datetime:
        """When the object was written, by the store's clock.

        Raises FileNotFoundError, or NotImplementedError where the store does not say.
        """
        self.fs.invalidate_cache()
        found: datetime = _tried(lambda: self.fs.modified(self._there(name)))
        return found

    def all(self, function: Callable[[str], object], names: Iterable[str]) -> None:
        """Call for each name, many at a time. The first error ends it, and is raised: no more are begun."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="store") as pool:
            calls = [pool.submit(function, name) for name in names]
            try:
                for call in calls:
                    call.result()
            except BaseException:
                # A store that is away costs 10 s a name: thousands of names would take hours to fail.
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    @contextlib.contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Whatever goes wrong as an OutputError that names the store."""
        try:
            yield
        except OutputError:
            raise
        except Exception as error:  # every store has errors of its own
            raise OutputError(f"{self.url}: cannot be {what}: {urls.reason(error)}") from error

    def _there(self, name: str) -> str:
        return f"{self._path}/{name}"


def _tried(action: Callable[[], T]) -> T:
    """A store's passing faults are not the end: tried again, waiting longer each time."""
    for number in range(_TRIES - 1):
        try:
            return action()
        except (FileNotFoundError, NotImplementedError):
            raise
        except Exception:  # noqa: BLE001 - which errors pass is the store's secret
            time.sleep(0.5 * 4**number)
    return action()
