"""How many drafts a request's next step verifies: as many as will probably pay for themselves.

A drafted token costs a tenth of a step's own (`bench/log.md`). So the last draft of a step should be accepted
in one step of ten; where almost none is, as behind a text layer that lies, none is verified for a while.
"""

from dataclasses import dataclass

_FIRST = 2.0
"""Drafts that a step is believed to accept before any was seen."""
_MEMORY = 1 / 8
_SLOPE = 2.3
"""Drafts that pay for each one accepted on average: q^n = 0.1, with q = average / (1 + average)."""
_TOO_FEW = 0.15
_AGAIN = 0.5
_REST_STEPS = 64


@dataclass(slots=True)
class Worth:
    """What a request's drafts were worth of late."""

    most: int
    """Drafts of a step at most; 0 for a request without any."""
    accepted: float = _FIRST
    rest: int = 0

    def wanted(self) -> int:
        """Drafts for the next step; called once a step."""
        if self.rest:
            self.rest -= 1
            return 0
        return min(self.most, int(1 + _SLOPE * self.accepted))

    def saw(self, offered: int, accepted: int) -> None:
        """A step has verified `offered` drafts and accepted so many of them."""
        # Where all were accepted one more might have been.
        value = accepted + (accepted == offered)
        self.accepted += (value - self.accepted) * _MEMORY
        if self.accepted < _TOO_FEW:
            self.accepted, self.rest = _AGAIN, _REST_STEPS
