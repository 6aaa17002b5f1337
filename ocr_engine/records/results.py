"""The results of reading a page: its blocks, its texts, its record and its journal row.

Boxes are in model units, 0..999. Page numbers count from 1, as in the files on disk.
"""

from dataclasses import dataclass, field
from typing import Any

from ocr_engine.records.again import SecondReading, TableReading
from ocr_engine.records.agreement import BlockDifference, PageAgreement, PageConfidence
from ocr_engine.records.box import Box
from ocr_engine.records.inputs import Bookmark
from ocr_engine.records.pixels import PageGeometry
from ocr_engine.records.status import PageStatus


@dataclass(frozen=True, slots=True)
class BlockLine:
    """Words that stand on one line of the page, by its text layer; in model units 0..999, to a tenth."""

    words: tuple[str, ...]
    sides: tuple[float, ...]
    """The left and the right side of each word in turn."""
    top: float
    bottom: float

    @property
    def left(self) -> float:
        """Where the line begins."""
        return min(self.sides)

    @property
    def right(self) -> float:
        """Where it ends."""
        return max(self.sides)

    @property
    def height(self) -> float:
        """That of its type, from ascender to descender."""
        return max(self.bottom - self.top, 0.1)


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page: a label, its boxes, and the text that follows its grounding tags.

    In an image block each box has a file name in `figures`. The parser gives these names once, so that links
    and files agree. Text before the first tag is a block with the label "" and no box.
    """

    label: str
    boxes: tuple[Box, ...]
    content: str
    figures: tuple[str, ...] = ()
    lines: tuple[BlockLine, ...] = ()
    """Where its lines stand, where that is asked for and the page's text layer tells."""

    def __reduce__(self) -> "tuple[type[Block], tuple[object, ...]]":
        """As of `Box`."""
        return Block, (self.label, self.boxes, self.content, self.figures, self.lines)


@dataclass(frozen=True, slots=True)
class ParsedText:
    """Raw model text as blocks in reading order. `repairs` counts what was mended in malformed tags."""

    blocks: tuple[Block, ...]
    repairs: int = 0
    spans: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    """Of each block, where its content stands in the raw text. Empty where several answers were joined."""


@dataclass(frozen=True, slots=True)
class FigureText:
    """The model's answer about a cropped figure: its raw text and, as for a page, how it ended."""

    name: str
    """The figure's file name, as in `Block.figures`."""
    status: PageStatus
    reason: str = ""
    text: str = ""
    vision_tokens: int = 0
    text_tokens: int = 0


@dataclass(frozen=True, slots=True)
class HeadingType:
    """The type a heading is set in, by the text layer; `box` is its block's first."""

    box: Box
    size_pt: float
    bold: bool


@dataclass(frozen=True)
class PageTexts:
    """The texts of one page, ready to be written. The layout decides which of them are filled.

    `tree` has `markdown`, with figure links as seen from the page's own file: `../figures/NAME`. The official
    layouts have `det`, the text with tags, and `mmd`, the text without.
    """

    raw: str
    markdown: str = ""
    det: str = ""
    mmd: str = ""
    tables: tuple[str, ...] = ()
    """The page's tables as CSV, if `output.tables_csv` is on."""


@dataclass(frozen=True)
class Attempt:
    """One try at reading a page: the settings that differ from the config, and how it ended."""

    settings: dict[str, Any]
    status: PageStatus
    reason: str
    output_tokens: int
    recall: float | None = None


