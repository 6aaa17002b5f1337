"""Documents in object stores, and office files: fetched, or made into PDFs, while they are worked on."""

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from ocr_engine import urls
from ocr_engine.config import InputConfig, RenderConfig
from ocr_engine.errors import DocumentError, InputError, PageError, UsageError
from ocr_engine.pages import office
from ocr_engine.pages.input_cache import InputCache
from ocr_engine.pages.pool import RenderPool, failed
from ocr_engine.pages.walk import has_magic
from ocr_engine.records import Document, DocumentKind, OpenedDocument, PageImage, PageRef

_DOWNLOADS = 8
_MAKERS = 4
"""Office programs at one time, of one core and some hundred MB each."""
_GIB = 1 << 30


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


class FetchingPool(RenderPool):
    """A render pool whose documents may be in object stores, or office files."""

    def __init__(self, render: RenderConfig, inputs: InputConfig, *, bookmarks: bool = False) -> None:
        super().__init__(render, inputs.password, inputs.max_document_pages, bookmarks=bookmarks)
        self._cache = InputCache(*_cache_of(inputs))
        self._office = office.OfficePdfs(*_cache_of(inputs), inputs, super().work)
        self._downloads = ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="fetch")
        # Apart: pages whose PDFs are there do not wait behind files of which one is made.
        self._makers = ThreadPoolExecutor(min(self.count, _MAKERS), thread_name_prefix="office")

    def open(self, document: Document) -> "Future[OpenedDocument]":
        """As a pool does; the future's document is the one given."""
        if document.kind is DocumentKind.FOLDER or not _is_elsewhere(document):
            return super().open(document)
        is_office = document.kind is DocumentKind.OFFICE
        if is_office and (reason := office.missing()):
            return failed(UsageError(reason))
        work = super().open
        threads = self._makers if is_office else self._downloads
        opened = self._at_hand(document, lambda path: work(_here(document, path)), DocumentError, threads)
        return _then(opened, lambda found: self._as_given(document, found))

    def _as_given(self, document: Document, opened: OpenedDocument) -> OpenedDocument:
        """What was opened, as the document it came from; an office file's pages are of its own bytes."""
        if document.kind is not DocumentKind.OFFICE:
            return replace(opened, document=document)
        return replace(opened, document=document, content_id=self._office.content_id(document))

    def run(self, ref: PageRef, task: Callable[[PageImage], Any], dpi: int = 0) -> "Future[Any]":
        """As a pool does."""
        if ref.file and ref.file.problem:
            return failed(PageError(ref.file.problem))
        ref = ref.in_file()
        if not _is_elsewhere(ref.document):
            return super().run(ref, task, dpi)
        work = super().run
        return self._at_hand(
            ref.document,
            lambda path: work(replace(ref, document=_here(ref.document, path)), task, dpi),
            PageError,
            self._downloads,
        )

    def _at_hand(
        self,
        document: Document,
        start: Callable[[Path], "Future[Any]"],
        kind: type[InputError],
        threads: ThreadPoolExecutor,
    ) -> "Future[Any]":
        """Start work on a document once it is here; hold it until the work is done."""
        outer: Future[Any] = Future()

        def fetch() -> None:
            holding = contextlib.ExitStack()
            try:
                path = self._held(document, holding)
                inner = start(path)
            except (InputError, UsageError) as error:
                holding.close()
                outer.set_exception(kind(str(error)))
            except Exception as error:  # noqa: BLE001 - belongs to the one who waits
                holding.close()
                outer.set_exception(error)
            else:
                inner.add_done_callback(partial(_copy, outer=outer, holding=holding))

        threads.submit(fetch)
        return outer

    def _held(self, document: Document, holding: contextlib.ExitStack) -> Path:
        """The file to work on, which stays as long as `holding` lasts. Raises InputError."""
        path = document.path
        if document.url:
            path = holding.enter_context(self._cache.holding(document))
        if document.kind is DocumentKind.OFFICE:
            source = _here(document, path) if document.url else document
            path = holding.enter_context(self._office.holding(source))
        return path

    def close(self, kill: bool = False) -> None:
        """As a pool does; downloads that have not begun are not begun."""
        if kill:
            self._office.stop()
        for threads in (self._makers, self._downloads):
            threads.shutdown(wait=True, cancel_futures=True)
        super().close(kill)


def _is_elsewhere(document: Document) -> bool:
    """Whether a document is not what a renderer opens: in a store, or a PDF only once one is made of it."""
    return bool(document.url) or document.kind is DocumentKind.OFFICE


def _here(document: Document, path: Path) -> Document:
    """The document as it is found in a cache; as a PDF, where it is one there."""
    status = path.stat()
    kind = DocumentKind.PDF if path.suffix == ".pdf" else document.kind
    return replace(document, path=path, kind=kind, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


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


def _cache_of(inputs: InputConfig) -> tuple[Path, int]:
    """The folder where files of stores are kept, and how many bytes of them."""
    folder = Path(inputs.cache).expanduser() if inputs.cache else _default_folder()
    return folder, int(inputs.cache_gb * _GIB)


@contextlib.contextmanager
def fetched(url: str, kind: DocumentKind, inputs: InputConfig) -> Iterator[Path]:
    """The file of one document in a store, from the cache where it is there, for as long as this lasts.

    Raises InputError or UsageError where it cannot be had.
    """
    document = next(find(url, {PurePosixPath(url).suffix.lower(): kind}), None)
    if document is None:
        raise InputError("it is no longer there")
    with InputCache(*_cache_of(inputs)).holding(document) as path:
        yield path


def _default_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ocr-engine" / "inputs"
