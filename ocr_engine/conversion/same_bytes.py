"""Documents of equal bytes are read once: what was read of the first is written for the others, too."""

import asyncio
from dataclasses import dataclass, field

from ocr_engine.records import Document, OpenedDocument


@dataclass(frozen=True, slots=True)
class FirstRead:
    """The document of some bytes that is read by the model."""

    document: Document
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more is written of it, for whatever reason."""


_OVER = asyncio.Event()
_OVER.set()
"""Of all that have ended: an event each would be most of what a run of a million documents holds."""


class SameBytes:
    """The bytes that a run has met."""

    def __init__(self) -> None:
        self._first: dict[str, FirstRead] = {}

    def first_of(self, opened: OpenedDocument) -> FirstRead:
        """The document with the same bytes that came first; itself, if none did."""
        if (first := self._first.get(opened.content_id)) is None:
            first = self._first[opened.content_id] = FirstRead(opened.document)
        return first

    def end(self, opened: OpenedDocument) -> None:
        """Nothing more is written of a document that was the first."""
        first = self._first[opened.content_id]
        self._first[opened.content_id] = FirstRead(first.document, _OVER)
        first.ended.set()
