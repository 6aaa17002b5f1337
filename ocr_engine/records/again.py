"""What became of second readings: of a page, of its tables."""

from dataclasses import dataclass

from ocr_engine.records.box import Box
from ocr_engine.records.status import PageStatus


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What became of a page's second reading. What was added is in blocks labelled `second_reading`."""

    prompt: str
    why: str
    """Why it was made."""
    pieces: int = 0
    """Pieces of text that were added."""
    letters: int = 0
    """Letters and digits in them."""
    in_layer: int = 0
    """Pieces of these that the text layer has, too; the others are no more than the unread ink can be."""
    left_out: int = 0
    """Pieces, or sentences of one, that only it has and that nothing speaks for."""


@dataclass(frozen=True, slots=True)
class TableReading:
    """What became of a table that was read again by itself, larger (`quality.dense_tables`)."""

    box: Box
    """Of the table's block on the page."""
    why: str
    """Why it was read again: how large its type is."""
    dpi: int
    """Dots per inch that the page was drawn at for it; of an image, its own stay."""
    status: PageStatus
    """How the second answer ended."""
    reason: str
    """Why it took the first's place, or did not."""
    replaced: bool = False
    """Whether it took the first's place."""
    vision_tokens: int = 0
    text_tokens: int = 0
