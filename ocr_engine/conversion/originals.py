"""The file a document came from, for exports that are made of it: there, and as it was read."""

from contextlib import ExitStack
from pathlib import Path

from ocr_engine import urls
from ocr_engine.config import InputConfig
from ocr_engine.errors import DocumentError, InputError, UsageError
from ocr_engine.pages import remote
from ocr_engine.pages.backend import content_hash
from ocr_engine.pages.sources import SUFFIXES, is_folder
from ocr_engine.records import DocumentKind

_held = ExitStack()
"""What keeps the last file of a store in its cache, in this process, until another is asked for."""


def original_of(given: str, content_id: str, inputs: InputConfig) -> Path | None:
    """The PDF that was given by this name; None for images, whose pages are pictures in any case.

    One of a store is taken from the cache of inputs, or fetched again; it stays there until this process asks
    for another.

    Raises:
        DocumentError: it cannot be had, or is another file than the one that was read, and which.
    """
    suffix = Path(given).suffix.lower()
    if suffix in SUFFIXES[DocumentKind.IMAGE] or is_folder(given):
        return None
    if suffix not in SUFFIXES[DocumentKind.PDF]:
        raise DocumentError("it is no PDF")
    try:
        path = _of_store(given, inputs) if urls.is_url(given) else Path(urls.local_path(given)).expanduser()
        if content_hash(path) != content_id:
            raise DocumentError("the file changed since it was read")
    except OSError as error:
        raise DocumentError(f"it cannot be read: {error.strerror or error}") from None
    return path


def _of_store(url: str, inputs: InputConfig) -> Path:
    _held.close()
    try:
        return _held.enter_context(remote.fetched(url, DocumentKind.PDF, inputs))
    except DocumentError:
        raise
    except (InputError, UsageError) as error:
        raise DocumentError(
            f"it cannot be fetched: {str(error).removeprefix('cannot be fetched: ')}"
        ) from None
