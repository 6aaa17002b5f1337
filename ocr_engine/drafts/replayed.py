"""How many steps an answer that is known would have taken with drafts: acceptance without a model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


def replayed(
    answer: "Tokens", prediction: "Tokens", book: "Tokens", most: int, *, adaptive: bool = False
) -> Acceptance:
    """Of an answer of int32 (n,) tokens, its end among them, with `most` drafts a step.

    With `adaptive` a step verifies as many of them as `Worth` says. The first token comes with the prompt's
    step, without drafts.
    """
    place, worth, written, sampled, steps, drafted = Place(), Worth(most), 1, 1, 0, 0
    while written < len(answer):
        wanted = worth.wanted() if adaptive else most
        drafts = propose(prediction, book, answer[:written], sampled, place, most)[:wanted]
        left = answer[written : written + len(drafts)]
        refused = drafts[: len(left)] != left
        accepted = int(refused.argmax()) if refused.any() else len(left)
        if wanted:
            worth.saw(wanted, accepted)
        sampled = min(accepted + 1, len(answer) - written)
        written, steps, drafted = written + sampled, steps + 1, drafted + len(drafts)
    return Acceptance(max(0, len(answer) - 1), steps, drafted)
