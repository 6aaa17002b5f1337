"""What is measured: real rendered pages, and answers as long as real ones."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "samples"
Save = Callable[[dict[str, Any]], None]
"""Keeps what is measured so far, for a run that is cut."""
PAGES_A_DOCUMENT = 32
MEAN_TOKENS, SPREAD = 880, 0.6
"""Output tokens of a page: drawn log-normal, with the mean of a dense A4 page."""


def corpus(folder: Path, pages: int, pages_a_document: int = PAGES_A_DOCUMENT) -> Path:
    """PDFs of `pages` A4 pages in all: the sample document's pages over and over."""
    import pymupdf

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.pdf"):
        old.unlink()
    source = pymupdf.open(SAMPLES / "handbook.pdf")
    for first in range(0, pages, pages_a_document):
        document = pymupdf.open()
        for index in range(first, min(first + pages_a_document, pages)):
            page = index % len(source)
            document.insert_pdf(source, from_page=page, to_page=page)
        document.save(folder / f"{first:06d}.pdf")
    return folder


def lengths(pages: int, mean: int = MEAN_TOKENS, seed: int = 0) -> list[int]:
    """Output tokens of each page, log-normal, from 50 to 4,000, scaled to the mean asked for."""
    rng = random.Random(seed)
    drawn = [rng.lognormvariate(0, SPREAD) for _ in range(pages)]
    scale = mean * pages / sum(drawn)
    return [max(50, min(4000, round(value * scale))) for value in drawn]
