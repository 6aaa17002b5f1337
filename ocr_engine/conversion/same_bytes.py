"""Documents of equal bytes are read once: what was read of the first is written for the others, too."""

import asyncio
from dataclasses import dataclass, field

from ocr_engine.compact import Texts
from ocr_engine.records import OpenedDocument


@dataclass(frozen=True, slots=True)
class FirstRead:
    """The document of some bytes that is read by the model."""

    given: str
    name: str
    """Its file's."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more is written of it, for whatever reason."""


_OVER = asyncio.Event()
_OVER.set()
"""Of all that have ended."""


class SameBytes:
    """The bytes that a run has met. Of documents that have ended their names are kept, 0.1 kB each."""

    def __init__(self) -> None:
        self._reading: dict[str, FirstRead] = {}
        self._ended = Texts()

    def begin(self, opened: OpenedDocument) -> FirstRead | None:
        """The document with the same bytes that came first; None where this is it, and is to `end`."""
        if (over := self._ended.get(opened.content_id)) is not None:
            given, _, name = over.rpartition("\0")
            return FirstRead(given, name, _OVER)
        if (first := self._reading.get(opened.content_id)) is None:
            document = opened.document
            self._reading[opened.content_id] = FirstRead(document.given, document.relative.name)
        return first

    def end(self, opened: OpenedDocument) -> None:
        """Nothing more is written of a document that was the first."""
        first = self._reading.pop(opened.content_id)
        self._ended.put(opened.content_id, f"{first.given}\0{first.name}")
        first.ended.set()
