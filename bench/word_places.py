"""Where words stand in a searchable PDF, with the lines of the page's text layer and without.

    python -m bench.word_places FOLDER [--pages N]

FOLDER holds `NAME.pdf` and `NAME/pages/0001.raw.md` ... . A word that stands once on a page, by PDFium's
reading, is looked for in the PDF that we write of the page; the distance is that of both boxes' middles.
"""

import argparse
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pymupdf

from bench.exact_text import Page, pages
from ocr_engine.config import Config
from ocr_engine.outputs.exports.invisible_font import InvisibleFont
from ocr_engine.outputs.exports.text_layer import laid_out, operators
from ocr_engine.outputs.jpeg_pdf import JpegPdf
from ocr_engine.reading.texts import block_texts_of
from ocr_engine.reading.witness import LayerUse, witness
from ocr_engine.records import A4, PageRecord, PageStatus

NEAR_PT = 3.0
"""As far as a mark of a search may be off: less than a letter."""


Place = tuple[float, float]


def distances_pt(page: Page, *, lines: bool) -> tuple[list[float], int]:
    """Of the words that are found, and how many were looked for."""
    found = witness(page.blocks, page.layer, LayerUse("words", lines=lines))
    record = PageRecord(1, PageStatus.DONE, "", "", "gundam", "markdown", found.blocks)
    with pymupdf.open(stream=_pdf(record)) as pdf:
        ours = places((word[4], word[:4]) for word in pdf[0].get_text("words"))
    scale = np.array([A4.width_pt, A4.height_pt] * 2) / 999
    boxes = (page.truth.boxes * scale).tolist()
    theirs = places(zip(page.truth.words, boxes, strict=True))
    return [float(np.hypot(*np.subtract(ours[word], theirs[word]))) for word in theirs if word in ours], len(
        theirs
    )


def places(words: Iterable[tuple[str, tuple[float, float, float, float]]]) -> dict[str, Place]:
    """The middle of each word that stands once."""
    found = list(words)
    counts = Counter(word for word, _ in found)
    return {
        word: ((x1 + x2) / 2, (y1 + y2) / 2)
        for word, (x1, y1, x2, y2) in found
        if counts[word] == 1 and len(word) > 2 and word.isalnum()
    }


def _pdf(record: PageRecord) -> bytes:
    texts = block_texts_of(Config(), record)
    file, font = io.BytesIO(), InvisibleFont()
    pdf = JpegPdf(file)
    placed = [
        line for block, text in zip(record.blocks, texts, strict=True) for line in laid_out(text, block, A4)
    ]
    pdf.add_page(None, A4.width_pt, A4.height_pt, operators(placed, A4, font))
    pdf.write_font(font.write)
    pdf.close()
    return file.getvalue()


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=10_000, help="of each document, at most")
    parser.add_argument("--cache", type=Path, help="a folder to keep the layers in")
    arguments = parser.parse_args()
    taken = list(pages(arguments.folder, arguments.pages, arguments.cache))
    for lines in (False, True):
        found = [distances_pt(page, lines=lines) for page in taken]
        values = np.array([one for some, _ in found for one in some])
        print(
            f"{'by lines of the layer' if lines else 'by boxes of blocks':22}"
            f" {len(values):,} of {sum(total for _, total in found):,} words found;"
            f" within {NEAR_PT:.0f} pt {(values <= NEAR_PT).mean():.1%},"
            f" median {np.median(values):.1f} pt, 95 % within {np.quantile(values, 0.95):.1f} pt"
        )


if __name__ == "__main__":
    main()
