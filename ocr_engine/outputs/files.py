"""The file system's side of the outputs: files that are whole or not there, on disk when that is said."""

import contextlib
import errno
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from ocr_engine import formats
from ocr_engine.errors import OutputError
from ocr_engine.formats import MadeOf
from ocr_engine.log import printable

TEMPORARY_SUFFIX = ".ocr-tmp"
LOCK_NAME = ".lock"
DRIVERS = ".drivers"
"""Where runs that share an output folder have folders of their own. No document's name has a dot first."""
JOURNAL, EXPORTS, CHECKSUMS = "journal.jsonl", "exports.jsonl", "checksums.jsonl"
RUN_FILES = (
    *("run.json", "timings.csv", "failures.csv", "report.html"),
    *(export.target for export in formats.EXPORTS.values() if export.made_of is not MadeOf.DOCUMENT),
    *(EXPORTS, CHECKSUMS),
)
"""What runs write into the output folder itself, beside the journal."""
T = TypeVar("T")
_SYNC_THREADS = 8
_OPEN_FILES = 128
"""So many files of a group are open at one time."""
_ADVICE = {
    errno.ENOSPC: "the disk is full; make room and run the same command again",
    errno.EDQUOT: "the disk quota is used up; make room and run the same command again",
    errno.EFBIG: "larger than files may be here (ulimit -f); raise that and run the same command again",
    errno.EROFS: "the file system is read-only; choose another folder with --output",
    errno.EACCES: "no permission to write there; choose another folder with --output",
    errno.EPERM: "no permission to write there; choose another folder with --output",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another folder with --output",
    errno.EISDIR: "a folder stands where a file is needed; choose another folder with --output",
    errno.EEXIST: "a file stands where a folder is needed; choose another folder with --output",
    errno.ENAMETOOLONG: "the path is too long; choose a shorter folder with --output",
}


class output_errors:
    """Turn an OSError while writing `path` into an OutputError that says what to do."""

    # Entered seven times a page: as a generator it would cost a tenth of all that writes the page.
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise _output_error(self._path, error) from error


def _output_error(path: Path, error: OSError) -> OutputError:
    unknown = f"{error.strerror or error}; choose another folder with --output"
    advice = _ADVICE.get(error.errno or 0, unknown)
    return OutputError(f"{printable(str(path))}: cannot be written: {advice}")


def whole(text: str) -> str:
    """The text as UTF-8 allows it: half characters replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that it is there whole or not at all, on disk before it has its name.

    Parents are made. Text is UTF-8, lone surrogates replaced. Raises OutputError.
    """
    sync_folders(write_all_atomic([(path, data)]))


def write_all_atomic(files: Sequence[tuple[Path, bytes | str]]) -> set[Path]:
    """Write several files, each whole or not at all, none named before all are on disk.

    They are synced together: eight at once take a file system hardly longer than one. Their names are on disk
    after `sync_folders` of the folders that this returns.
    """
    temporaries = [(temporary_beside(path), path) for path, _ in files]
    folders = {path.parent for path, _ in files}
    try:
        make_folders(folders)
        for start in range(0, len(files), _OPEN_FILES):
            batch = slice(start, start + _OPEN_FILES)
            _write_synced(temporaries[batch], [data for _, data in files[batch]])
        for temporary, path in temporaries:
            with output_errors(path):
                os.replace(temporary, path)  # noqa: PTH105 - a third of the time of Path.replace
    except BaseException:
        for temporary, _ in temporaries:
            _discard(temporary)
        raise
    return folders


def _write_synced(temporaries: Sequence[tuple[Path, Path]], contents: Sequence[bytes | str]) -> None:
    """Write each temporary file; all are on disk when this returns. An error names the file it stands for."""
    handles: list[tuple[int, Path]] = []
    try:
        for (temporary, path), data in zip(temporaries, contents, strict=True):
            with output_errors(path):
                handles.append((_open_new(temporary), path))
                write_all(
                    handles[-1][0], data if isinstance(data, bytes) else data.encode("utf-8", "replace")
                )
        sync_all(handles)
    finally:
        for handle, _ in handles:
            os.close(handle)


def _open_new(path: Path) -> int:
    """A file that was not there. What was is taken away: a link would be written through."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        _discard(path)
        return os.open(path, flags, 0o666)


def write_all(handle: int, data: bytes) -> None:
    """Write all of it, in as many calls as that takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def sync_all(handles: Sequence[tuple[int, Path]]) -> None:
    """Wait until the bytes of open files are on disk, several at one time. An OutputError names the path."""
    _share(_sync_handles, list(handles))


def _share(work: Callable[[list[T]], None], items: list[T]) -> None:
    """Do something with each in threads that share the waits. Raises what the first to fail did."""
    if len(items) < 2:
        work(items)
        return
    calls = [_syncing().submit(work, items[k::_SYNC_THREADS]) for k in range(min(_SYNC_THREADS, len(items)))]
    wait(calls)  # all of them, also where one fails: none may still be synced when its file is closed
    for call in calls:
        call.result()


def _sync_handles(handles: Iterable[tuple[int, Path]]) -> None:
    for handle, path in handles:
        with output_errors(path):
            os.fsync(handle)


@functools.cache
def _syncing() -> ThreadPoolExecutor:
    """Threads that are kept: a page's own would cost as much as writing its files."""
    return ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="sync")


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`: renamed to it when the block ends well, removed when not."""
    temporary = temporary_beside(path)
    make_folder(path.parent)
    _discard(temporary)
    try:
        yield temporary
        sync_file(temporary)
        temporary.replace(path)
        sync_folders([path.parent])
    except BaseException:
        _discard(temporary)
        raise


def temporary_beside(path: Path) -> Path:
    """Where a file is written before it is renamed: a name made from the path alone.

    What a killed run leaves there, the next one replaces.
    """
    digest = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    return path.with_name(f".{digest}{TEMPORARY_SUFFIX}")


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def is_file(path: Path) -> bool:
    """Whether a file is there; False also for a path that no system takes."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False also for a path that no system takes."""
    try:
        return path.is_dir()
    except OSError:
        return False


def sync_file(path: Path) -> None:
    """Wait until the file's bytes are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder with its parents, each on disk under its name when this returns. Raises OSError."""
    _sync_each(_make_missing(path))


def make_folders(paths: Iterable[Path]) -> None:
    """The same of several, their syncs together. Raises OutputError."""
    changed: set[Path] = set()
    for path in paths:
        with output_errors(path):
            changed |= _make_missing(path)
    sync_folders(changed)


def _make_missing(path: Path) -> set[Path]:
    """Make a folder with its parents; returns the folders that have a new name in them."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
    return {folder.parent for folder in missing}


def sync_folders(folders: Iterable[Path]) -> None:
    """Wait until what was named, renamed and removed in these folders is on disk. Raises OutputError."""
    _share(_sync_named, list(set(folders)))


def _sync_named(folders: Iterable[Path]) -> None:
    for folder in folders:
        with output_errors(folder):
            _sync_each([folder])


def _sync_each(folders: Iterable[Path]) -> None:
    """File systems that cannot sync a folder (some network ones) are left to their own ways."""
    for folder in folders:
        try:
            sync_file(folder)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES):
                raise
