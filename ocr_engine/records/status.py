"""What became of a page: the statuses there are, and all that is known of each."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What counting, retrying, writing and drawing need to know of a status."""

    meaning: str
    """What it says of a page, for people."""
    light: str
    """Its colour on light pages, as CSS has it."""
    dark: str
    """The same on dark pages."""
    terminal: str = "yellow"
    """The same in a terminal, as rich names it."""
    is_poor: bool = False
    """Whether the page ended badly: it is retried, reported, and the run does not end with exit code 0."""
    has_text: bool = True
    """Whether there is a text of the page, be it an empty one."""
    worth: int = 0
    """Of two attempts at a page the one of the higher worth is kept."""


class PageStatus(StrEnum):
    """What became of a page. There is no status for "no record".

    The order is that of reports. To add one: a line here and one in `_FACTS`, and where it is given
    (`reading.answer.status_of`).
    """

    DONE = "done"
    BLANK = "blank"
    TRUNCATED = "truncated"
    LOOPED = "looped"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def facts(self) -> StatusFacts:
        """All that is known of it."""
        return _FACTS[self]

    @property
    def is_poor(self) -> bool:
        """Whether the page ended badly."""
        return self.facts.is_poor

    @property
    def has_text(self) -> bool:
        """Whether there is a text of the page."""
        return self.facts.has_text

    @classmethod
    def poor(cls) -> "tuple[PageStatus, ...]":
        """The statuses of pages that ended badly, the worst first."""
        return tuple(status for status in reversed(cls) if status.is_poor)

    @classmethod
    def to_retry(cls) -> "tuple[PageStatus, ...]":
        """The statuses that `--retry` is usually given: poor pages, and those in which nothing was found."""
        return (*cls.poor(), cls.BLANK)


_FACTS = {
    PageStatus.DONE: StatusFacts("read to its end", "#4a8c6a", "#5fa583", "green", worth=3),
    PageStatus.BLANK: StatusFacts(
        "nothing to read: too little ink, or the model found nothing", "#b4bcc4", "#5b646d", "dim"
    ),
    PageStatus.TRUNCATED: StatusFacts(
        "the answer did not end within the token limit; its text so far is kept",
        "#c9912b",
        "#d8a548",
        is_poor=True,
        worth=2,
    ),
    PageStatus.LOOPED: StatusFacts(
        "the answer only repeated itself; its text before that is kept",
        "#8a63ad",
        "#a98acb",
        is_poor=True,
        worth=1,
    ),
    PageStatus.FAILED: StatusFacts(
        "could not be drawn or read; the reason says why",
        "#bf4545",
        "#d96a6a",
        "red",
        is_poor=True,
        has_text=False,
    ),
    PageStatus.SKIPPED: StatusFacts(
        "not read on purpose, such as pages past a limit; the reason says why",
        "#8f98a1",
        "#6b747d",
        "dim",
        has_text=False,
    ),
}
