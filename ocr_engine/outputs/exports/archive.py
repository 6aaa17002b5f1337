"""`outputs.zip`: the results of a run in one file, the same bytes whenever the results are the same."""

import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ocr_engine.formats import MadeOf, exports_of
from ocr_engine.outputs.files import TEMPORARY_SUFFIX, atomic_file, output_errors, whole

ABOUT_THE_RUN = ("timings.csv", "failures.csv")
"""Files about the whole run that go in, where they are there; journal and report hold times and stay out."""
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: every file gets it."""
_PACKED = frozenset({".jpg", ".pdf", ".parquet", ".zip"})
_MODE = 0o644 << 16


def write(root: Path, folders: Iterable[Path], path: Path) -> None:
    """Zip the documents' folders and the files beside them, streaming. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in _files(root, folders):
            _add(archive, file, file.relative_to(root).as_posix())


def _files(root: Path, folders: Iterable[Path]) -> Iterator[Path]:
    """In order of their names; a document's folder inside another's is part of that one."""
    seen: set[Path] = set()
    for folder in sorted(folders):
        if not seen.isdisjoint(folder.parents):
            continue
        seen.add(folder)
        yield from sorted(path for path in folder.rglob("*") if _wanted(path))
    for name in (*(export.target for export in exports_of(MadeOf.RUN)), *ABOUT_THE_RUN):
        if (root / name).is_file():
            yield root / name


def _wanted(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.name.endswith(TEMPORARY_SUFFIX)


def _add(archive: zipfile.ZipFile, file: Path, name: str) -> None:
    entry = zipfile.ZipInfo(whole(name), _MOMENT)
    entry.compress_type = zipfile.ZIP_STORED if file.suffix in _PACKED else zipfile.ZIP_DEFLATED
    entry.external_attr = _MODE
    entry.file_size = file.stat().st_size
    with file.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)
