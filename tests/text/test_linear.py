"""Time grows with the text, not with its square: what a stranger's answer costs is bounded by its length.

Measured is CPU time of one text and of one eight times as long. Counting what Python executes would be exact,
but sees nothing of regular expressions, where most of these faults were: their backtracking is one call. A
quadratic gives 64 times the time, a linear one 8; more than 24 fails (16 where it is too long for noise), and
only where the longer text takes noticeable time at all: a busy machine changes nothing.
"""

import gc
import time
from collections.abc import Callable

import pytest

from ocr_engine.config import TextConfig
from ocr_engine.records import Block, PageRecord, PageStatus
from ocr_engine.text import official, remap
from ocr_engine.text.cross_page import join_pages
from ocr_engine.text.folding import TagFolder
from ocr_engine.text.footnotes import with_footnotes
from ocr_engine.text.grounding import parse, write
from ocr_engine.text.markdown import to_markdown
from ocr_engine.text.recall import text_of, word_recall
from ocr_engine.text.running_heads import running_heads
from ocr_engine.text.table_csv import tables_as_csv

SHORT, LONG, VERY_LONG = 2_000, 16_000, 128_000
NOTICEABLE_S = 0.1
MAX_GROWTH, MAX_LONG_GROWTH = 24, 16
STYLE = TextConfig(
    habits=("hyphens", "word_hyphens", "bullets", "item_names", "glued_words"),
    tables="markdown",
    math_delimiters="dollar",
    list_repair=True,
    max_equal_lines=2,
    merge_tables=True,
    join_paragraphs=True,
)


def fold_by_pieces(raw: str) -> str:
    folder = TagFolder()
    return "".join(folder.add(raw[at : at + 5]) for at in range(0, len(raw), 5)) + folder.end()


def join(raw: str) -> object:
    blocks = parse(raw).blocks
    records = [PageRecord(n, PageStatus.DONE, "", "", "base", "markdown", blocks) for n in (1, 2)]
    return list(join_pages(records, STYLE))


def footnotes(raw: str) -> object:
    blocks = (*parse(raw).blocks, Block("footnote", (), raw), Block("footnote", (), f"1 {raw}"))
    return list(with_footnotes([PageRecord(1, PageStatus.DONE, "", "", "base", "markdown", blocks)]))


def heads(raw: str) -> object:
    blocks = parse(raw).blocks
    return running_heads([PageRecord(n, PageStatus.DONE, "", "", "", "", blocks) for n in range(1, 7)])


WORK: dict[str, Callable[[str], object]] = {
    "page": lambda raw: to_markdown(parse(raw), "../figures/", STYLE),
    "csv": lambda raw: tables_as_csv(parse(raw).blocks),
    "pages joined": join,
    "footnotes": footnotes,
    "running heads": heads,
    "folded": fold_by_pieces,
    "official": lambda raw: (official.page_mmd(raw, 0), official.image_mmd(raw), official.eval_md(raw)),
    "halves": lambda raw: write(remap.joined(parse(raw), parse(raw), 0.5, 0.5).blocks),
    "recall": lambda raw: word_recall(text_of(parse(raw).blocks), raw),
}


