"""Tells what runs have written from what is to be read, where the output folder is among the inputs."""

import os
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from pathlib import Path

from ocr_engine import urls
from ocr_engine.formats import LAYOUTS, MadeOf, exports_of
from ocr_engine.outputs.names import HIDDEN, is_subfolder
from ocr_engine.outputs.page_store import NAME as RECORDS

_FOLDERS_REMEMBERED = 4096
_REPORT = "report.html"


class OwnFiles:
    """What runs have written to one output folder, a path or a URL. It need not be there yet."""

    def __init__(self, output: str) -> None:
        """Touches nothing."""
        self._url = _plain(output) if urls.is_url(output) else ""
        self._root = Path(urls.local_path(output)).expanduser()
        self._below_root = lru_cache(_FOLDERS_REMEMBERED)(self._find_below_root)

    def holds(self, given: str) -> bool:
        """Whether a path is the output folder, or in it a file or folder of a document's results.

        In a store everything below the output folder is. Follows links; raises nothing.
        """
        if urls.is_url(given):
            return bool(self._url) and f"{_plain(given)}/".startswith(f"{self._url}/")
        if self._url:
            return False
        if self._is_root(given):
            return True
        folder, name = os.path.split(given)
        below = self._below_root(folder)
        if below is None:
            return False
        return (not below and name == _REPORT) or self._is_result((*below, name))

    @cached_property
    def _status(self) -> os.stat_result | None:
        return _status(self._root)

    def _is_root(self, path: str | Path) -> bool:
        found = _status(path)
        return found is not None and self._status is not None and os.path.samestat(found, self._status)

    def _find_below_root(self, folder: str) -> tuple[str, ...] | None:
        """The names from the output folder down to `folder`; None where it is not in it."""
        real = Path(os.path.realpath(folder))
        root = next((path for path in (real, *real.parents) if self._is_root(path)), None)
        return None if root is None else real.relative_to(root).parts

    def _is_result(self, parts: tuple[str, ...]) -> bool:
        """Whether one of the names on the way is our own, in a folder that holds a document's results."""
        return any(
            (is_subfolder(name) or (at == len(parts) - 1 and _is_export(name, parts[at - 1])))
            and _has_records(self._root.joinpath(*parts[:at]))
            for at, name in enumerate(parts)
            if at > 0
        )


def _plain(url: str) -> str:
    kind, _, path = url.partition("://")
    return f"{kind.lower()}://{path.strip('/')}"


def _is_export(name: str, folder: str) -> bool:
    """Whether a document's folder may hold a file of this name that could be read as an input."""
    exported = {export.target.format(name=folder) for export in exports_of(MadeOf.DOCUMENT)}
    patterns = (pattern for layout in LAYOUTS.values() for pattern in layout.like_inputs)
    return name in exported or any(fnmatchcase(name, pattern) for pattern in patterns)


def _has_records(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in (RECORDS, f"{HIDDEN}/{RECORDS}"))


def _status(path: str | Path) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except (OSError, ValueError):
        return None
