"""The file system's side of the outputs: atomic writes, safe and distinct names, one run a folder."""

import contextlib
import errno
import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath

import filelock

from ocr_engine import formats
from ocr_engine.errors import OutputError
from ocr_engine.formats import MadeOf
from ocr_engine.log import logger, printable

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
_SYNC_THREADS = 8
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


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing `path` into an OutputError that says what to do."""
    try:
        yield
    except OSError as error:
        raise _output_error(path, error) from error


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
    write_all_atomic([(path, data)])
    sync_folders([path.parent])


def write_all_atomic(files: Sequence[tuple[Path, bytes | str]]) -> None:
    """Write several files, each whole or not at all, none named before all are on disk.

    They are synced together: eight at once take a file system hardly longer than one. Their names are on disk
    after `sync_folders`.
    """
    temporaries = [(temporary_beside(path), path) for path, _ in files]
    try:
        for (temporary, path), (_, data) in zip(temporaries, files, strict=True):
            with output_errors(path):
                make_folder(path.parent)
                _discard(temporary)  # a link there would be written through
                temporary.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
        _sync_all(temporaries)
        for temporary, path in temporaries:
            with output_errors(path):
                temporary.replace(path)
    except BaseException:
        for temporary, _ in temporaries:
            _discard(temporary)
        raise


def _sync_all(files: Sequence[tuple[Path, Path]]) -> None:
    """Sync each temporary file; an error names the file it stands for."""
    if len(files) == 1:
        _sync_for(*files[0])
    elif files:
        syncs = [_syncing().submit(_sync_for, *pair) for pair in files]
        wait(syncs)  # all of them, also where one fails: none may still be open when its file is taken away
        for sync in syncs:
            sync.result()


@functools.cache
def _syncing() -> ThreadPoolExecutor:
    """Threads that are kept: a page's own would cost as much as writing its files."""
    return ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="sync")


def _sync_for(temporary: Path, path: Path) -> None:
    with output_errors(path):
        sync_file(temporary)


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
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
    _sync_each({folder.parent for folder in missing})


def sync_folders(folders: Iterable[Path]) -> None:
    """Wait until what was named, renamed and removed in these folders is on disk. Raises OutputError."""
    for folder in set(folders):
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


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed run left half-written in `folder` (not in its subfolders)."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)


def find_link(root: Path, below: PurePosixPath) -> Path | None:
    """The first symbolic link on the way from `root`, which may be one itself, to `below` in it."""
    path = root
    for part in below.parts:
        path /= part
        if path.is_symlink():
            return path
    return None


def _check_ours(root: Path) -> None:
    """Before the first run writes here: nothing of other people's is in its way. Raises OutputError."""
    for name in (LOCK_NAME, JOURNAL, EXPORTS, CHECKSUMS):
        if (root / name).is_symlink():
            raise OutputError(
                f"{printable(str(root / name))}: a symbolic link, and runs write through none; move it away"
            )
    if (root / LOCK_NAME).exists() or (root / JOURNAL).exists():
        return
    if found := [name for name in RUN_FILES if (root / name).exists()]:
        raise OutputError(
            f"{printable(str(root))}: {', '.join(found)} was written by no run, and this run"
            " would replace it; move it away, or choose another folder with --output"
        )


@contextlib.contextmanager
def lock_output(root: Path) -> Iterator[None]:
    """Hold the output folder for this run; the lock goes with the process, however it ends.

    Raises:
        OutputError: another run holds it, the folder cannot be made or locked, or it holds files of others
            that a run would replace.
    """
    with output_errors(root):
        make_folder(root)
        _check_ours(root)
        lock = filelock.FileLock(root / LOCK_NAME, timeout=0)
        try:
            lock.acquire()
        except NotImplementedError:
            logger.warning(
                "%s: this file system cannot lock files; start no second run on this folder",
                printable(str(root)),
            )
        except filelock.Timeout:
            raise OutputError(
                f"{printable(str(root))}: another run is writing to this folder; wait for it, or choose"
                " another folder with --output"
            ) from None
    try:
        yield
    finally:
        lock.release()
