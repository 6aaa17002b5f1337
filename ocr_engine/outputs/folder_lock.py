"""One run at a time in an output folder, and none where other people's files would be replaced."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from ocr_engine.errors import OutputError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.files import (
    CHECKSUMS,
    EXPORTS,
    JOURNAL,
    LOCK_NAME,
    RUN_FILES,
    make_folder,
    output_errors,
)


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
