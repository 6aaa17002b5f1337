"""Exports that are a folder with a file a page: what writes them a few at a time, and takes away its own."""

import contextlib
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path

from ocr_engine.outputs.files import write_all_atomic
from ocr_engine.records import page_stem

_BATCH = 16


def write_files(files: Iterable[tuple[Path, bytes | str]]) -> None:
    """Write them a few at a time: files written together are synced together. Raises OutputError."""
    iterator = iter(files)
    while batch := list(islice(iterator, _BATCH)):
        write_all_atomic(batch)


def remove_pages(folder: Path, suffix: str, last_page: int, kept: Collection[int] = ()) -> None:
    """Take away the files of pages 1 to `last_page`: whatever else is there is not ours. Raises OSError."""
    for path in folder.glob(f"*{suffix}"):
        page = int(path.stem) if path.stem.isascii() and path.stem.isdigit() else 0
        if 1 <= page <= last_page and page not in kept and path.name == page_stem(page) + suffix:
            path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Take away a folder in which nothing is left."""
    with contextlib.suppress(OSError):
        folder.rmdir()
