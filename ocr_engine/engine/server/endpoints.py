"""Which server the next page goes to: the one with the shortest queue; servers that fail rest and come back.

Keeps books only: no connection, no clock of its own.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass, field

FIRST_REST_S, LONGEST_REST_S = 0.5, 30.0


@dataclass(eq=False, slots=True)
class Endpoint:
    """One server. `up` while it answers; `others` are requests in its queue that are not ours."""

    url: str
    up: bool = False
    in_flight: int = 0
    others: int = 0
    failures: int = 0
    rests_until_s: float = 0.0
    reason: str = ""

    @property
    def load(self) -> int:
        """Requests that would be served before a new one."""
        return self.in_flight + self.others

    def saw_queue(self, length: int) -> None:
        """Take in the server's own count of its queue."""
        self.others = max(0, length - self.in_flight)

    def came_up(self) -> None:
        """It says that it is there: no rest any more. A next failure rests as if it had not been."""
        self.up, self.rests_until_s = True, 0.0

    def answered(self) -> None:
        """It did its work: what was before is forgiven."""
        self.failures, self.reason = 0, ""

    def failed(self, now_s: float, reason: str, chance: random.Random) -> None:
        """It did not answer: rest, twice as long after each failure in a row, with jitter."""
        rest_s = min(FIRST_REST_S * 2**self.failures, LONGEST_REST_S)
        self.up, self.reason, self.others = False, reason, 0
        self.failures = min(self.failures + 1, 16)
        self.rests_until_s = now_s + rest_s * chance.uniform(0.5, 1.0)


@dataclass(slots=True)
class Endpoints:
    """All servers of a run. `in_flight` is how many pages one may be sent at one time."""

    all: list[Endpoint]
    in_flight: int
    _next: int = field(default=0)

    def free(self, avoid: Collection[Endpoint] = ()) -> Endpoint | None:
        """The server that is up and has the shortest queue, ties in turn; None where none has room.

        Those in `avoid` are taken only where no other is up.
        """
        up = [e for e in self.all if e.up]
        ready = [e for e in self.up_but(avoid) or up if e.in_flight < self.in_flight]
        if not ready:
            return None
        self._next += 1
        shortest = min(endpoint.load for endpoint in ready)
        ties = [endpoint for endpoint in ready if endpoint.load == shortest]
        return ties[self._next % len(ties)]

    def to_probe(self, now_s: float) -> list[Endpoint]:
        """Servers that are down and have rested."""
        return [e for e in self.all if not e.up and e.rests_until_s <= now_s]

    def up_but(self, avoid: Collection[Endpoint]) -> list[Endpoint]:
        """Servers that answer, without those in `avoid`."""
        return [e for e in self.all if e.up and e not in avoid]

    @property
    def any_up(self) -> bool:
        """Whether at least one server answers."""
        return any(endpoint.up for endpoint in self.all)
