"""Exact text: real answers against the words of their PDFs' own layers, before and after each step of repair.

    python -m bench.exact_text FOLDER [--pages N] [--show N] [--files]

FOLDER holds `NAME.pdf` and `NAME/pages/0001.raw.md` ... . Repair reads the layer with PyMuPDF; the truth is
PDFium's reading of the same page. Words are split at blanks; those without a letter or digit, those of
margins, figures and formulas are left out. `written` is the text as it is written by default: repair of
words, and habits mended. `--files`: a line a document of all words, and of those of blocks without a formula.
"""

import argparse
import html
import pickle
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from bench.parts.documents import document_of
from ocr_engine.config import Config, OutputConfig, RenderConfig
from ocr_engine.layer.comparison import compared
from ocr_engine.layer.missed import LABEL
from ocr_engine.layer.repair import repaired
from ocr_engine.pages.render import open_document, render_page
from ocr_engine.reading.texts import block_texts_of
from ocr_engine.records import (
    Block,
    Document,
    PageRecord,
    PageStatus,
    TextLayer,
    TextRepair,
    WordFlag,
)
from ocr_engine.text.grounding import parse

MARGIN = 70
"""Model units from the page's upper and lower edge that are margin, where no block is."""
LEVELS = ("off", "spacing", "words")
WRITTEN = "written"
_FORMULA = re.compile(r"\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)
_MARKUP = re.compile(r"<[^<>]*>|\*\*|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)|^[ \t]*#{1,6}\s|\|", re.MULTILINE)
_UNSEEN = int(WordFlag.HIDDEN | WordFlag.TURNED)
_NO_TEXT = ("image", "equation")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its answer's blocks, the layer that repairs, the layer that tells."""

    name: str
    blocks: tuple[Block, ...]
    layer: TextLayer
    truth: TextLayer


@dataclass(slots=True)
class Score:
    """Words of the page and of the text, and those in both."""

    written: int = 0
    read: int = 0
    both: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)

    def add(self, written: Counter[str], read: Counter[str]) -> None:
        self.written += written.total()
        self.read += read.total()
        self.both += (written & read).total()
        self.missing += written - read
        self.extra += read - written

    def __str__(self) -> str:
        of_page, of_text = self.both / max(self.written, 1), self.both / max(self.read, 1)
        return f"of the page in the text {of_page:.2%}, of the text on the page {of_text:.2%}"


def pages(folder: Path, most: int, cache: Path | None = None, only: str = "") -> Iterator[Page]:
    """The pages of all documents in the folder."""
    for pdf in sorted(folder.glob(f"{only}*.pdf")):
        document = document_of(pdf)
        for answer in sorted((folder / pdf.stem / "pages").glob("*.raw.md"))[:most]:
            number = int(answer.name.split(".")[0])
            layers = _layers(document, number, cache)
            yield Page(f"{pdf.stem} {number}", parse(answer.read_text(encoding="utf-8")).blocks, *layers)


def _layers(document: Document, number: int, cache: Path | None) -> tuple[TextLayer, TextLayer]:
    kept = cache / f"{document.path.stem}-{number}.pickle" if cache else None
    if kept and kept.exists():
        found: tuple[TextLayer, TextLayer] = pickle.loads(kept.read_bytes())  # noqa: S301 - our own file
        return found
    layers = layer_by(document, number, "pymupdf"), layer_by(document, number, "pdfium")
    if kept:
        kept.write_bytes(pickle.dumps(layers))
    return layers


def layer_by(document: Document, number: int, backend: str) -> TextLayer:
    """A page's layer as one library reads it."""
    config = RenderConfig(backend=backend, dpi=96)  # type: ignore[arg-type]
    opened = open_document(document, config, "", 10_000)
    return render_page(opened.page(number - 1), config, "").text_layer()


def written_words(page: Page) -> Counter[str]:
    """The words of the truth that a reader of the page's text should find."""
    boxes = page.truth.boxes
    x, y = ((boxes[:, side] + boxes[:, side + 2]) / 2 for side in (0, 1))
    inside, out = np.zeros(len(boxes), np.bool_), (page.truth.flags & _UNSEEN) > 0
    for block in page.blocks:
        for box in block.boxes:
            within = (x >= box.x1) & (x <= box.x2) & (y >= box.y1) & (y <= box.y2)
            inside |= within
            if block.label in _NO_TEXT:
                out |= within
    out |= ~inside & ((y < MARGIN) | (y > 999 - MARGIN))
    words, lines = page.truth.words, page.truth.lines
    return _joined([(words[at], int(lines[at])) for at in np.flatnonzero(~out).tolist()])


def _joined(words: Sequence[tuple[str, int]]) -> Counter[str]:
    parts = [part for word, _ in words for part in re.split(r"[.…_·]{4,}", word)]
    return Counter(part for part in parts if any(map(str.isalnum, part)))


def read_words(blocks: Sequence[Block]) -> Counter[str]:
    """The words of the text, without markup and formulas."""
    found: Counter[str] = Counter()
    for block in blocks:
        if block.label in _NO_TEXT:
            continue
        text = html.unescape(_MARKUP.sub(" ", _FORMULA.sub(" ", block.content)))
        text = re.sub(r"[.…_·]{4,}", " ", text)
        found.update(word for word in text.split() if any(map(str.isalnum, word)))
    return found


