"""Output folders of conversions: a later one finds stored text there, and is compared with it."""

import random
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from bench.drafts import planted

_SCAN_ERRORS = 0.42
"""Wrong words of text that is accepted as little as drafts without a text layer are."""


class Made:
    """The folders of one benchmark; the first without drafts is kept."""

    def __init__(self, errors: float) -> None:
        """`errors` is the share of words that are made wrong in what a reading finds stored."""
        self._errors = errors
        self._plain: Path | None = None

    def root_for(self, reading: str, documents: Collection[str]) -> Path:
        """An output folder: new, or for `stored` and `scan` with the plain reading's pages with errors."""
        root = Path(tempfile.mkdtemp(prefix="bench-out-"))
        errors = {"stored": self._errors, "scan": _SCAN_ERRORS}.get(reading)
        if errors is not None and self._plain is not None:
            shutil.copy(self._plain / "journal.jsonl", root)
            for name in documents:
                shutil.copytree(self._plain / name, root / name)
            chance = random.Random(0)
            for path in _raw_texts(root):
                words = path.read_text().split()
                known = dict(enumerate(words))
                wrong = planted(list(known), errors, chance)
                path.write_text(" " + " ".join(known[word] for word in wrong))
        return root

    def keep(self, root: Path, reading: str) -> None:
        """Take a folder away, unless it is the first of the plain readings."""
        if reading == "plain" and self._plain is None:
            self._plain = root
        else:
            shutil.rmtree(root)

    def compared(self, root: Path, documents: Collection[str]) -> dict[str, Any]:
        """How many pages' raw texts, of these documents, are those of the plain reading."""
        if self._plain is None:
            return {}
        pages = [path for path in _raw_texts(self._plain) if path.parts[-3] in documents]
        same = sum((root / path.relative_to(self._plain)).read_bytes() == path.read_bytes() for path in pages)
        return {"answers_equal": same / len(pages)}

    def clear(self) -> None:
        """Take away what was kept."""
        if self._plain is not None:
            shutil.rmtree(self._plain, ignore_errors=True)


def _raw_texts(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*/pages/*.raw.md"))
