"""How well loops are found: planted ones of every period, and false alarms on ordinary pages with tables.

python -m bench.measure_loops [--pages 2000] [--text FOLDER]

Pages are made from the words of nano's tokenizer; with --text also from the text layers of a folder's PDFs.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.loops import MAX_PERIOD_TOK, TABLE_MARKS, LoopDetector
from ocr_engine.records import Loop

LIMIT_TOK = 7_280
"""Output tokens of an A4 page in gundam: 8,192 less the prompt."""
CHUNK_TOK = 64
SPACE = "\u0120"
"""How a byte-level vocabulary spells the space before a word."""
Make = Callable[[random.Random, list[str]], str]


class Vocabulary:
    """Nano's tokenizer: ids of a text, the words in it, the tokens of tables."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(resolve("nano").folder / "tokenizer.json"))
        found = self._tokenizer.get_vocab()
        self.words = sorted(text[1:] for text in found if text[0] == SPACE and text[1:].isalpha())
        self.table_ids = frozenset(
            token for text, token in found.items() if any(mark in text for mark in TABLE_MARKS)
        )

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def sentence(chance: random.Random, words: list[str]) -> str:
    return " ".join(chance.choices(words, k=chance.randint(4, 16))).capitalize() + "."


def prose(chance: random.Random, words: list[str]) -> str:
    return " ".join(sentence(chance, words) for _ in range(chance.randint(2, 9)))


def table(chance: random.Random, words: list[str]) -> str:
    """Numbers, words and blanks; some rows equal, as price lists and time-tables have them."""
    columns, kinds = chance.randint(2, 9), ("number", "word", "blank", "zero")
    kind = [chance.choice(kinds) for _ in range(columns)]
    rows = []
    for _ in range(chance.randint(3, 40)):
        values = {
            "number": f"{chance.randint(0, 9999):,}",
            "word": chance.choice(words),
            "blank": "",
            "zero": "0.00",
        }
        rows.append("".join(f"<td>{values[name]}</td>" for name in kind))
        rows += [rows[-1]] * chance.choice((0, 0, 0, 0, 1, 3, 8))
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows[:60]) + "</table>"


def blank_form(chance: random.Random, words: list[str]) -> str:
    row = f"<tr>{'<td></td>' * chance.randint(2, 12)}</tr>"
    head = "".join(f"<td>{chance.choice(words)}</td>" for _ in range(3))
    return f"<table><tr>{head}</tr>{row * chance.randint(3, 30)}</table>"


def contents(chance: random.Random, words: list[str]) -> str:
    dot = chance.choice((".", " .", "\u2026", "_"))
    return "\n".join(
        f"{sentence(chance, words)}{dot * chance.randint(20, 110)} {chance.randint(1, 400)}"
        for _ in range(chance.randint(5, 45))
    )


def blanks(chance: random.Random, words: list[str]) -> str:
    line = f"{chance.choice(words)}: {'_' * chance.randint(10, 90)}"
    return "\n".join([line] * chance.randint(2, 12))


def drawing(chance: random.Random, _words: list[str]) -> str:
    width = chance.randint(10, 70)
    return "\n".join([f"+{'-' * width}+", *[f"|{' ' * width}|"] * chance.randint(2, 14), f"+{'-' * width}+"])


KINDS: tuple[tuple[Make, int], ...] = (
    (prose, 8), (table, 5), (blank_form, 1), (contents, 1), (blanks, 1), (drawing, 1),
)  # fmt: skip


def page(chance: random.Random, words: list[str]) -> str:
    makers = chance.choices([make for make, _ in KINDS], [weight for _, weight in KINDS], k=5)
    top, parts = 10, []
    for make in makers:
        box = f"<|ref|>text<|/ref|><|det|>[[80, {top}, 920, {top + 150}]]<|/det|>\n"
        parts.append(box + make(chance, words))
        top += 180
    return "\n\n".join(parts)


def find(ids: list[int], table_ids: frozenset[int]) -> tuple[Loop | None, int]:
    detector = LoopDetector(table_ids)
    for start in range(0, len(ids), CHUNK_TOK):
        if loop := detector.add(ids[start : start + CHUNK_TOK]):
            return loop, start + CHUNK_TOK
    return None, len(ids)


def text_layers(folder: Path) -> Iterator[str]:
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    for path in sorted(folder.rglob("*.pdf")):
        with pymupdf.open(path) as document:
            for index in range(min(document.page_count, 40)):
                yield document[index].get_text("text")


def false_alarms(name: str, texts: Iterator[str], vocabulary: Vocabulary) -> None:
    pages = found = tokens = 0
    for text in texts:
        ids = vocabulary.ids(text)[:LIMIT_TOK]
        loop, _ = find(ids, vocabulary.table_ids)
        pages, tokens, found = pages + 1, tokens + len(ids), found + (loop is not None)
        if loop is not None:
            print(f"  a loop of {loop.period_tok} from token {loop.start_tok}: {text[:60]!r}")
    print(f"{name}: {found} false alarms on {pages:,} pages of {tokens / max(pages, 1):,.0f} tokens")


def planted(chance: random.Random, words: list[str], vocabulary: Vocabulary, *, as_table: bool) -> None:
    found, right, waste, saved = 0, 0, [], []
    started = time.process_time()
    tokens = 0
    for period in range(1, MAX_PERIOD_TOK + 1):
        before = vocabulary.ids(page(chance, words))[: chance.randint(0, 1500)]
        unit = vocabulary.ids(prose(chance, words) * 40)[:period]
        if as_table:
            unit = [*unit[:-1], min(vocabulary.table_ids)]
        ids = before + (unit * (LIMIT_TOK // period + 1))[: LIMIT_TOK - len(before)]
        loop, generated = find(ids, vocabulary.table_ids)
        tokens += generated
        found += loop is not None
        right += loop is not None and period % loop.period_tok == 0
        waste.append(generated - len(before))
        saved.append((LIMIT_TOK - generated) / (LIMIT_TOK - len(before)))
    cost_us = (time.process_time() - started) / tokens * 1e6
    print(
        f"planted {'rows of a table' if as_table else 'text'}, periods 1 to {MAX_PERIOD_TOK}: {found} found,"
        f" {right} with their period; after {statistics.mean(waste):,.0f} tokens of the loop on average;"
        f" {statistics.mean(saved):.0%} of its tokens saved; {cost_us:.2f} us a token with making the pages"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=2_000)
    parser.add_argument("--text", type=Path, metavar="FOLDER", help="also pages of this folder's PDFs")
    args = parser.parse_args()
    chance = random.Random(0)
    vocabulary = Vocabulary()
    words = vocabulary.words
    false_alarms("made pages", (page(chance, words) for _ in range(args.pages)), vocabulary)
    if args.text:
        false_alarms("text layers", text_layers(args.text), vocabulary)
    planted(chance, words, vocabulary, as_table=False)
    planted(chance, words, vocabulary, as_table=True)


if __name__ == "__main__":
    main()
