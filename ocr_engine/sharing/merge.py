"""Brings together what drivers wrote: each document's folder and journal lines, from whoever finished it.

Files that are only ever replaced as a whole are linked where that is possible, others copied. Lines come
after the files that they name. What was brought before is left as it is.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ocr_engine.errors import OutputError
from ocr_engine.log import logger, printable
from ocr_engine.outputs.files import JOURNAL, make_folder, output_errors, sync_file, sync_folders
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.links import link_in_the_way
from ocr_engine.outputs.names import is_subfolder
from ocr_engine.outputs.page_store import NAME as RECORDS

_LINE_HASH_BYTES = 8
_DOCUMENTS_AT_ONCE = 64
"""Whose lines share one sync of the journal."""


@dataclass(slots=True)
class Merged:
    """What a merge did, by the documents' names."""

    brought: int = 0
    there: int = 0
    twice: int = 0
    """Documents that more than one driver has pages of; one of them counts."""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DriverRun:
    """A driver and the local folder of its run."""

    name: str
    root: Path


def merge(root: Path, journal: Journal, runs: Iterable[DriverRun], finished: Mapping[str, str]) -> Merged:
    """Bring the runs' documents below `root`, whose open journal `journal` is.

    `finished` names the driver that finished a document, where that is known; else the one with the most
    pages counts. Raises OutputError.
    """
    runs, merged = list(runs), Merged()
    chosen = _chosen(runs, finished, merged)
    known = {_hash(line) for _, line in journal.lines()}
    owners = journal.claims()
    for run in runs:
        theirs = Journal(run.root / JOURNAL)
        folders = {given: folder for folder, given in theirs.claims().items()}
        wanted = {given for given, name in chosen.items() if name == run.name}
        lines = _lines(theirs, wanted)
        pending: list[bytes] = []
        for number, given in enumerate(lines, 1):
            if _hash(lines[given][-1]) in known:
                merged.there += 1
            elif _bring(root, run.root, given, folders.get(given), owners, merged):
                pending += lines[given]
                merged.brought += 1
            if number % _DOCUMENTS_AT_ONCE == 0:
                _append(journal, pending)
        _append(journal, pending)
    return merged


def _append(journal: Journal, pending: list[bytes]) -> None:
    if pending:
        journal.append_lines(pending)
    pending.clear()


def _chosen(runs: Iterable[DriverRun], finished: Mapping[str, str], merged: Merged) -> dict[str, str]:
    """The driver that counts, of each document."""
    pages: dict[str, dict[str, int]] = {}
    for run in runs:
        for given, _ in Journal(run.root / JOURNAL).latest():
            of_driver = pages.setdefault(given, {})
            of_driver[run.name] = of_driver.get(run.name, 0) + 1
    merged.twice = sum(len(found) > 1 for found in pages.values())
    return {
        given: finished[given] if finished.get(given) in found else max(sorted(found), key=found.__getitem__)
        for given, found in pages.items()
    }


def _lines(journal: Journal, wanted: set[str]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for given, line in journal.lines():
        if given in wanted:
            found.setdefault(given, []).append(line)
    return found


def _hash(line: bytes) -> bytes:
    return hashlib.blake2b(line.rstrip(b"\n"), digest_size=_LINE_HASH_BYTES).digest()


def _bring(
    root: Path, theirs: Path, given: str, folder: str | None, owners: Mapping[str, str], merged: Merged
) -> bool:
    """Bring a document's folder; whether its lines may follow. One without a folder has lines alone."""
    if folder is None:
        return True
    problem = ""
    if owners.get(folder, given) != given:
        problem = f"{folder} there holds {printable(owners[folder])}"
    elif link := link_in_the_way(root, PurePosixPath(folder)):
        problem = f"{link} is a symbolic link, and none is written through"
    if problem:
        merged.problems.append(f"{printable(given)}: {problem}")
        logger.warning("not merged: %s", merged.problems[-1])
        return False
    _replace_folder(theirs / folder, root / folder)
    return True


def _replace_folder(source: Path, target: Path) -> None:
    """The document's own files and folders as they are at `source`; other documents' below it stay."""
    with output_errors(target):
        make_folder(target)
        wanted = set(_own(source))
        for name in set(_own(target)) - wanted:
            (target / name).unlink()
        for name in sorted(wanted):
            make_folder((target / name).parent)
            _bring_file(source / name, target / name)
        sync_folders({(target / name).parent for name in wanted} | {target})


def _own(folder: Path) -> Iterator[str]:
    """The document's files, by their paths below its folder."""
    for entry in os.scandir(folder):
        if entry.is_file(follow_symlinks=False):
            yield entry.name
        elif entry.is_dir(follow_symlinks=False) and is_subfolder(entry.name):
            for where, _, names in os.walk(entry.path):
                yield from (str(Path(where, name).relative_to(folder)) for name in names)


def _bring_file(source: Path, target: Path) -> None:
    temporary = target.with_name(f".merge-{target.name[-200:]}")
    temporary.unlink(missing_ok=True)
    if source.name != RECORDS:  # which grows in place
        with contextlib.suppress(OSError):
            os.link(source, temporary)
    if not temporary.exists():
        shutil.copyfile(source, temporary)
        sync_file(temporary)
    temporary.replace(target)
    temporary.unlink(missing_ok=True)  # a name of the same file, which it replaces by doing nothing


def check_drivers(names: list[str], where: str) -> None:
    """Raises OutputError where there is nothing to merge."""
    if not names:
        raise OutputError(
            f"{where}: nothing to merge: no run with drivers.shard or drivers.claim has written here"
        )
