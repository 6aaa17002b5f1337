"""Paragraphs joined over pages and columns, and items put on lines, with lines of text layers and without.

    python -m bench.joins FOLDER [--answers] [--pages N]

FOLDER holds PDFs. The blocks are those of their text layers; with `--answers`, stored answers in
`NAME/pages/0001.raw.md` ... beside them. Shows every place, for a person to judge: what is joined, and `-`
where only one of the two ways joins.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from bench.exact_text import Page, layer_by, pages
from bench.parts.documents import document_of
from ocr_engine.config import RenderConfig, TextConfig
from ocr_engine.errors import OcrError
from ocr_engine.pages.render import open_document
from ocr_engine.reading.witness import LayerUse, witness
from ocr_engine.records import (
    Block,
    Box,
    LayerVerdict,
    PageRecord,
    PageStatus,
    TextLayer,
)
from ocr_engine.text.clean import clean
from ocr_engine.text.cross_page import join_pages
from ocr_engine.text.line_items import with_item_lines
from ocr_engine.text.notation import repair_list

MARGIN = 70
_SHOWN = 50
_JOIN = TextConfig(join_paragraphs=True)


def layer_pages(folder: Path, most: int) -> Iterator[Page]:
    """Pages whose answer is their own layer, a block a block."""
    for pdf in sorted(folder.glob("*.pdf")):
        document = document_of(pdf)
        try:
            count = open_document(document, RenderConfig(), "", 10_000).page_count
        except OcrError:
            continue
        for number in range(1, min(count, most) + 1):
            try:
                layer = layer_by(document, number, "pymupdf")
            except OcrError:
                continue
            if layer.verdict is LayerVerdict.BORN_DIGITAL:
                yield Page(f"{pdf.stem} {number}", tuple(_blocks(layer)), layer, layer)


def _blocks(layer: TextLayer) -> Iterator[Block]:
    for number in np.unique(layer.blocks).tolist():
        at = np.flatnonzero(layer.blocks == number)
        x1, y1 = (int(side) for side in layer.boxes[at, :2].min(axis=0))
        x2, y2 = (min(int(side) + 1, 999) for side in layer.boxes[at, 2:].max(axis=0))
        label = "text" if MARGIN < (y1 + y2) / 2 < 999 - MARGIN else "header"
        yield Block(label, (Box(x1, y1, x2, y2),), f"\n{' '.join(layer.words[word] for word in at)}\n\n")


def records(document: Sequence[Page]) -> list[PageRecord]:
    """The pages of a document as records that say where their lines stand."""
    return [
        PageRecord(
            int(page.name.rsplit(" ", 1)[1]),
            PageStatus.DONE,
            "",
            "",
            "gundam",
            "markdown",
            witness(page.blocks, page.layer, LayerUse("words", lines=True)).blocks,
        )
        for page in document
    ]


def bare(record: PageRecord) -> PageRecord:
    """The same without lines."""
    return replace(record, blocks=tuple(replace(block, lines=()) for block in record.blocks))


def joins(found: Sequence[PageRecord]) -> set[tuple[str, str]]:
    """The ends and beginnings that were joined, in neighbouring pages and in columns."""
    places = set()
    for pair in pairwise([found[0], *found]):
        after = [record for record, _ in join_pages(pair if pair[0] is not pair[1] else pair[:1], _JOIN)]
        for old, new in zip(pair, after, strict=False):
            for before, grown in zip(old.blocks, new.blocks, strict=True):
                text, long = before.content.strip(), grown.content.strip()
                if len(long) > len(text) > 0:
                    at = len(text) - 1
                    places.add((f"p{old.page} {long[max(at - _SHOWN, 0) : at + 1]}", long[at + 1 :][:_SHOWN]))
    return places


def main() -> None:
    """Print all places, and counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--answers", action="store_true", help="read stored answers")
    parser.add_argument("--pages", type=int, default=30, help="of each document, at most")
    arguments = parser.parse_args()
    of = pages if arguments.answers else layer_pages
    for name, group in groupby(
        of(arguments.folder, arguments.pages), key=lambda page: page.name.rsplit(" ", 1)[0]
    ):
        lined = records(list(group))
        told, guessed = joins(lined), joins([bare(record) for record in lined])
        for place in sorted(told | guessed):
            ways = f"{'guessed' if place in guessed else '-':8}{'by lines' if place in told else '-':9}"
            print(f"{ways} {name}: {place[0]} | {place[1]}")
        _show_items(name, lined)


def _show_items(name: str, found: Sequence[PageRecord]) -> None:
    for record in found:
        for block in record.blocks:
            text = clean(block.content.strip())
            if block.lines and "<t" not in text:
                guessed, told = repair_list(text), with_item_lines(text, block.lines)
                if guessed != told:
                    print(f"items {name}: p{record.page} guessed {guessed!r} by lines {told!r}")


if __name__ == "__main__":
    main()
