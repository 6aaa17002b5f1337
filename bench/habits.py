"""How often each rule of `text.habits` is right, on real answers of the model whose PDFs are known.

python -m bench.habits FOLDER [--also FOLDER] [--show 5]

FOLDER holds NAME.pdf and NAME/pages/NNNN.raw.md, as a run with `output.raw` leaves them beside its input.
The PDF's own text is the truth: a change is right where the page has what the rule makes of the answer, found
by the letters around it. "not clear" is one whose letters are not found there, or that is at the end of a
line, where nobody can tell. "in true text" are the changes a rule would make to the PDFs' own lines, those of
--also counted too: all of them wrong.
"""

import argparse
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ocr_engine.config import TextConfig
from ocr_engine.text.clean import Kind, Rule, clean, pieces
from ocr_engine.text.grounding import parse
from ocr_engine.text.habits import HABITS, stretches

CONTEXT = (12, 8, 5)
"""Letters on each side by which a place is found on the page; fewer where more are not found."""
_MARKUP = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Change:
    """What a rule does at one place, with the text around it."""

    left: str
    before: str
    after: str
    right: str


@dataclass(slots=True)
class Tally:
    """What became of a rule's changes."""

    verdicts: Counter[str] = field(default_factory=Counter)
    in_true_text: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float | None:
        """Right ones of those that can be told; None without any."""
        right, wrong = self.verdicts["right"], self.verdicts["wrong"]
        return right / (right + wrong) if right + wrong else None


class Layer:
    """A page's own text: its letters and digits in a row, and what stands before each."""

    def __init__(self, text: str) -> None:
        text = unicodedata.normalize("NFKC", text)
        places = [found.start() for found in re.finditer(r"\w", text)]
        self._letters = "".join(text[place] for place in places)
        self._gaps = [text[a + 1 : b] for a, b in pairwise([-1, *places])]

    def verdict(self, change: Change) -> str:
        """right, wrong, or not clear."""
        for size in CONTEXT:
            left, right = letters(change.left)[-size:], letters(change.right)[:size]
            before, after = letters(change.before), letters(change.after)
            if before != after:
                sides = {"right": left + after + right, "wrong": left + before + right}
                found = {name for name, key in sides.items() if key in self._letters}
            else:
                found = {_of_gap(change.after, gap) for gap in self._gaps_at(left, right)}
            if found:
                return found.pop() if len(found) == 1 else "not clear"
        return "not clear"

    def _gaps_at(self, left: str, right: str) -> Iterator[str]:
        at = self._letters.find(left + right)
        while at >= 0 and right:
            yield self._gaps[at + len(left)]
            at = self._letters.find(left + right, at + 1)


def _of_gap(after: str, gap: str) -> str:
    want, have = blank_in(after), blank_in(gap)
    if want == have or (want == " " and have):
        return "right"
    return "not clear" if have == "\n" and not want else "wrong"


def blank_in(text: str) -> str:
    """The line end in a text, else the blank in it, else ""."""
    return "\n" if "\n" in text else " " if re.search(r"\s", text) else ""


def letters(text: str) -> str:
    """Letters and digits alone, markup left out."""
    return "".join(re.findall(r"\w", unicodedata.normalize("NFKC", _MARKUP.sub("", text))))


def changes(rule: Rule, answer: str) -> Iterator[Change]:
    """Every change the rule makes to an answer by itself."""
    for block in parse(answer).blocks:
        for kind, piece in pieces(clean(block.content.strip())):
            if kind is not Kind.CODE and not (kind is Kind.TABLE and "\n" in rule.replacement):
                yield from _changes_in(rule, piece)


def _changes_in(rule: Rule, text: str) -> Iterator[Change]:
    start = 0
    for is_text, piece in stretches(text):
        for found in rule.pattern.finditer(piece) if is_text else ():
            a, b = start + found.start(), start + found.end()
            yield Change(
                text[max(0, a - 200) : a], found[0], found.expand(rule.replacement), text[b : b + 200]
            )
        start += len(piece)


def pages(folder: Path) -> Iterator[tuple[str, Layer]]:
    """Each answer with what its page says."""
    import pymupdf

    for pdf in sorted(folder.glob("*.pdf")):
        with pymupdf.open(pdf) as document:
            for raw in sorted((folder / pdf.stem / "pages").glob("*.raw.md")):
                page = document[int(raw.name.split(".")[0]) - 1]
                yield raw.read_text(encoding="utf-8"), Layer(page.get_text("text"))


def true_lines(folder: Path) -> Iterator[str]:
    """The lines of every PDF's own text; a PDF that cannot be read has none."""
    import pymupdf

    for pdf in sorted(folder.glob("*.pdf")):
        try:
            with pymupdf.open(pdf) as document:
                yield from [line for page in document for line in page.get_text("text").splitlines()]
        except Exception as error:  # noqa: BLE001 - hostile pages make MuPDF raise many types
            sys.stderr.write(f"{pdf.name}: {error}\n")


def measure(folder: Path, *more: Path) -> tuple[dict[str, Tally], int, int]:
    """Each rule's tally by its name, and how many pages and words of true text were looked at."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    read = words = 0
    for answer, layer in pages(folder):
        read += 1
        for rule in HABITS:
            _count(tallies[rule.name], rule, answer, layer)
    for line in (line for place in (folder, *more) for line in true_lines(place)):
        words += len(line.split())
        for rule in HABITS:
            tallies[rule.name].in_true_text += len(rule.pattern.findall(line))
    return tallies, read, words


def _count(tally: Tally, rule: Rule, answer: str, layer: Layer) -> None:
    for change in changes(rule, answer):
        verdict = layer.verdict(change)
        tally.verdicts[verdict] += 1
        if verdict == "wrong":
            tally.wrong.append(f"{change.left[-25:]}[{change.before}>{change.after}]{change.right[:25]}")


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """The table, a line a rule."""
    yield "| rule | changes | right | wrong | not clear | precision | in true text | by default |"
    yield "|---|---|---|---|---|---|---|---|"
    for rule in HABITS:
        tally = tallies[rule.name]
        found = tally.verdicts
        precision = "" if tally.precision is None else f"{tally.precision:.2%}"
        on = "on" if rule.name in TextConfig().habits else "off"
        numbers = found.total(), found["right"], found["wrong"], found["not clear"]
        yield f"| {rule.name} | {' | '.join(map(str, numbers))} | {precision} | {tally.in_true_text} | {on} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.habits", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--also", type=Path, action="append", default=[], metavar="FOLDER", help="more PDFs")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="also N wrong changes of each rule")
    args = parser.parse_args()
    tallies, read, words = measure(args.folder, *args.also)
    lines = [f"{read:,} pages, {words:,} words of true text", "", *table(tallies)]
    for name, tally in tallies.items():
        lines += [f"{name}: {one!r}" for one in tally.wrong[: args.show]]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
