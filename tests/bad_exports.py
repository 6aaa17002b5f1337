"""Exports that die or hang, for worker processes."""

import os
import time
from pathlib import Path

from ocr_engine.outputs.exports.document import SourceDocument


def die(document: SourceDocument, path: Path) -> None:
    os._exit(9)


def hang(document: SourceDocument, path: Path) -> None:
    time.sleep(60)
