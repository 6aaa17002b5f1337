"""The journal in an object store, which cannot append: numbered segments, each the next lines of one run."""

import io
import re
import secrets
from collections.abc import Sequence

JOURNAL = "journal.jsonl"
SEGMENTS = "journal"
"""Folder of the journal's segments in the store."""
SEGMENT = re.compile(rf"{SEGMENTS}/(\d+)-[0-9a-f]+-\d+\.jsonl", re.ASCII)


def run_name(number: int) -> str:
    """A new name for a run: segments sort in the order of the runs, whatever a clock says."""
    return f"{number:06d}-{secrets.token_hex(4)}"


def run_number(name: str) -> int:
    """The run that wrote a segment; 0 for what is none."""
    found = SEGMENT.fullmatch(name)
    return int(found[1]) if found else 0


def whole_lines(data: bytes) -> bytes:
    """`data` with its last line ended."""
    return data if data.endswith(b"\n") or not data else data + b"\n"


def not_in(journal: bytes, segments: Sequence[bytes]) -> list[bytes]:
    """The segments without those that `finish` had put into the journal and was killed before removing."""
    if not segments:
        return []
    first_lines = [io.BytesIO(segment).readline() for segment in segments]
    # One pass over a journal that may be long; then only what begins in it is looked for as a whole.
    begun = set(first_lines).intersection(io.BytesIO(journal))
    pairs = zip(segments, first_lines, strict=True)
    return [segment for segment, first in pairs if first not in begun or segment not in journal]


def is_journal(name: str) -> bool:
    """Whether a name in the store is the journal or a part of it."""
    return name == JOURNAL or bool(SEGMENT.fullmatch(name))
