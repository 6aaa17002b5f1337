"""Decides which pages may run now: all together or, after deaths of the engine, suspects apart from the rest.

Pure bookkeeping: it is told of pages, ends and deaths, and knows no engine and no clock.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ocr_engine.engine.base import OnText
from ocr_engine.records import GenerationRequest

SPLIT = 8
"""Groups that suspects are split into. A restart costs about as much as reading a few groups in turn."""
_SUSPECT_DEATHS = 2


class TextOnce:
    """Passes an answer's text on, skipping what an attempt that died had already passed on."""

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._given = 0
        self._seen = 0

    def begin(self) -> None:
        """Begin a new attempt. Greedy decoding gives the same text again."""
        self._seen = 0

    def __call__(self, piece: str) -> None:
        """Take the next piece of this attempt."""
        start, self._seen = self._seen, self._seen + len(piece)
        new = piece[max(0, self._given - start) :]
        if new:
            self._given += len(new)
            self._on_text(new)


@dataclass(eq=False, slots=True)
class Flight:
    """A page in flight. `turn` resolves to the engine start it may run in, or fails if it never may."""

    request: GenerationRequest
    on_text: TextOnce | None
    turn: "asyncio.Future[Any]"
    deaths: int = 0
    """How often the engine died while this page was running."""


@dataclass(slots=True)
class Flights:
    """All pages in flight. Each is in one of the lists."""

    running: list[Flight] = field(default_factory=list)
    _waiting: deque[Flight] = field(default_factory=deque)
    _groups: deque[list[Flight]] = field(default_factory=deque)
    _poisonous: list[Flight] = field(default_factory=list)

    def add(self, flight: Flight) -> None:
        """Add a page at the end of the queue."""
        self._waiting.append(flight)

    def drop(self, flight: Flight) -> None:
        """Forget a page that was answered, refused or cancelled."""
        lists: list[Any] = [self.running, self._waiting, self._poisonous, *self._groups]
        for flights in lists:
            if flight in flights:
                flights.remove(flight)
        self._groups = deque(group for group in self._groups if group)

    @property
    def any_waiting(self) -> bool:
        """Whether any page waits for an engine."""
        return bool(self._waiting or self._groups)

    def next(self) -> list[Flight]:
        """Choose the pages to run now: one group of suspects on its own, or all that wait."""
        if not self._groups:
            chosen = list(self._waiting)
            self._waiting.clear()
        elif self.running:
            return []
        else:
            chosen = self._groups.popleft()
        self.running += chosen
        return chosen

    def died(self) -> None:
        """Note a death: pages that ran go back to the queue, to a group of suspects, or to the poisonous."""
        in_flight, self.running = self.running, []
        for flight in in_flight:
            flight.deaths += 1
        suspects = [flight for flight in in_flight if flight.deaths >= _SUSPECT_DEATHS]
        self._waiting.extendleft(flight for flight in reversed(in_flight) if flight not in suspects)
        if len(in_flight) == len(suspects) == 1:
            self._poisonous += suspects
        elif suspects:
            size = -(-len(suspects) // SPLIT)
            groups = [suspects[at : at + size] for at in range(0, len(suspects), size)]
            self._groups.extendleft(reversed(groups))

    def poisonous(self) -> list[Flight]:
        """Take out the pages that the engine died on while each was alone in it, after earlier deaths."""
        found, self._poisonous = self._poisonous, []
        return found

    def __iter__(self) -> Iterator[Flight]:
        """All pages that wait."""
        yield from (*self._waiting, *self._poisonous)
        for group in self._groups:
            yield from group