def right_blocks(page: Page) -> set[int]:
    """Blocks that already hold exactly the words of the truth in their box."""
    return {at for at, block in enumerate(page.blocks) if _is_right(block, page.truth)}


def _is_right(block: Block, truth: TextLayer) -> bool:
    if block.label in _NO_TEXT or not block.boxes:
        return False
    return _words_within(block, truth) == read_words([block]) != Counter()


def _words_within(block: Block, truth: TextLayer) -> Counter[str]:
    inside = np.zeros(len(truth.words), np.bool_)
    x, y = ((truth.boxes[:, side] + truth.boxes[:, side + 2]) / 2 for side in (0, 1))
    for box in block.boxes:
        inside |= (x >= box.x1 - 2) & (x <= box.x2 + 2) & (y >= box.y1 - 2) & (y <= box.y2 + 2)
    found = (truth.words[at] for at in np.flatnonzero(inside).tolist())
    return _joined([(word, 0) for word in found])


def formulas(blocks: Sequence[Block]) -> list[str]:
    r"""All formulas in order: `:=` for `\coloneqq`, as in official scripts, any blanks, any kind of `<`."""
    found = (one for block in blocks for one in _FORMULA.findall(block.content))
    signs = ((r"\coloneqq", ":="), (r"\eqqcolon", "=:"))
    return [html.unescape(_replaced(one, signs)) for one in found]


def _replaced(text: str, pairs: Sequence[tuple[str, str]]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return " ".join(text.split())


def mended(page: Page, level: str) -> tuple[tuple[Block, ...], tuple[TextRepair, ...]]:
    """The page's blocks after a step, and what it changed."""
    if level != WRITTEN:
        return repaired(compared(page.blocks, page.layer), level)  # type: ignore[arg-type]
    blocks, repairs = repaired(compared(page.blocks, page.layer), "words")
    record = PageRecord(1, PageStatus.DONE, "", "", "gundam", "markdown", blocks)
    texts = block_texts_of(Config(output=OutputConfig(figures=False)), record)
    pairs = zip(blocks, texts, strict=True)
    return tuple(replace(block, content=text) for block, text in pairs), repairs


@dataclass(slots=True)
class Step:
    """What a step makes of all pages."""

    score: Score = field(default_factory=Score)
    right: int = 0
    wrong: int = 0
    formulas: int = 0
    kept: int = 0
    cpu_s: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, page: Page, level: str, show: int) -> None:
        """Take the step with a page."""
        started = time.process_time()
        blocks, edits = mended(page, level)
        self.cpu_s += time.process_time() - started
        self.reasons.update(str(edit.reason) for edit in edits)
        self.score.add(written_words(page), read_words(blocks))
        were_right = right_blocks(page)
        after_of = [block for block in blocks if block.label != LABEL]
        broken = [at for at in were_right if not _is_right(after_of[at], page.truth)]
        self.right, self.wrong = self.right + len(were_right), self.wrong + len(broken)
        for at in broken[:show]:
            print("false repair", page.name, repr(page.blocks[at].content), repr(after_of[at].content))
        before, after = formulas(page.blocks), formulas(blocks)
        self.formulas += len(before)
        self.kept += sum(a == b for a, b in zip(before, after, strict=False))

    def line(self, level: str, pages: int) -> str:
        """A line of the table."""
        return (
            f"{level:8} written {self.score.written:,} read {self.score.read:,}: {self.score};"
            f" formulas {self.kept:,}/{self.formulas:,};"
            f" false repairs {self.wrong:,} of {self.right:,} right blocks;"
            f" {self.cpu_s / pages * 1e3:.2f} ms a page; {dict(self.reasons)}"
        )


def prose_score(pages: Sequence[Page], level: str) -> Score:
    """Words of blocks without a formula, beside those of the truth in their boxes."""
    score = Score()
    for page in pages:
        for before, block in zip(page.blocks, without_missed(page, level), strict=True):
            there = _words_within(before, page.truth)
            if there and not before.figures and not _FORMULA.search(before.content):
                score.add(there, read_words([block]))
    return score


def without_missed(page: Page, level: str) -> list[Block]:
    """The page's blocks after a step, as many as before."""
    return [block for block in mended(page, level)[0] if block.label != LABEL]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=10_000, help="of each document, at most")
    parser.add_argument("--show", type=int, default=0, help="show so many differences that are left")
    parser.add_argument("--cache", type=Path, help="a folder to keep the layers in")
    parser.add_argument("--only", default="", help="documents whose name starts so")
    parser.add_argument("--files", action="store_true", help="a line a document")
    arguments = parser.parse_args()
    found = list(pages(arguments.folder, arguments.pages, arguments.cache, arguments.only))
    for level in (*LEVELS, WRITTEN):
        step = Step()
        for page in found:
            step.add(page, level, arguments.show)
        print(step.line(level, len(found)))
    for name, group in groupby(found, key=lambda page: page.name.rsplit(" ", 1)[0]):
        if arguments.files:
            _print_file(name, list(group))
    if arguments.show:
        print("missing", step.score.missing.most_common(arguments.show))
        print("extra", step.score.extra.most_common(arguments.show))


def _print_file(name: str, found: Sequence[Page]) -> None:
    for level in ("off", WRITTEN):
        score = Score()
        for page in found:
            score.add(written_words(page), read_words(mended(page, level)[0]))
        print(f"{name}: {level}: {score}; without formulas: {prose_score(found, level)}")


if __name__ == "__main__":
    main()