def again(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda size: before + unit * (size // len(unit)) + after


def indented(line: str) -> Callable[[int], str]:
    """Lines that are each indented two more."""
    return lambda size: "\n".join(" " * (2 * n) + line for n in range(int(size**0.5)))


def numbered(unit: str) -> Callable[[int], str]:
    return lambda size: "".join(unit.replace("N", str(n)) for n in range(size // len(unit)))


CELL = "<table><tr><td>"
LABEL = "<|ref|>image<|/ref|><|det|>"
SHAPES: dict[str, Callable[[int], str]] = {
    "blanks before a letter": again(" ", "a", "x"),
    "blanks in a cell": again(" \t", f"{CELL}a", "x"),
    "blanks after a hyphen": again("\n", "a-", "."),
    "blanks after a box": again(" ", "a<|det|>[1]", "x"),
    "blanks in lines": again(" \n \n\t", "a", "x"),
    "items indented": indented("- a"),
    "words indented": indented("a"),
    "tables not opened": again("<table "),
    "tables not opened, lines": again("<table\n"),
    "tables in code": again("`<table><td> ", "", "`"),
    "tables in code, one line": again("<table>`a` ", "`", "`"),
    "tables unclosed": again("<table><tr><td>a\n"),
    "cells unclosed": again("<td>a", CELL),
    "cells spanning": again("<td colspan=9 rowspan=9>a</td>", "<table><tr>", "</tr></table>"),
    "lists in a cell": again("<ul><li>", CELL),
    "wrong end tags": again("<b></i>", CELL),
    "tags between cells": again("a<br>", "<table>"),
    "attributes": numbered(" aN"),
    "attributes of a cell": lambda size: f"{CELL}<td{numbered(' aN')(size)}>a",
    "inline tags": again("<b><i>"),
    "end tags": again("</b></td>"),
    "comments": again("<!-- "),
    "fences": again("```\n~~~\n"),
    "fences growing": lambda size: "\n".join("`" * n for n in range(3, int((2 * size) ** 0.5))),
    "backticks": again("`` ` "),
    "backslashes": again("\\(\\["),
    "formulas": again("\\(a\\) $5 \\[\\quad (b\\]"),
    "conditions": again("\\quad  ", "\\[", "\\]"),
    "links": again("[a](b)![c](d)"),
    "brackets": again("[", "", "]("),
    "bullets glued": again("a.- B", "- a"),
    "numbers glued": numbered("a.N. B"),
    "numbers, one line": again("a. 2. ", "1. a "),
    "labels": again("<|ref|>a<|/ref|>"),
    "labels and blanks": again(" ", "<|ref|>a<|/ref|>"),
    "labels open": again("<|ref|>"),
    "boxes": again("[1, 2, 300, 400], ", f"{LABEL}[", "]<|/det|>"),
    "boxes open": again("<|det|>[[1"),
    "box brackets": again("[]", "<|det|>"),
    "tags, all different": numbered("<|ref|>text<|/ref|><|det|>[[N, 2, 3, 4]]<|/det|>\na\n"),
    "figures, all different": numbered(f"{LABEL}[[N, 2, 3, 4]]<|/det|>\na\n"),
    "special tokens": again("<｜a"),
    "centre": again("<center>", "", "x"),
    "smiles": again("<smiles>a"),
    "equal lines": again("a\n\n"),
    "marks in turn": again("\u0301\u0323", "a"),
    "entities": again("&#9;&lt;"),
    "digits": again("9", "&#"),
    "raised": again("<sup>1</sup>"),
    "raised, open": again(" ", "$", "x"),
    "raised formulas": again("ab\\(^{1}"),
    "stars": again("ab* "),
    "notes": numbered("N ab\n"),
    "notes and marks": numbered("ab<sup>N</sup>\n<sup>N</sup> ab\n"),
}


def cpu_s(function: Callable[[str], object], text: str) -> float:
    # The garbage collector goes through all that other tests hold, the oftener the more a text makes.
    gc.disable()
    started_s = time.process_time()
    function(text)
    took_s = time.process_time() - started_s
    gc.enable()
    return took_s


def check(function: Callable[[str], object], short: str, long: str, most: float) -> None:
    assert 6 < len(long) / len(short) < 10
    took_s = cpu_s(function, long)
    if took_s > NOTICEABLE_S:
        short_s = min(cpu_s(function, short) for _ in range(3))
        # Measured again only where it took too long: a busy machine makes it slower, never quicker.
        again_s = (cpu_s(function, long) for _ in range(3))
        assert took_s < most * short_s or min(again_s) < most * short_s


@pytest.mark.parametrize("shape", SHAPES)
def test_time_grows_with_the_text(shape: str) -> None:
    short, long = SHAPES[shape](SHORT), SHAPES[shape](LONG)
    for function in WORK.values():
        check(function, short, long, MAX_GROWTH)


@pytest.mark.parametrize(
    ("work", "shape"),
    [
        ("page", "items indented"),
        ("page", "tables in code, one line"),
        ("page", "lists in a cell"),
        ("page", "wrong end tags"),
        ("page", "attributes of a cell"),
        ("official", "tags, all different"),
        ("official", "figures, all different"),
        ("recall", "marks in turn"),
    ],
)
def test_time_grows_with_a_long_text_whose_steps_are_small(work: str, shape: str) -> None:
    check(WORK[work], SHAPES[shape](LONG), SHAPES[shape](VERY_LONG), MAX_LONG_GROWTH)
