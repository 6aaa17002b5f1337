"""Exports that die or hang, for worker processes."""

import os
import time
from pathlib import Path

from ocr_engine.outputs.exports.document import SourceDocument


def die(document: SourceDocument, path: Path) -> None:
    os._exit(9)


def hang(document: SourceDocument, path: Path) -> None:
    time.sleep(60)


def die_with_original(document: SourceDocument, path: Path) -> list[str]:
    if document.original is not None:
        os._exit(9)
    path.write_text("pictures")
    return []
