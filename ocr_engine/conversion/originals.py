"""The file a document came from, for exports that are made of it: there, and as it was read."""

from pathlib import Path

from ocr_engine import urls
from ocr_engine.errors import DocumentError
from ocr_engine.pages.backend import content_hash
from ocr_engine.pages.sources import SUFFIXES
from ocr_engine.records import DocumentKind


def original_of(given: str, content_id: str) -> Path | None:
    """The PDF that was given by this name; None for images, whose pages are pictures in any case.

    Raises:
        DocumentError: it is not here, or another file than the one that was read, and which.
    """
    if urls.is_url(given):
        raise DocumentError("it is in a store; only files of this machine are used")
    path = Path(urls.local_path(given)).expanduser()
    if path.is_dir() or path.suffix.lower() in SUFFIXES[DocumentKind.IMAGE]:
        return None
    if path.suffix.lower() not in SUFFIXES[DocumentKind.PDF]:
        raise DocumentError("it is no PDF")
    try:
        if content_hash(path) != content_id:
            raise DocumentError("the file changed since it was read")
    except OSError as error:
        raise DocumentError(f"it cannot be read: {error.strerror or error}") from None
    return path
