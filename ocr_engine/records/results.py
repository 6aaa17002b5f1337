"""What became of a page: its blocks, its texts, its record and its journal row.

Boxes are in model units; page numbers are 1-based here, as in the files these are written to.
"""

from dataclasses import dataclass, field
from typing import Any

from ocr_engine.records.pixels import PageGeometry
from ocr_engine.records.status import PageStatus


@dataclass(frozen=True, slots=True)
class Box:
    """A box in model units 0..999 of the rendered page, ordered: x1 <= x2, y1 <= y2."""

    x1: int
    y1: int
    x2: int
    y2: int

    def to_px(self, width: float, height: float) -> tuple[int, int, int, int]:
        """Pixels of a `width` x `height` raster: `int(value / 999 * size)`, as the official scripts do."""
        return (
            int(self.x1 / 999 * width),
            int(self.y1 / 999 * height),
            int(self.x2 / 999 * width),
            int(self.y2 / 999 * height),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """One grounded piece of a page: label, boxes and the text that follows its tags.

    `figures` holds one file name a box for image blocks, decided once by the parser, so that links
    and files cannot drift apart. Text before the first tag is a block with the label "" and no box.
    """

    label: str
    boxes: tuple[Box, ...]
    content: str
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedText:
    """Raw model text as blocks in reading order, with a count of the repairs malformed tags needed."""

    blocks: tuple[Block, ...]
    repairs: int = 0


@dataclass(frozen=True, slots=True)
class FigureText:
    """What the second reading of a cropped figure gave: raw text, and how it ended, as for a page."""

    name: str
    """The figure's file name, as in `Block.figures`."""
    status: PageStatus
    reason: str = ""
    text: str = ""
    vision_tokens: int = 0
    text_tokens: int = 0


@dataclass(frozen=True, slots=True)
class PageTexts:
    """The texts of one page, ready to be written: `markdown` for `layout: tree`, the others for `official`.

    Figure links of `markdown` are `../figures/NAME`, as seen from the page's own file.
    """

    raw: str
    markdown: str = ""
    det: str = ""
    mmd: str = ""
    tables: tuple[str, ...] = ()
    """The page's tables as CSV, where they are wanted."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a page: the settings that differ from the config, and what came of it."""

    settings: dict[str, Any]
    status: PageStatus
    reason: str
    output_tokens: int
    recall: float | None = None


@dataclass(frozen=True, slots=True)
class PageRecord:
    """One line of `pages.jsonl`: a pure function of input, config and model, so no times in it."""

    page: int
    """1-based page number."""
    status: PageStatus
    reason: str
    fingerprint: str
    mode: str
    prompt: str
    blocks: tuple[Block, ...] = ()
    geometry: PageGeometry | None = None
    finish_reason: str = ""
    vision_tokens: int = 0
    text_tokens: int = 0
    repairs: int = 0
    attempts: int = 1
    content_id: str = ""
    """Hash of the file's bytes that the page was read from."""
    figure_texts: tuple[FigureText, ...] = ()
    tried: tuple[Attempt, ...] = ()
    """All attempts in order, where there was more than one."""
    recall: float | None = None
    """Share of the text layer's words that were read; None where there is nothing to compare with."""
    suspect: bool = False
    turned_deg: int = 0
    """How far the page was turned clockwise to be read; boxes are those of the page as it is."""
    from_text_layer: bool = False
    renderer: str = ""
    """Who drew the page: `pymupdf`, `pdfium` or `pillow`; "" where nobody could, or where it is not known."""

    @property
    def compression_ratio(self) -> float | None:
        """Text tokens a vision token, as the official compression test prints it."""
        return round(self.text_tokens / self.vision_tokens, 3) if self.vision_tokens else None


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One line of `journal.jsonl`. `page` is 1-based, None for a document that could not be opened."""

    document: str
    page: int | None
    status: PageStatus
    reason: str
    fingerprint: str
    outputs: tuple[str, ...] = ()
    attempts: int = 1
    seconds: dict[str, float] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    """Numbers for timings.csv and the summary: mode, chars, tokens."""
    folder: str = ""
    """Its document's folder below the output folder; "" where none of its files is written."""
    offset: int = field(default=-1, compare=False, repr=False)
    """Where its line begins in the journal, in bytes; -1 for a row that was not read from one."""
