"""Page ranges as people write them (`1-3,7,-1`) to 0-based page indexes."""

import re

from ocr_engine.errors import UsageError

_PIECE = re.compile(r"\s*(?P<first>-?\d{1,9})\s*(?P<dash>-\s*(?P<last>-?\d{1,9})?)?\s*", re.ASCII)
_EXAMPLE = "expected something like 1-3,7,-1 (-1 is the last page, 5- is page 5 to the end)"


def parse_page_ranges(text: str, page_count: int) -> tuple[int, ...]:
    """The pages of a document that `text` names: 0-based, sorted, each once. Empty text means all pages.

    Pages past the end are left out, so that one text serves documents of many lengths.

    Raises:
        UsageError: malformed text, or none of the pages exists in this document.
    """
    if not text.strip():
        return tuple(range(page_count))
    wanted: set[int] = set()
    for first, last in _pieces(text):
        wanted.update(range(*_indexes(first, last, page_count)))
    if not wanted:
        raise UsageError(f"page range {text!r}: no such page; the document has {page_count}")
    return tuple(sorted(wanted))


def validate_page_ranges(text: str) -> None:
    """Check `text` before any document is open.

    Raises:
        UsageError: malformed text; the message names the piece.
    """
    if text.strip():
        _pieces(text)


def _pieces(text: str) -> list[tuple[int, int]]:
    """(first, last) as written: 1-based, or negative from the end; both inclusive."""
    return [_piece(piece) for piece in text.split(",")]


def _piece(text: str) -> tuple[int, int]:
    match = _PIECE.fullmatch(text)
    if match is None:
        raise UsageError(f"page range {text.strip()!r}: not a page range; {_EXAMPLE}")
    first = int(match["first"])
    last = first if not match["dash"] else int(match["last"] or -1)
    if first == 0 or last == 0:
        raise UsageError(f"page range {text.strip()!r}: pages are counted from 1; {_EXAMPLE}")
    if (first > 0) == (last > 0) and first > last:
        raise UsageError(f"page range {text.strip()!r}: runs backwards; write {last}-{first}")
    return first, last


def _indexes(first: int, last: int, page_count: int) -> tuple[int, int]:
    """Start and end (exclusive) of a piece, within the document."""
    start = first - 1 if first > 0 else page_count + first
    end = last if last > 0 else page_count + last + 1
    if first == last and start < 0:
        return (0, 0)
    return max(start, 0), min(end, page_count)
