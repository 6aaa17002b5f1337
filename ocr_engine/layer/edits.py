"""What repair would change in a block's content, and why it may: places, the new text, a reason."""

import re
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


def applied(content: str, edits: list[Edit]) -> str:
    """The content with all edits made; of two that overlap, the first counts."""
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start >= position:
            parts += [content[position : edit.start], edit.text]
            position = edit.end
    return "".join([*parts, content[position:]])
