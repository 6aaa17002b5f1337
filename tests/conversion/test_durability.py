"""A pulled plug: when a line says that a page is done, all its files are on disk under their names."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conversion.test_pipeline import make_pdf, rows, run_pdf


class Disk:
    """What a disk that keeps only what was synced would hold. Watches fsync, mkdir, unlink and replace."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self._root = root
        self._synced: set[int] = set()
        """Inodes whose content is on disk."""
        self._named: dict[str, set[str]] = {}
        """Names made or taken away in a folder since it was last synced."""
        self.lines = 0
        self.unsafe: list[str] = []
        """What a line relies on and a pulled plug would lose."""
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._on_fsync)
        for name, at in (("mkdir", 0), ("unlink", 0), ("replace", 1)):
            monkeypatch.setattr(os, name, self._noting(getattr(os, name), at))
        self._open = os.open
        monkeypatch.setattr(os, "open", self._on_open)

    def _on_fsync(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path == self._root / "journal.jsonl":
            for line in path.read_text().splitlines()[self.lines :]:
                self._judge(json.loads(line))
        self._fsync(handle)
        self._synced.add(os.fstat(handle).st_ino)
        self._named.pop(str(path), None)

    def _on_open(self, path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        is_new = bool(flags & os.O_CREAT) and Path(path).suffix == ".jsonl" and not Path(path).exists()
        if is_new:
            self._named.setdefault(str(Path(path).parent), set()).add(Path(path).name)
        return self._open(path, flags, *args, **kwargs)

    def _judge(self, row: dict[str, Any]) -> None:
        self.lines += 1
        paths = [self._root / output for output in row["outputs"]]
        paths += [path.parents[1] / "pages.jsonl" for path in paths]
        self.unsafe += [f"content of {path}" for path in paths if path.stat().st_ino not in self._synced]
        folders = {str(folder): names for folder, names in self._named.items()}
        self.unsafe += [f"names {names} in {folder}" for folder, names in folders.items()]

    def _noting(self, call: Any, at: int) -> Any:
        def noted(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            path = Path(args[at])
            if path.is_relative_to(self._root.parent):
                self._named.setdefault(str(path.parent), set()).add(path.name)
            return result

        return noted


def test_a_line_comes_after_all_it_names_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "deep/out"
    disk = Disk(monkeypatch, output)
    for pages in (2, 1):  # the second time files are replaced and taken away as well
        make_pdf(tmp_path / "in/a.pdf", pages, f"of {pages}")
        assert run_pdf(tmp_path / "in", "--output", output) == 0
    assert disk.lines == len(rows(output)) == 4
    assert disk.unsafe == []