@dataclass(frozen=True, slots=True)
class TextRepair:
    """One change that the page's text layer made to what was read.

    `block` is the block's index among those of the record, `at` the place in its text before all changes.
    Changes that say where the text stands, in `boxes`, are whole blocks that were missed.
    """

    block: int
    at: int
    before: str
    after: str
    reason: str
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class PageRecord:
    """One line of `pages.jsonl`. It follows from input, config and model alone, so it holds no times."""

    page: int
    """1-based page number."""
    status: PageStatus
    reason: str
    """Why the page is not simply done; a remark where it is; else empty."""
    fingerprint: str
    """What the page depends on, as two hashes: of what is read, and of how it is written."""
    mode: str
    """The mode that the kept attempt was read in."""
    prompt: str
    """The name of the prompt, or the prompt itself."""
    blocks: tuple[Block, ...] = ()
    """The pieces of the page in reading order, with labels, boxes and texts."""
    geometry: PageGeometry | None = None
    """The page's size in pixels and points, and its resolution; `size` in the file."""
    finish_reason: str = ""
    """How the engine ended the answer: `stop`, `length`, `abort` ..."""
    vision_tokens: int = 0
    """Visual tokens of the prompt."""
    text_tokens: int = 0
    """Tokens of the answer."""
    repairs: int = 0
    """Malformed tags and boxes of the answer that were mended."""
    attempts: int = 1
    """How often the page was read."""
    content_id: str = ""
    """Hash of the bytes of the file that the page was read from."""
    figure_texts: tuple[FigureText, ...] = ()
    """What was read of its figures (`figures.parse`)."""
    tried: tuple[Attempt, ...] = ()
    """All attempts in order, if there was more than one."""
    recall: float | None = None
    """Share of the text layer's words that were read; None where there is nothing to compare with."""
    suspect: bool = False
    """Whether the page is unlike its PDF's own text, or damaged: worth a look."""
    turned_deg: int = 0
    """How far the page was turned clockwise before it was read. Boxes are those of the upright page."""
    from_text_layer: bool = False
    """Whether the text layer stands in for what the model did not give."""
    agreement: PageAgreement | None = None
    """None where the text layer was not looked at."""
    text_repairs: tuple[TextRepair, ...] = ()
    """What the text layer changed in the text (`text_layer.repair`)."""
    differences: tuple[BlockDifference, ...] = ()
    """Of the blocks that are most unlike the page's own text, the worst first, where that is asked for."""
    mode_reason: str = ""
    """Why the page was read in this mode, where `mode: auto` chose it."""
    renderer: str = ""
    """The library that drew the page: `pymupdf`, `pdfium` or `pillow`. "" if none could, or if unknown."""
    heading_types: tuple[HeadingType, ...] = ()
    """Of the headings for which the text layer tells."""
    bookmarks: tuple[Bookmark, ...] = ()
    """The entries of the PDF's own outline that lead to the page; only with `text.headings: document`."""
    confidence: PageConfidence | None = None
    """None where it was not asked for (`quality.confidence`), or the engine did not say."""
    second: SecondReading | None = None
    """What a second reading added (`quality.second_prompt`); None where there was none."""
    table_readings: tuple[TableReading, ...] = ()
    """Of the tables that were read again by themselves (`quality.dense_tables`)."""
    file: str = ""
    """The name of the image that the page is, where a folder of images is the document."""

    @property
    def compression_ratio(self) -> float | None:
        """Text tokens per vision token, as the official compression test prints it."""
        return round(self.text_tokens / self.vision_tokens, 3) if self.vision_tokens else None


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A heading of a document: its title as clean markdown, its place."""

    level: int
    """From 1; 0 for a line of a list of contents that was read as a heading."""
    title: str
    page: int
    """1-based."""
    block: int
    """0-based, among the page's blocks."""


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One line of `journal.jsonl`. `page` is 1-based, None for a document that could not be opened."""

    document: str
    """The document as it was given, below the input folder."""
    page: int | None
    status: PageStatus
    reason: str
    fingerprint: str
    outputs: tuple[str, ...] = ()
    """The page's files, below the output folder."""
    attempts: int = 1
    """How often the page was read."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each stage."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Numbers for timings.csv and the summary: mode, chars, tokens."""
    folder: str = ""
    """Its document's folder below the output folder; "" where none of its files is written."""
    offset: int = field(default=-1, compare=False, repr=False)
    """Byte offset of its line in the journal; -1 for a row that was not read from a journal."""
