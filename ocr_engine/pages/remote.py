"""Documents in object stores: found by listing, fetched into a bounded cache while they are worked on.

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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ocr_engine import urls
from ocr_engine.config import InputConfig, RenderConfig
from ocr_engine.errors import DocumentError, InputError, PageError, UsageError
from ocr_engine.pages.pool import RenderPool, failed
from ocr_engine.pages.walk import has_magic
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageImage, PageRef

_DOWNLOADS = 8
_GIB = 1 << 30
_MAX_TRIES = 3
_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)
_NAME_CHARS = 80


def find(url: str, suffixes: dict[str, DocumentKind]) -> Iterator[Document]:
    """The documents of a URL: one file, a folder with its subfolders, or a glob; always in the same order.

    Raises:
        UsageError: no such kind of store.
        InputError: the store refuses, or there is nothing of that name.
    """
    store, path = urls.filesystem(url)
    scheme = url.partition("://")[0]
    try:
        for root, name, info in _listed(store, path):
            kind = suffixes.get(PurePosixPath(name).suffix.lower())
            if kind is not None and urls.below(root, name) is not None:
                yield _document(f"{scheme}://{name}", root, name, kind, info)
    except InputError:
        raise
    except Exception as error:  # every store has errors of its own
        raise InputError(urls.reason(error)) from error


def _listed(store: Any, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Root, name and facts of every file."""
    if has_magic(path):
        root = path[: min(path.find(c) for c in "*?[" if c in path)].rpartition("/")[0]
        found = store.glob(path, detail=True)
        files = {name: info for name, info in found.items() if info["type"] == "file"}
    elif store.isfile(path):
        root, files = path.rpartition("/")[0], {path: store.info(path)}
    else:
        root, files = path, store.find(path, detail=True)
        if not files and not store.exists(path):
            raise InputError("no such file or folder there, or the address cannot be reached")
    for name in sorted(files):
        yield root, str(name), files[name]


def _document(given: str, root: str, name: str, kind: DocumentKind, info: dict[str, Any]) -> Document:
    relative = PurePosixPath(urls.below(root, name) or PurePosixPath(name).name)
    size, version = int(info.get("size") or 0), urls.object_version(info)
    return Document(given, Path(relative.name), relative, kind, size, 0, url=given, version=version)


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
        raise InputError(f"cannot be kept in the cache {self._folder}; is input.cache_gb too small?")

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


class FetchingPool(RenderPool):
    """A render pool whose documents may be in object stores."""

    def __init__(self, render: RenderConfig, inputs: InputConfig, *, bookmarks: bool = False) -> None:
        super().__init__(render, inputs.password, inputs.max_document_pages, bookmarks=bookmarks)
        folder = Path(inputs.cache).expanduser() if inputs.cache else _default_folder()
        self._cache = InputCache(folder, int(inputs.cache_gb * _GIB))
        self._downloads = ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="fetch")

    def open(self, document: Document) -> "Future[OpenedDocument]":
        """As a pool does; the future's document is the one given."""
        if not document.url or document.kind is DocumentKind.FOLDER:
            return super().open(document)
        work = super().open
        opened = self._at_hand(document, lambda path: work(_here(document, path)), DocumentError)
        return _then(opened, lambda found: replace(found, document=document))

    def run(self, ref: PageRef, task: Callable[[PageImage], Any]) -> "Future[Any]":
        """As a pool does."""
        if ref.file and ref.file.problem:
            return failed(PageError(ref.file.problem))
        ref = ref.in_file()
        if not ref.document.url:
            return super().run(ref, task)
        work = super().run
        return self._at_hand(
            ref.document,
            lambda path: work(replace(ref, document=_here(ref.document, path)), task),
            PageError,
        )

    def _at_hand(
        self, document: Document, start: Callable[[Path], "Future[Any]"], kind: type[InputError]
    ) -> "Future[Any]":
        """Start work on a document once it is here; hold it until the work is done."""
        outer: Future[Any] = Future()

        def fetch() -> None:
            holding = contextlib.ExitStack()
            try:
                path = holding.enter_context(self._cache.holding(document))
                inner = start(path)
            except (InputError, UsageError) as error:
                holding.close()
                outer.set_exception(kind(str(error)))
            except Exception as error:  # noqa: BLE001 - belongs to the one who waits
                holding.close()
                outer.set_exception(error)
            else:
                inner.add_done_callback(partial(_copy, outer=outer, holding=holding))

        self._downloads.submit(fetch)
        return outer

    def close(self, kill: bool = False) -> None:
        """As a pool does; downloads that have not begun are not begun."""
        self._downloads.shutdown(wait=True, cancel_futures=True)
        super().close(kill)


def _here(document: Document, path: Path) -> Document:
    """The document as the renderer finds it."""
    status = path.stat()
    return replace(document, path=path, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


def _copy(done: "Future[Any]", outer: "Future[Any]", holding: contextlib.ExitStack | None = None) -> None:
    """Pass an outcome on, after letting go of what was held for it."""
    if holding is not None:
        holding.close()
    if outer.cancelled():
        return
    error = None if done.cancelled() else done.exception()
    if done.cancelled():
        outer.cancel()
    elif error is not None:
        outer.set_exception(error)
    else:
        outer.set_result(done.result())


def _then(future: "Future[Any]", change: Callable[[Any], Any]) -> "Future[Any]":
    outer: Future[Any] = Future()

    def take(done: "Future[Any]") -> None:
        changed: Future[Any] = Future()
        if not done.cancelled() and done.exception() is None:
            changed.set_result(change(done.result()))
        _copy(changed if changed.done() else done, outer)

    future.add_done_callback(take)
    return outer


def _default_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ocr-engine" / "inputs"
