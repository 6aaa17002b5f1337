"""Where a run's documents come from: a list, or a source that gives them out among several runs."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document


class Source(Protocol):
    """Gives out documents while others of them are converted, and is told when one ends."""

    def documents(self, stopping: Callable[[], bool]) -> AsyncIterator[Document | Refused]:
        """What is to be converted."""

    def ended(self, item: Document | Refused) -> None:
        """A document has its last journal line."""

    def before(self, document: Document) -> Path | None:
        """Another run's output folder that may hold pages of the document; None where there is none."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Documents that were found, of which nobody needs to hear more."""

    items: Iterable[Document | Refused]

    async def documents(self, stopping: Callable[[], bool]) -> AsyncIterator[Document | Refused]:
        """All, in order, until the run is stopped."""
        for item in self.items:
            if stopping():
                return
            yield item

    def ended(self, item: Document | Refused) -> None:
        """Nothing."""

    def before(self, document: Document) -> Path | None:
        """None."""
        return None
