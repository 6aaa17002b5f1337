"""The outline of a PDF as its file has it: bounded, and empty where it cannot be read."""

import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import islice

from ocr_engine.pages.backend import OpenDocument
from ocr_engine.records import Bookmark

MAX_BOOKMARKS = 20_000
"""Entries looked at; a manual of 2,000 pages has 5,000."""
MAX_TITLE_CHARS = 300
MAX_A_PAGE = 200
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202d\u202e\ufeff\ufffe\uffff]+")


def bookmarks_of(document: OpenDocument) -> Mapping[int, tuple[Bookmark, ...]]:
    """The entries that lead to each page, by 0-based index. What stands before an error is kept."""
    found: defaultdict[int, list[Bookmark]] = defaultdict(list)
    try:
        for level, index, title in islice(document.bookmarks(), MAX_BOOKMARKS):
            title = _title(title)
            if title and 0 <= index < document.page_count and len(found[index]) < MAX_A_PAGE:
                found[index].append(Bookmark(max(1, min(level, 99)), title))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110 - a hostile outline; the document is read all the same
        pass
    return {index: tuple(entries) for index, entries in found.items() if entries}


def _title(text: str) -> str:
    """One line of characters that can be shown."""
    return " ".join(_NOT_TEXT.sub(" ", text[: 4 * MAX_TITLE_CHARS]).split())[:MAX_TITLE_CHARS]
