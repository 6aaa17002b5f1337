"""The records that travel between the stages, one frozen dataclass an arrow, in the order of the flow.

Document -> PageRef -> PageImage -> PageViews -> Generation -> ParsedText -> PageRecord -> JournalRow.
Page indexes are 0-based here; 1-based page numbers exist only in file names, records on disk and messages.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


class PageStatus(StrEnum):
    """What became of a page. There is no status for "no record"."""

    DONE = "done"
    BLANK = "blank"
    TRUNCATED = "truncated"
    LOOPED = "looped"
    FAILED = "failed"
    SKIPPED = "skipped"


class DocumentKind(StrEnum):
    """How a document is opened."""

    PDF = "pdf"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Document:
    """One input file: how the user named it, where it is, and its place below the output folder."""

    given: str
    path: Path
    relative: PurePosixPath
    """Path below the input folder it was found in (its bare name when given as a file)."""
    kind: DocumentKind
    size_bytes: int
    mtime_ns: int
    url: str = ""
    """Where it is when it is in an object store; `path` is then its name alone."""
    version: str = ""
    """What the store calls this content."""


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document after a renderer opened it once."""

    document: Document
    content_id: str
    """Hash of the file's bytes."""
    page_count: int
    backend: str
    """The renderer that could open it: `pymupdf`, `pdfium` or `pillow`."""
    claimed_pages: int = 0
    """Pages the file claims; more than `page_count` where `input.max_document_pages` cut it."""


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page of one document, before any pixel is read."""

    document: Document
    content_id: str
    index: int
    page_count: int
    backend: str

    @property
    def number(self) -> int:
        """1-based page number, for people."""
        return self.index + 1

    def __str__(self) -> str:
        return f"{self.document.given} page {self.number}"


@dataclass(frozen=True, slots=True)
class PageGeometry:
    """The rendered page's size, and the size of the page in points (pixels for images)."""

    width_px: int
    height_px: int
    width_pt: float
    height_pt: float
    dpi: float
    """Dots per inch actually rendered at: lower than asked where the page was clamped."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A rendered page: RGB, upright, with the renderer that made it and the seconds it took.

    `text_layer()` is the text the file itself holds of this page, "" where there is none; it stays in the
    process that rendered the page.
    """

    image: "Image"
    geometry: PageGeometry
    backend: str
    seconds: float = 0.0
    text_layer: Callable[[], str] = str


@dataclass(frozen=True, slots=True)
class Ink:
    """What is on a page: the share of it that is ink, and whether its lines run down it (a sideways scan).

    `gap` is where, as a share of the height, a gap between lines near the middle is; None without one.
    """

    share: float
    lines_down: bool
    gap: float | None = None


@dataclass(frozen=True, slots=True)
class PageViews:
    """What the model sees of a page, before normalisation.

    `global_view` is uint8 (S, S, 3), `tiles` uint8 (n, T, T, 3) in row-major order, n = 0 where the
    page is not tiled; `grid` is (columns, rows), (1, 1) where not tiled. `page_png` is the page itself,
    only where a server is to cut it (`engine.server.images: png`).
    """

    global_view: "npt.NDArray[np.uint8]"
    tiles: "npt.NDArray[np.uint8]"
    grid: tuple[int, int]
    page_png: bytes = b""

    @property
    def nbytes(self) -> int:
        """Bytes of pixels held."""
        return self.global_view.nbytes + self.tiles.nbytes


class FinishReason(StrEnum):
    """Why generation ended: end of sequence, token limit, or stopped by us."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What the engine is asked for one page.

    `max_tokens` counts output tokens. `ngram_size` 0 turns the guard off. `stream_interval` is how many
    tokens an engine may collect before it gives out their text: 1 for a reader at a terminal. `abort_loops`
    ends an answer that only repeats itself. `temperature` 0 is greedy; else the choice is seeded.
    """

    request_id: str
    views: PageViews
    prompt: str
    max_tokens: int
    ngram_size: int
    ngram_window: int
    stream_interval: int = 64
    abort_loops: bool = False
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Loop:
    """Text that repeats to the end of an answer: the length of one copy, and where the first one starts."""

    period_tok: int
    start_tok: int


@dataclass(frozen=True, slots=True)
class Generation:
    """What the engine answered: raw text with grounding tags, end-of-sequence text removed.

    `output_tokens` are those generated. Of a loop the text holds one copy only.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    vision_tokens: int
    output_tokens: int
    seconds: float
    loop: Loop | None = None


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
