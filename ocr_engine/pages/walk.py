"""A safe, sorted, lazy walk below a folder: root and name pattern in, paths out. Knows no file types.

Symlinks are reported, never followed, so a loop or a link out of the tree cannot widen a run.
"""

import fnmatch
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Pattern = tuple[str, ...]
EVERYTHING: Pattern = ("**",)
_States = frozenset[int]
"""Positions in a pattern that the names from the root down to a folder can have reached."""


@dataclass(frozen=True, slots=True)
class Found:
    """A path below the root. `problem` is empty for a regular file, else why it is not read."""

    path: str
    relative: str
    problem: str = ""
    is_folder: bool = False
    in_whole_folder: bool = True
    """Whether its folder is read completely, so that it was not chosen by its own name."""


@dataclass(frozen=True, slots=True)
class _Pending:
    path: str
    relative: str
    states: _States
    entry: os.DirEntry[str] | None
    in_whole_folder: bool = True


def split_glob(text: str) -> tuple[str, Pattern]:
    """A glob as the folder before its first wildcard and the pattern below it.

    >>> split_glob("scans/2024*/**/*.pdf")
    ('scans', ('2024*', '**', '*.pdf'))
    """
    parts = text.split("/")
    first = next((i for i, part in enumerate(parts) if _is_magic(part)), len(parts))
    root = "/".join(parts[:first]) or ("/" if text.startswith("/") else ".")
    return root, tuple(part for part in parts[first:] if part)


def has_magic(text: str) -> bool:
    """Whether `text` holds a wildcard."""
    return _is_magic(text)


def _nothing(_: str) -> bool:
    return False


def walk(
    root: str, pattern: Pattern = EVERYTHING, leave_out: Callable[[str], bool] = _nothing
) -> Iterator[Found]:
    """Regular files below `root` that match, depth first, sorted by name, and what cannot be read.

    `*` and `?` do not match a leading dot, `**` matches any number of folders. A folder that matches the
    whole pattern is read completely. Folders, and links to folders, that `leave_out` names by their path are
    passed over. Raises nothing: a folder that cannot be listed is a `Found` with a problem.
    """
    pending = [_Pending(root, "", _close({0}, pattern), None)]
    while pending:
        here = pending.pop()
        if here.entry is None or here.entry.is_dir(follow_symlinks=False):
            try:
                pending += reversed(list(_children(here, pattern, leave_out)))
            except OSError as error:
                yield Found(here.path, here.relative, f"folder cannot be read: {error.strerror}", True)
        elif (found := _judge(here, here.entry)).is_folder or len(pattern) in here.states:
            yield found


def _children(folder: _Pending, pattern: Pattern, leave_out: Callable[[str], bool]) -> Iterator[_Pending]:
    with os.scandir(folder.path) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        states = _advance(folder.states, entry.name, pattern)
        if states and not (_is_folder(entry) and leave_out(entry.path)):
            whole = len(pattern) in folder.states
            yield _Pending(entry.path, _join(folder.relative, entry.name), states, entry, whole)


def _judge(here: _Pending, entry: os.DirEntry[str]) -> Found:
    if entry.is_symlink():
        reason = "a symbolic link inside a folder is not followed; give its target as an input"
        return Found(here.path, here.relative, reason, _is_folder(entry), here.in_whole_folder)
    problem = "" if entry.is_file(follow_symlinks=False) else "not a regular file"
    return Found(here.path, here.relative, problem, in_whole_folder=here.in_whole_folder)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a loop of links; a folder that may not be looked into
        return False


def _advance(states: _States, name: str, pattern: Pattern) -> _States:
    if len(pattern) in states:
        return frozenset({len(pattern)})
    reached = set()
    for state in states:
        if pattern[state] == "**":
            reached.add(state)
        elif _matches(name, pattern[state]):
            reached.add(state + 1)
    return _close(reached, pattern)


def _close(states: set[int], pattern: Pattern) -> _States:
    """`**` may also stand for no folder at all."""
    closed = set(states)
    for state in sorted(states):
        while state < len(pattern) and pattern[state] == "**":
            state += 1
            closed.add(state)
    return frozenset(closed)


def _matches(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, part)


def _join(relative: str, name: str) -> str:
    return f"{relative}/{name}" if relative else name


def _is_magic(text: str) -> bool:
    return any(c in text for c in "*?[")
