"""How far a page's text can be trusted: beside its text layer, and by the model's own probabilities."""

from dataclasses import dataclass
from enum import StrEnum

from ocr_engine.records.layer import LayerVerdict

MIN_WORDS = 20
"""A text layer with fewer words says nothing: a page number, a stamp."""


@dataclass(frozen=True, slots=True)
class BlockDifference:
    """What the page's own text has in the place of a block that is still unlike it, bounded."""

    block: int
    """The block's index among those of the record."""
    text: str


class BlockAgreement(StrEnum):
    """How a block's text agrees with the words that the file holds where it stands."""

    SAME = "same"
    SPACING = "spacing"
    """The same characters, with blanks elsewhere."""
    FEW = "few"
    """A few other characters."""
    MANY = "many"
    NO_LAYER = "no layer"
    """The file holds no text there, or the block is none."""


@dataclass(frozen=True, slots=True)
class PageAgreement:
    """What was read of a page beside its text layer. Words of margins and figures are not counted."""

    layer: LayerVerdict
    why: str
    """Why the layer is that, for people."""
    blocks: tuple[BlockAgreement, ...] = ()
    """Of each block as the model wrote it."""
    written: int = 0
    """Words on the page."""
    missed: int = 0
    """Words of it that were not read."""
    made_up: int = 0
    """Words that were read and are not on the page."""
    twice: int = 0
    """Lines that were read more often than they stand there."""

    @property
    def recall(self) -> float | None:
        """The share of the page's words that were read; None where there are too few to tell."""
        return round(1 - self.missed / self.written, 4) if self.written >= MIN_WORDS else None


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the model was of some text: the probabilities, 0 to 1, that it gave the words it wrote."""

    mean: float
    """Of all words on average: the one number that people are shown."""
    low: float
    """Of the least probable word."""


@dataclass(frozen=True, slots=True)
class PageConfidence:
    """How sure the model was of a page; the coordinates of boxes are left out."""

    page: Confidence
    blocks: tuple[Confidence | None, ...] = ()
    """Of each block as the model wrote it; None where it has no words. Empty for a page read in halves."""
