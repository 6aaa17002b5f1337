"""How many headings have the right level: as the model marked them, and as `text.headings: document` does.

    python -m bench.headings FOLDER...

Each PDF of a folder that tells its own hierarchy is measured: by its bookmarks, else by the indents of the
dotted lines on its pages of contents. The headings are those of stored answers, `NAME/pages/0001.raw.md`
beside `NAME.pdf`; without answers, the lines of the text layer that bear a bookmark's title, all marked `##`
as the model marks most. A level is right when it equals the truth up to one shift for the whole document.
"""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymupdf

from ocr_engine.config import Config, TextConfig
from ocr_engine.pages.bookmarks import bookmarks_of
from ocr_engine.pages.pdf_pymupdf import PyMuPdfDocument
from ocr_engine.reading.heading_types import heading_types
from ocr_engine.records import Block, Bookmark, Box, PageImage, PageRecord, PageStatus, TextLayer
from ocr_engine.text.grounding import parse
from ocr_engine.text.numbering import without_number
from ocr_engine.text.outline import outline_of

_DOTS = re.compile(r"(.*?)[ .…]{4,}\s*(\d{1,4})\s*$")
Truth = dict[tuple[int, str], int]
"""Page from 1 and letters of a title -> level."""


@dataclass(frozen=True, slots=True)
class Score:
    """Headings with a known level, and how many got it."""

    right: int
    known: int

    def __str__(self) -> str:
        return f"{self.right}/{self.known} ({self.right / max(self.known, 1):.0%})"


def letters(title: str) -> str:
    """What titles are compared by."""
    return "".join(filter(str.isalnum, without_number(title).casefold()))


def truth_of_bookmarks(found: dict[int, tuple[Bookmark, ...]]) -> Truth:
    """The truth that an outline tells."""
    return {(at + 1, letters(one.title)): one.level for at, some in found.items() for one in some}


def truth_of_contents(document: Any) -> Truth:
    """The truth that the dotted lines of pages of contents tell: further in, or smaller, is deeper."""
    lines = [line for page in document.pages(0, min(20, document.page_count)) for line in _dotted(page)]
    steps = sorted({place for place, _, _ in lines})
    return {(page, letters(title)): steps.index(place) + 1 for place, title, page in lines}


def _dotted(page: Any) -> Iterator[tuple[tuple[int, int], str, int]]:
    rows: defaultdict[int, list[Any]] = defaultdict(list)
    for block in page.get_text("dict")["blocks"]:
        for line in block.get("lines", ()):
            rows[round(line["bbox"][3])] += line["spans"]
    for spans in rows.values():
        spans.sort(key=lambda span: span["bbox"][0])
        if found := _DOTS.match(" ".join(span["text"] for span in spans)):
            place = round(spans[0]["bbox"][0] / 4), -round(spans[0]["size"])
            yield place, found[1], int(found[2])


def pages_of(pdf: Path, truth: Truth, document: PyMuPdfDocument) -> Iterator[PageRecord]:
    """The document's records: of stored answers, else of the lines that are known to be headings."""
    for at in range(document.page_count):
        answer = pdf.with_suffix("") / "pages" / f"{at + 1:04d}.raw.md"
        page = document.render(at, Config().render)
        layer = page.text_layer()
        if pdf.with_suffix("").is_dir():
            blocks = parse(answer.read_text("utf-8", "replace")).blocks if answer.is_file() else ()
        else:
            blocks = tuple(_lines(at + 1, layer, truth))
        yield _record(at + 1, page, blocks, layer)


def _record(number: int, page: PageImage, blocks: tuple[Block, ...], layer: TextLayer) -> PageRecord:
    types = heading_types(blocks, layer)
    record = PageRecord(number, PageStatus.DONE, "", "", "", "markdown", blocks, page.geometry)
    return replace(record, heading_types=types)


def _lines(number: int, layer: TextLayer, truth: Truth) -> Iterator[Block]:
    words: defaultdict[int, list[int]] = defaultdict(list)
    for at, line in enumerate(layer.lines.tolist()):
        words[line].append(at)
    for some in words.values():
        text = " ".join(layer.words[at] for at in some)
        if (number, letters(text)) in truth:
            x1, y1, _, _ = layer.boxes[some].min(axis=0)
            _, _, x2, y2 = layer.boxes[some].max(axis=0)
            yield Block("sub_title", (Box(int(x1), int(y1), int(x2) + 1, int(y2) + 1),), f"## {text}\n")


def score(levels: Sequence[tuple[int, str, int]], truth: Truth) -> Score:
    """Right levels, at the shift that makes most of them right. `levels`: page, title, level."""
    shifts = Counter(
        level - truth[page, letters(title)]
        for page, title, level in levels
        if (page, letters(title)) in truth
    )
    return Score(max(shifts.values(), default=0), sum(shifts.values()))


def measure(pdf: Path) -> list[Score] | None:
    """As read, by numbers and type, and by bookmarks too; None where the PDF does not tell its hierarchy."""
    document = PyMuPdfDocument(pdf, "")
    bookmarks = dict(bookmarks_of(document))
    truth = truth_of_bookmarks(bookmarks)
    if len(set(truth.values())) < 2:
        truth, bookmarks = truth_of_contents(pymupdf.open(pdf)), {}
    if len(set(truth.values())) < 2:
        return None
    records = list(pages_of(pdf, truth, document))
    marked = [replace(record, bookmarks=bookmarks.get(record.page - 1, ())) for record in records]
    ways = [(records, "as-read"), (records, "document"), *([(marked, "document")] if bookmarks else [])]
    return [_score(some, TextConfig(headings=how), truth) for some, how in ways]  # type: ignore[arg-type]


def _score(records: Sequence[PageRecord], options: TextConfig, truth: Truth) -> Score:
    return score([(one.page, one.title, one.level) for one in outline_of(records, options)], truth)


def main() -> None:
    """Print a line a PDF."""
    print("| document | headings from | as read | numbers and type | with bookmarks |\n|---|---|---|---|---|")
    for pdf in sorted(path for folder in sys.argv[1:] for path in Path(folder).glob("*.pdf")):
        try:
            scores = measure(pdf)
        except Exception as error:  # noqa: BLE001 - some of the PDFs are damaged
            print(f"{pdf.name}: {error}", file=sys.stderr)
            continue
        if scores and scores[0].known:
            source = "answers" if pdf.with_suffix("").is_dir() else "text layer"
            cells = [*map(str, scores), *["-"] * (3 - len(scores))]
            print(f"| {pdf.stem} | {source} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
