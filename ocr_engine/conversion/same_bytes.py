"""Documents of equal bytes are read once: what was read of the first is written for the others, too."""

import asyncio
from dataclasses import dataclass, field

from ocr_engine.records import OpenedDocument


@dataclass(frozen=True, slots=True)
class FirstRead:
    """The document of some bytes that is read by the model."""

    opened: OpenedDocument
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more is written of it, for whatever reason."""


class SameBytes:
    """The bytes that a run has met."""

    def __init__(self) -> None:
        self._first: dict[str, FirstRead] = {}

    def first_of(self, opened: OpenedDocument) -> FirstRead:
        """The document with the same bytes that came first; itself, if none did."""
        return self._first.setdefault(opened.content_id, FirstRead(opened))
