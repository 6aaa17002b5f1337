"""Prints each footnote that `text.footnotes: linked` ties to its mark, to be judged by hand.

    python -m bench.footnotes FOLDER [--pages N] [--layers]

FOLDER as in `bench.exact_text`: the stored answers. With `--layers` any folder of PDFs: blocks and raised
marks are made from what PyMuPDF reads of their text, as a model that reads well would write them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymupdf

from ocr_engine.records import Block, Box, PageRecord, PageStatus
from ocr_engine.text.footnote_marks import marks_in
from ocr_engine.text.footnotes import with_footnotes
from ocr_engine.text.grounding import parse

_RAISED = 1


def answers(folder: Path, most: int) -> Iterator[tuple[str, PageRecord]]:
    """The pages of stored answers."""
    for pdf in sorted(folder.glob("*.pdf")):
        for answer in sorted((folder / pdf.stem / "pages").glob("*.raw.md"))[:most]:
            number = int(answer.name.split(".")[0])
            yield pdf.stem, _record(number, parse(answer.read_text("utf-8", "replace")).blocks)


def layers(folder: Path, most: int) -> Iterator[tuple[str, PageRecord]]:
    """The pages of PDFs, as a model would write their text."""
    for pdf in sorted(folder.glob("*.pdf")):
        try:
            document = pymupdf.open(pdf)
            for page in document.pages(0, min(most, document.page_count)):
                yield pdf.stem, _record(page.number + 1, tuple(_blocks(page)))
        except Exception as error:  # noqa: BLE001 - some of the PDFs are damaged
            print(f"{pdf.name}: {error}")


def _blocks(page: Any) -> Iterator[Block]:
    width, height = page.rect.width, page.rect.height
    for block in page.get_text("dict")["blocks"]:
        text = "\n".join("".join(map(_span, line["spans"])) for line in block.get("lines", ()))
        if text.strip():
            x1, y1, x2, y2 = block["bbox"]
            sides = x1 / width, y1 / height, x2 / width, y2 / height
            yield Block("text", (Box(*(min(max(int(999 * side), 0), 999) for side in sides)),), text + "\n\n")


def _span(span: Any) -> str:
    text: str = span["text"]
    is_raised = span["flags"] & _RAISED and len(text.strip()) <= 3
    return f"<sup>{text.strip()}</sup>" if is_raised and text.strip() else text


def _record(number: int, blocks: tuple[Block, ...]) -> PageRecord:
    return PageRecord(number, PageStatus.DONE, "", "", "", "markdown", blocks)


def _shown(text: str, at: int) -> str:
    return " ".join(text[max(0, at - 60) : at + 70].split())


def main() -> None:
    """Print each tied footnote: where its mark stands, and how it begins."""
    parser = argparse.ArgumentParser(prog="python -m bench.footnotes", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=200, help="of each document at most (200)")
    parser.add_argument("--layers", action="store_true", help="made from the PDFs' own text")
    args = parser.parse_args()
    pages = marks = found = changed_pages = 0
    for name, record in (layers if args.layers else answers)(args.folder, args.pages):
        pages += 1
        marks += sum(1 for block in record.blocks for _ in marks_in(block.content))
        [(after, changed)] = with_footnotes([record])
        changed_pages += changed
        text = "\n".join(block.content for block in after.blocks)
        for at, start in enumerate(_starts(text, f"[^p{record.page}-")):
            found += not text[start:].partition("]")[2].startswith(":")
            print(f"{name[:30]} page {record.page}: {'   ' if at else ''}{_shown(text, start)}")
    print(f"{pages} pages, {marks} possible marks, {found} footnotes tied on {changed_pages} pages")


def _starts(text: str, what: str) -> Iterator[int]:
    at = text.find(what)
    while at >= 0:
        yield at
        at = text.find(what, at + 1)


if __name__ == "__main__":
    main()
