"""`python -m bench.acceptance FOLDER --tokenizer FILE`: drafts of stored answers, without a model.

FOLDER holds `NAME.pdf` and, of an earlier run, `NAME/pages/0001.raw.md`. A page's answer is foretold from its
text layer as a run does it, and the drafts that its stored answer would have accepted are counted: for each
document, for each kind of page (`kind_of`), and for all. The last columns have as many drafts a step as the
engine takes: at most eight, and fewer where few were accepted of late; in the very last the pages are read
--in-flight at a time, and drafts come from what the others said too (`drafts/memory.py`), as in the engine.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.config import RenderConfig
from ocr_engine.drafts.memory import PieceTable
from ocr_engine.drafts.phrases import book
from ocr_engine.drafts.prediction import predicted_answer
from ocr_engine.drafts.replayed import Acceptance, Replay, replayed, replayed_together
from ocr_engine.engine.draft_args import DRAFT_TOK
from ocr_engine.families import TOKENS
from ocr_engine.pages import render
from ocr_engine.pages.sources import find
from ocr_engine.reading.draft import NOTHING_FORETOLD
from ocr_engine.records import DocumentKind, TextLayer

if TYPE_CHECKING:
    from ocr_engine.drafts.rule import Tokens

_CELL = re.compile(r"<t[dh][ >]")
_FORMULA = re.compile(r"\\[(\[]")
_LIST = re.compile(r"^\s*(?:[-•*]|\d{1,3}[.)]|.*\.{4,}) ?", re.MULTILINE)
MARKS = (
    TOKENS.ref_open,
    TOKENS.ref_close,
    TOKENS.det_open,
    TOKENS.det_close,
    "<td>",
    "</td>",
    "<tr>",
    "</tr>",
)
"""Tokens that the official checkpoints add to the tokenizer that theirs was made of."""


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page's answer and its text layer."""

    document: str
    answer: str
    layer: TextLayer

    @property
    def groups(self) -> tuple[str, ...]:
        """What lines of the table it counts in."""
        return self.document, kind_of(self.answer), "all"


def kind_of(answer: str) -> str:
    """The kind of page that an answer is of: what makes drafts hard there, or `running text`."""
    if len(_CELL.findall(answer)) >= 8:
        return "pages with tables"
    if len(_FORMULA.findall(answer)) >= 4:
        return "pages with formulas"
    if len(_LIST.findall(answer)) >= 12:
        return "lists and contents"
    return "running text"


class Encoder:
    """Text to int32 ids with a tokenizer's file."""

    def __init__(self, path: Path) -> None:
        from tokenizers import AddedToken, Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))
        known = self._tokenizer.get_vocab()
        added = [AddedToken(mark, normalized=False, special=True) for mark in MARKS if mark not in known]
        self._tokenizer.add_special_tokens(added)
        self._end = self._tokenizer.token_to_id(TOKENS.eos)

    def ids(self, text: str) -> list[int]:
        """The text's ids alone."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def ended(self, text: str) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
        """The ids of a whole answer, with its end."""
        return np.array([*self.ids(text), self._end], np.int32)


def main() -> int:
    """Print a table: a line a document and number of drafts."""
    parser = argparse.ArgumentParser("python -m bench.acceptance", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True, help="the checkpoint's tokenizer.json")
    parser.add_argument(
        "--drafts", type=int, nargs="+", default=[4, 5, 8, 16], help="drafts a step (4 5 8 16)"
    )
    parser.add_argument("--every", type=int, default=1, help="take every so many pages")
    parser.add_argument("--in-flight", type=int, default=64, help="pages at one time (64)")
    parser.add_argument("--scans", action="store_true", help="as if no page had a text layer")
    args = parser.parse_args()
    encoder = Encoder(args.tokenizer)
    phrases = np.array(book(encoder.ids), np.int32)
    pages = list(stored(args.folder))[:: args.every]
    started = time.process_time()
    foretold = [encoder.ended(_foretold(page.layer, scans=args.scans)) for page in pages]
    took_ms = 1000 * (time.process_time() - started) / max(len(pages), 1)
    print(f"{len(pages)} pages; predicting and tokenising take {took_ms:.1f} ms of CPU a page")
    columns = [*(f"{most} drafts" for most in args.drafts), "alone", "as the engine"]
    print(f"{'':30} {'':4} {'tokens':>7}" + "".join(f"{column:>19}" for column in columns))
    totals: dict[str, list[Acceptance]] = {}
    counts = Counter(name for page in pages for name in page.groups)
    answers = [encoder.ended(page.answer) for page in pages]
    together = _together(answers, foretold, phrases, args.in_flight)
    for page, answer, prediction, whole in zip(pages, answers, foretold, together, strict=True):
        found = [*_of_page(answer, prediction, phrases, args.drafts), whole]
        for name in page.groups:
            before = totals.get(name, [Acceptance(0, 0, 0)] * len(found))
            totals[name] = [a + b for a, b in zip(before, found, strict=True)]
    for name, sums in sorted(totals.items(), key=lambda item: (item[0] == "all", item[0])):
        cells = "".join(f"{one.tokens_a_step:10.2f} ({one.wasted:4.0%} w)" for one in sums)
        print(f"{name[:30]:30} {counts[name]:4} {sums[0].tokens:7}{cells}")
    return 0


def _foretold(layer: TextLayer, *, scans: bool) -> str:
    """A page's draft, as a run makes it."""
    return ("" if scans else predicted_answer(layer, tagged=True)) or NOTHING_FORETOLD


def _of_page(
    answer: "Tokens", prediction: "Tokens", book: "Tokens", drafts: Sequence[int]
) -> list[Acceptance]:
    """Of one page with each number of drafts, and with as many as the engine takes."""
    fixed = [replayed(answer, prediction, book, most) for most in drafts]
    return [*fixed, replayed(answer, prediction, book, DRAFT_TOK, adaptive=True)]


def _together(
    answers: "Sequence[Tokens]", predictions: "Sequence[Tokens]", book: "Tokens", in_flight: int
) -> list[Acceptance]:
    """Of each page among the others, as the engine reads them."""
    memory = PieceTable()
    replays = [
        Replay(answer, prediction, book, DRAFT_TOK, adaptive=True, memory=memory)
        for answer, prediction in zip(answers, predictions, strict=True)
    ]
    return replayed_together(replays, in_flight)


def stored(folder: Path) -> Iterator[StoredPage]:
    """The pages of a folder that have an answer."""
    for document in find([str(folder)], [DocumentKind.PDF]):
        path = Path(str(document.given))
        for raw in sorted((folder / path.stem / "pages").glob("*.raw.md")):
            number = int(raw.name[:4])
            page = render.render_page(_ref(path, number), RenderConfig(dpi=72), "")
            yield StoredPage(path.stem, raw.read_text().rstrip("\n"), page.text_layer())


def _ref(path: Path, number: int) -> "render.PageRef":
    (document,) = find([str(path)], [DocumentKind.PDF])
    return render.open_document(document, RenderConfig(), "", number).page(number - 1)


if __name__ == "__main__":
    raise SystemExit(main())
