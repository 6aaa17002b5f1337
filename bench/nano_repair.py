"""Character errors of nano on real PDFs before and after each step of repair.

    python -m bench.nano_repair FOLDER --out WORK [--per-file 5]

Pages as research/nano/tools/real.py chooses them (English, one column, upright), read at gundam; answers in
WORK are not read again. PyMuPDF's layer repairs, PDFium's is the truth. Compared as there: NFKC, markup left
out, single blanks. Running heads and page numbers stay in the truth.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from rapidfuzz.distance import Levenshtein

from bench.auto_mode import cut_out, run
from bench.exact_text import LEVELS, layer_by
from bench.parts.documents import document_of
from ocr_engine.config import Config, OutputConfig, TextConfig
from ocr_engine.layer.comparison import compared
from ocr_engine.layer.repair import repaired
from ocr_engine.reading.texts import markdown_of
from ocr_engine.records import PageRecord, PageStatus
from ocr_engine.text.grounding import parse
from research.nano.tools.real import choose, find_pages, normal

MODE = "gundam"
_PLAIN = Config(output=OutputConfig(figures=False), text=TextConfig(habits=()))


@dataclass(frozen=True, slots=True)
class Errors:
    """A page's character error rate at each step, and how many changes repair made."""

    name: str
    rates: tuple[float, ...]
    changes: int


def errors(out: Path) -> Iterator[Errors]:
    """Of the pages that were read."""
    for pdf in sorted((out / "pages").glob("*.pdf")):
        answer = out / MODE / pdf.stem / "pages/0001.raw.md"
        if not answer.exists():
            continue
        document = document_of(pdf)
        truth = normal(layer_by(document, 1, "pdfium").text)
        found = compared(parse(answer.read_text(encoding="utf-8")).blocks, layer_by(document, 1, "pymupdf"))
        rates, changes = [], 0
        for level in LEVELS:
            blocks, repairs = repaired(found, level)  # type: ignore[arg-type]
            record = PageRecord(1, PageStatus.DONE, "", "", MODE, "markdown", blocks)
            text = normal(markdown_of(_PLAIN, record))
            rates.append(Levenshtein.distance(text, truth) / max(len(truth), 1))
            changes = len(repairs)
        yield Errors(pdf.stem, tuple(rates), changes)


def main() -> None:
    """Read what is not read yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--per-file", type=int, default=5, help="pages of each file, at most")
    parser.add_argument("--read", action="store_true", help="only pages that are read already")
    arguments = parser.parse_args()
    if not arguments.read:
        chosen = choose(find_pages(arguments.folder), arguments.per_file)
        cut_out([(page.path, page.number - 1, "") for page in chosen], arguments.out / "pages")
        run(arguments.out / "pages", arguments.out / MODE, MODE, [])
    found = list(errors(arguments.out))
    print(f"| page | {' | '.join(LEVELS)} | changes |")
    for page in sorted(found, key=lambda page: page.rates[0]):
        print(f"| {page.name} | {' | '.join(f'{rate:.1%}' for rate in page.rates)} | {page.changes} |")
    columns = list(zip(*(page.rates for page in found), strict=True))
    for name, of in (("median", median), ("mean", fmean)):
        print(f"| {name} of {len(found)} | {' | '.join(f'{of(column):.1%}' for column in columns)} | |")


if __name__ == "__main__":
    main()
