"""What repair would change in a block's content, and why it may: places, the new text, a reason."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_ENTITY = re.compile(r"&(?=#?\w{1,30};)")


class Reason(StrEnum):
    """Why a place of a text is changed."""

    NO_BLANK = "no blank on the page"
    BLANK = "a blank on the page"
    LINE = "a line ends on the page"
    LETTERS = "other letters on the page"
    MISSED = "words missed"
    MADE_UP = "words that are not on the page"
    TWICE = "a line read twice"
    MISSED_TEXT = "text missed"


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` of a content become `text`."""

    start: int
    end: int
    text: str
    reason: Reason


def as_text(written: str) -> str:
    """Characters of a page for markdown: what would be markup there is not."""
    return _ENTITY.sub("&amp;", written).replace("<", "&lt;")


def apart(edits: Iterable[Edit]) -> list[Edit]:
    """Edits in order, without those that overlap one before."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return kept


def applied(content: str, edits: Iterable[Edit]) -> str:
    """The content with edits made that are in order and apart."""
    parts: list[str] = []
    position = 0
    for edit in edits:
        parts += [content[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, content[position:]])
