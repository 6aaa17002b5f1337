"""What `quality.dense_tables` decides of tables, on stored answers without a model.

    python -m bench.dense_tables FOLDER [--pages N] [--seed 0]

FOLDER as in `bench.exact_text`. Of each table the stored answer is one reading, a copy with one kind of
damage the other. As the second reading the stored one is better, and should be taken; as the first it should
stay. The rule sees the page's text layer, or none as on a scan, where the model's confidence alone tells of
equal grids: that is not simulated. Then it counts which tables are dense in each mode.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.layer_cost import drawn
from bench.second_reading import answered, misread
from ocr_engine.config import Config, QualityConfig
from ocr_engine.families import resolve_mode
from ocr_engine.reading import ladder
from ocr_engine.reading.dense_tables import dense_tables, words_in
from ocr_engine.text.better_table import better, read_table, table_in
from ocr_engine.text.grounding import write

MODES = ("tiny", "small", "base", "large", "gundam")
_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<td[^<>]*>.*?</td>", re.DOTALL)
_INSIDE = re.compile(r"(?<=>)[^<>]+")
Damage = Callable[[str, random.Random], str]


def letters_wrong(share: float) -> Damage:
    """Letters and digits of cells misread."""

    def damage(table: str, chance: random.Random) -> str:
        return _INSIDE.sub(lambda text: misread(text[0], share, chance), table)

    return damage


def rows_lost(table: str, chance: random.Random) -> str:
    """A fifth of the rows, at least one, not read."""
    rows = _ROW.findall(table)
    for row in chance.sample(rows, max(1, len(rows) // 5)):
        table = table.replace(row, "", 1)
    return table


def rest_lost(table: str, _: random.Random) -> str:
    """The lower half not read."""
    rows = _ROW.findall(table)
    for row in rows[len(rows) // 2 :]:
        table = table.replace(row, "", 1)
    return table


def cells_joined(table: str, chance: random.Random) -> str:
    """In each row two neighbours in one cell."""

    def joined(row: re.Match[str]) -> str:
        cells = _CELL.findall(row[0])
        if len(cells) < 2:
            return row[0]
        at = chance.randrange(len(cells) - 1)
        both = cells[at].removesuffix("</td>") + " " + cells[at + 1].partition(">")[2]
        return f"<tr>{''.join([*cells[:at], both, *cells[at + 2 :]])}</tr>"

    return _ROW.sub(joined, table)


def cells_empty(table: str, chance: random.Random) -> str:
    """A fifth of the cells left empty."""
    return _CELL.sub(lambda cell: "<td></td>" if chance.random() < 0.2 else cell[0], table)


def formulas_lost(table: str, _: random.Random) -> str:
    """No formula read."""
    return re.sub(r"\\\(.*?\\\)", "", table, flags=re.DOTALL)


def cells_mixed(table: str, chance: random.Random) -> str:
    """All cells' texts in other cells."""
    texts = [text for text in _INSIDE.findall(table) if text.strip()]
    chance.shuffle(texts)
    left = iter(texts)
    return _INSIDE.sub(lambda text: next(left) if text[0].strip() else text[0], table)


def cells_split(table: str, _: random.Random) -> str:
    """In each row the longest cell of several words in two."""

    def split(row: re.Match[str]) -> str:
        cells = _CELL.findall(row[0])
        texts = [" ".join(_INSIDE.findall(cell)).split() for cell in cells]
        at = max(range(len(cells)), key=lambda at: len(texts[at]), default=-1)
        if at < 0 or len(texts[at]) < 2:
            return row[0]
        half = len(texts[at]) // 2
        parts = [f"<td>{' '.join(some)}</td>" for some in (texts[at][:half], texts[at][half:])]
        return f"<tr>{''.join([*cells[:at], *parts, *cells[at + 1 :]])}</tr>"

    return _ROW.sub(split, table)


def columns_swapped(table: str, _: random.Random) -> str:
    """The first two columns in each other's place."""

    def swapped(row: re.Match[str]) -> str:
        cells = _CELL.findall(row[0])
        return f"<tr>{''.join([*cells[1::-1], *cells[2:]])}</tr>"

    return _ROW.sub(swapped, table)


def looped(table: str, _: random.Random) -> str:
    """The last row eight times more."""
    rows = _ROW.findall(table)
    return table.replace("</table>", rows[-1] * 8 + "</table>") if rows else table


def invented(table: str, chance: random.Random) -> str:
    """Two rows more that nobody wrote."""
    rows = _ROW.findall(table)
    made = "".join(misread(row, 1.0, chance) for row in map(_emptied, rows[-2:]))
    return table.replace("</table>", made + "</table>")


def _emptied(row: str) -> str:
    return "<tr>" + "<td>abcdefg hijklmn</td>" * len(_CELL.findall(row)) + "</tr>"


DAMAGES: dict[str, Damage] = {
    "2 % of the letters wrong": letters_wrong(0.02),
    "10 % of the letters wrong": letters_wrong(0.1),
    "a fifth of the rows lost": rows_lost,
    "the lower half lost": rest_lost,
    "a fifth of the cells empty": cells_empty,
    "the formulas lost": formulas_lost,
    "two cells of each row in one": cells_joined,
    "a cell of each row in two": cells_split,
    "the texts in other cells": cells_mixed,
    "two columns in each other's place": columns_swapped,
    "the last row over and over": looped,
    "two rows invented": invented,
}


def taken(first: str, second: str, layer: Sequence[str]) -> bool:
    """Whether the second reading takes the first's place."""
    before = read_table(first)
    return before is not None and better(before, read_table(second), layer).is_better


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.dense_tables", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=100, help="of each document at most (100)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance, counts, dense, tables = random.Random(args.seed), Counter[tuple[str, str]](), Counter[str](), 0
    on = Config(quality=QualityConfig(dense_tables="auto"))
    for page, blocks in drawn(args.folder, args.pages):
        layer = page.text_layer()
        kept = ladder.kept([ladder.judged(on, ladder.FIRST, answered(write(blocks)), ladder.PageFacts())],
                           ladder.PageFacts(), on.quality, "0001")  # fmt: skip
        for mode in MODES:
            dense[mode] += len(dense_tables(on, kept, layer, page.geometry, resolve_mode(mode)))
        for block in blocks:
            table = table_in(block.content)
            if table is None or not block.boxes or read_table(table) is None:
                continue
            tables += 1
            words = words_in(block.boxes[0], layer)
            counts["", "layer"] += bool(words)
            for name, damage in DAMAGES.items():
                worse = damage(table, chance)
                counts[name, "all"] += worse != table
                for how, seen in (("layer", words), ("none", ())):
                    if worse != table and (seen or how == "none"):
                        counts[name, f"{how} all"] += 1
                        counts[name, f"{how} good"] += taken(worse, table, seen)
                        counts[name, f"{how} bad"] += not taken(table, worse, seen)
    print(f"{tables} tables, {counts['', 'layer']} of them with words of a layer\n")
    print("| one reading is the stored answer, the other has | good taken, layer | bad refused, layer |"
          " good taken, none | bad refused, none |\n|---|---|---|---|---|")  # fmt: skip
    for name in DAMAGES:
        cells = [
            f"{counts[name, f'{how} {what}']} of {counts[name, f'{how} all']}"
            for how in ("layer", "none")
            for what in ("good", "bad")
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\ndense: {', '.join(f'{mode} {dense[mode]}' for mode in MODES)}")


if __name__ == "__main__":
    main()
