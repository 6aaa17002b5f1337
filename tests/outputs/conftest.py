"""Records, a drawn page and faults for the output tests."""

import errno
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from ocr_engine.records import (
    Block,
    Box,
    Document,
    DocumentKind,
    JournalRow,
    PageGeometry,
    PageRecord,
    PageStatus,
)

GEOMETRY = PageGeometry(width_px=200, height_px=300, width_pt=100.0, height_pt=150.0, dpi=144.0)


@pytest.fixture
def document() -> Callable[..., Document]:
    def make(given: str, relative: str = "") -> Document:
        path = PurePosixPath(relative or PurePosixPath(given).name)
        return Document(given, Path(given), path, DocumentKind.PDF, 1, 1)

    return make


@pytest.fixture
def record() -> Callable[..., PageRecord]:
    def make(
        page: int = 1, status: PageStatus = PageStatus.DONE, reason: str = "", **other: object
    ) -> PageRecord:
        blocks = (
            Block("title", (Box(10, 20, 300, 400),), "\n# Title – “ü” 漢\n\n"),
            Block("image", (Box(0, 0, 999, 999),), "", (f"{page:04d}-1.jpg",)),
        )
        values: dict[str, object] = {
            "blocks": blocks,
            "geometry": GEOMETRY,
            "finish_reason": "stop",
            "vision_tokens": 903,
            "text_tokens": 100,
        }
        return PageRecord(page, status, reason, "read.write", "gundam", "markdown", **(values | other))  # type: ignore[arg-type]

    return make


@pytest.fixture
def row() -> Callable[..., JournalRow]:
    def make(document: str = "a.pdf", page: int | None = 1, **other: object) -> JournalRow:
        values: dict[str, object] = {
            "status": PageStatus.DONE,
            "reason": "",
            "fingerprint": "read.write",
            "outputs": (f"a/pages/{page or 0:04d}.md",),
            "folder": "" if other.get("outputs") == () else "a",
            "seconds": {"render": 0.25, "total": 1.5},
            "extra": {"mode": "gundam", "chars": 12},
        }
        return JournalRow(document, page, **(values | other))  # type: ignore[arg-type]

    return make


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing reaches the disk, as when it is full."""

    def fail(*args: object, **kwargs: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
