"""How many steps an answer that is known would have taken with drafts: acceptance without a model."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocr_engine.drafts.memory import PieceTable
from ocr_engine.drafts.rule import Place, propose
from ocr_engine.drafts.worth import Worth

if TYPE_CHECKING:
    from ocr_engine.drafts.rule import Tokens


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Tokens of an answer, the steps they took, and the drafts verified."""

    tokens: int
    steps: int
    drafted: int

    @property
    def tokens_a_step(self) -> float:
        """1 is no gain."""
        return self.tokens / self.steps if self.steps else 0.0

    @property
    def wasted(self) -> float:
        """The share of drafts that were refused."""
        return 1 - (self.tokens - self.steps) / self.drafted if self.drafted else 0.0

    def __add__(self, other: "Acceptance") -> "Acceptance":
        return Acceptance(self.tokens + other.tokens, self.steps + other.steps, self.drafted + other.drafted)


class Replay:
    """An answer that is known, written again step by step."""

    def __init__(
        self,
        answer: "Tokens",
        prediction: "Tokens",
        book: "Tokens",
        most: int,
        *,
        adaptive: bool = False,
        memory: PieceTable | None = None,
    ) -> None:
        """`answer` is int32 (n,), its end among them, `most` the drafts of a step.

        With `adaptive` a step verifies as many of them as `Worth` says. The first token comes with the
        prompt's step, without drafts. `memory` is shared with other answers.
        """
        self._answer, self._prediction, self._book, self._most = answer, prediction, book, most
        self._memory, self._worth, self._place = memory, Worth(most) if adaptive else None, Place()
        self._written = self._sampled = 1
        self._steps = self._drafted = 0

    @property
    def goes_on(self) -> bool:
        """Whether tokens are left."""
        return self._written < len(self._answer)

    def step(self) -> None:
        """Write the next tokens."""
        wanted = self._worth.wanted() if self._worth else self._most
        so_far = self._answer[: self._written]
        drafts = propose(
            *(self._prediction, self._book, so_far, self._sampled, self._place, self._most, self._memory)
        )[:wanted]
        left = self._answer[self._written : self._written + len(drafts)]
        refused = drafts[: len(left)] != left
        accepted = int(refused.argmax()) if refused.any() else len(left)
        if self._worth and wanted:
            self._worth.saw(wanted, accepted)
        self._sampled = min(accepted + 1, len(self._answer) - self._written)
        self._written += self._sampled
        self._steps, self._drafted = self._steps + 1, self._drafted + len(drafts)

    @property
    def acceptance(self) -> Acceptance:
        """What it took so far."""
        return Acceptance(self._written - 1, self._steps, self._drafted)


def replayed(
    answer: "Tokens", prediction: "Tokens", book: "Tokens", most: int, *, adaptive: bool = False
) -> Acceptance:
    """Of one whole answer, alone; see `Replay`."""
    return replayed_together([Replay(answer, prediction, book, most, adaptive=adaptive)], 1)[0]


def replayed_together(replays: Sequence[Replay], in_flight: int) -> list[Acceptance]:
    """Of many answers, so many at one time, each taking its next step in turn."""
    waiting, running = deque(replays), list[Replay]()
    while waiting or running:
        while waiting and len(running) < in_flight:
            running.append(waiting.popleft())
        for one in running:
            if one.goes_on:
                one.step()
        running = [one for one in running if one.goes_on]
    return [one.acceptance for one in replays]
