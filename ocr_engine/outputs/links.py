"""Symbolic links in an output folder: nothing is written through one."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath

from ocr_engine.log import logger, printable
from ocr_engine.outputs.names import is_subfolder
from ocr_engine.outputs.page_store import NAME as STORE_NAME


def link_in_the_way(root: Path, folder: PurePosixPath) -> Path | None:
    """The first symbolic link that would be written through below `root`: to a document's folder or in it.

    Links in place of single files are none: writing replaces them.
    """
    if link := _on_the_way(root, folder):
        return link
    pending = [root / folder]
    while pending:
        here = pending.pop()
        for entry in _entries(here):
            inside = here != root / folder or is_subfolder(entry.name)
            if entry.is_symlink() and (
                entry.name == STORE_NAME or inside and not PurePath(entry.name).suffix
            ):
                return Path(entry.path)
            if inside and entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
    return None


def folders_without_links(root: Path, claims: Mapping[str, str]) -> dict[str, str]:
    """Of the folders of documents those in which nothing would be written through a link; others are said."""
    kept = {}
    for folder, given in claims.items():
        if (link := link_in_the_way(root, PurePosixPath(folder))) is None:
            kept[folder] = given
        else:
            words = "%s: a symbolic link, and runs write through none: %s is not exported"
            logger.warning(words, printable(str(link)), printable(given))
    return kept


def _on_the_way(root: Path, below: PurePosixPath) -> Path | None:
    """The first symbolic link on the way from `root`, which may be one itself, to `below` in it."""
    path = root
    for part in below.parts:
        path /= part
        if path.is_symlink():
            return path
    return None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return sorted(listing, key=lambda entry: entry.name)
    except OSError:  # not there yet, or not to be read: writing will say so
        return []
