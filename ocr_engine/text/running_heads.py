"""Finds the running heads and feet of a document that were read as text: records in, their places out.

A line is one where it stands at the same place on most pages, or on most odd or even ones, with nothing
beyond it at that edge, in the same words. Numbers in it are the same everywhere, or count with the pages. In
words alone it stands apart from the text, and hardly anywhere else: a heading that often begins a page does.
Headings, tables, figures and formulas are never taken.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ocr_engine.families import BOX_SCALE
from ocr_engine.records import Block, Box, PageRecord
from ocr_engine.text.markdown import is_running_text
from ocr_engine.text.options import RUNNING_LABELS

HEAD, FOOT = "header", "footer"
MAX_CHARS = 160
MAX_TEXTS = 20_000
"""Different lines at edges that are remembered; a document with more has hardly any running ones."""
_EDGE, _LOW = 120, BOX_SCALE - 120
"""Model units: a line may be one above the first, or below the second."""
MAX_BLOCKS = 1_000
"""Blocks of a page; of one with more none is taken."""
_SAME_PLACE = 8
"""Model units, up and down, by which it may stand elsewhere."""
_SLACK = 3
_MOST_BREAKS = 2
"""Line ends within one."""
_LEAST_PAGES, _LEAST_SHARE = 5, 0.6
_OTHER_SIDE, _ELSEWHERE = 0.1, 0.1
"""Share of the pages of the other parity, or of its occurrences, where it may stand as well."""
_RUNS = 0.9
"""Share of its pages on which a number counts with them, or is the same."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_MARKS = re.compile(r"[*_]{1,3}")
_NOT_A_LINE = re.compile(r"^\s*#|<t|\\\[|\$\$|!\[", re.IGNORECASE)
_Key = tuple[str, str, int]
"""Edge, words, and how many numbers are in them."""
Places = dict[int, dict[int, str]]
"""Of each page, by its 1-based number: the blocks that are running ones, and the label that they get."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line at an edge of a page."""

    page: int
    block: int
    box: Box
    numbers: tuple[int, ...]
    apart: bool
    """Whether there is as much room between it and the text as it is high."""


@dataclass(slots=True)
class _Text:
    """All places of one text at one edge."""

    lines: list[_Line] = field(default_factory=list)
    elsewhere: int = 0


def running_heads(records: Iterable[PageRecord]) -> Places:
    """The blocks of a document's pages that are running heads and feet, read as text."""
    texts: defaultdict[_Key, _Text] = defaultdict(_Text)
    pages: Counter[int] = Counter()
    for record in records:
        pages[record.page % 2] += 1
        _collect(record, texts)
    places: Places = {}
    for (edge, words, _), text in texts.items():
        for line in _running(text, bool(words.strip("# ")), pages):
            places.setdefault(line.page, {})[line.block] = edge
    return places


def with_running_heads(records: Iterable[PageRecord], places: Places) -> Iterator[PageRecord]:
    """The pages with these blocks labelled as what they are."""
    for record in records:
        here = places.get(record.page)
        yield replace(record, blocks=tuple(_labelled(record.blocks, here))) if here else record


def _labelled(blocks: Sequence[Block], here: dict[int, str]) -> Iterator[Block]:
    for at, block in enumerate(blocks):
        yield replace(block, label=here[at]) if at in here else block


def _collect(record: PageRecord, texts: "defaultdict[_Key, _Text]") -> None:
    """Put the page's lines where their like are."""
    body = [(at, block) for at, block in enumerate(record.blocks) if _counts(block)]
    if not body or len(body) > MAX_BLOCKS:
        return
    begins = sorted(block.boxes[0].y1 for _, block in body)
    ends = sorted(block.boxes[0].y2 for _, block in body)
    top, bottom = begins[0] + _SLACK, ends[-1] - _SLACK
    for at, block in body:
        words = _words(block)
        if words is None:
            continue
        box, numbers = block.boxes[0], tuple(map(int, _NUMBER.findall(block.content)))
        edge = HEAD if box.y1 <= min(top, _EDGE) else FOOT if box.y2 >= max(bottom, _LOW) else ""
        key = edge, words, len(numbers)
        if not edge:
            for known in ((HEAD, *key[1:]), (FOOT, *key[1:])):
                if known in texts:
                    texts[known].elsewhere += 1
        elif key in texts or len(texts) < MAX_TEXTS:
            texts[key].lines.append(_Line(record.page, at, box, numbers, _is_apart(box, edge, begins, ends)))


def _counts(block: Block) -> bool:
    is_there = bool(block.boxes) and (bool(block.figures) or bool(block.content.strip()))
    return is_there and block.label not in RUNNING_LABELS


def _words(block: Block) -> str | None:
    """A block's words with its numbers as `#`; None where it is no line that may be a running one."""
    text = block.content.strip()
    if not is_running_text(block.label) or block.figures or len(block.boxes) != 1 or len(text) > MAX_CHARS:
        return None
    if _NOT_A_LINE.search(text) or text.count("\n") > _MOST_BREAKS:
        return None
    return " ".join(_NUMBER.sub("#", _MARKS.sub("", text)).casefold().split())


def _is_apart(box: Box, edge: str, begins: Sequence[int], ends: Sequence[int]) -> bool:
    """Whether none of the page's sorted begins and ends is as near as the line is high."""
    height = box.y2 - box.y1
    if edge == HEAD:
        return bisect_left(begins, box.y2 + height) <= bisect_right(begins, box.y1 + _SLACK)
    return bisect_left(ends, box.y2 - _SLACK) <= bisect_right(ends, box.y1 - height)


def _running(text: _Text, has_words: bool, pages: Counter[int]) -> Sequence[_Line]:
    """Those of a text's lines that are running ones."""
    lines = _at_one_place(text.lines)
    if len(lines) < _LEAST_PAGES or not _on_most(lines, pages) or not _numbers_run(lines):
        return ()
    elsewhere = text.elsewhere + len(text.lines) - len(lines)
    counts_pages = any(line.numbers != lines[0].numbers for line in lines)
    if counts_pages:
        return lines
    is_apart = sum(line.apart for line in lines) >= _RUNS * len(lines)
    return lines if has_words and is_apart and elsewhere <= _ELSEWHERE * len(lines) else ()


def _at_one_place(lines: Sequence[_Line]) -> list[_Line]:
    """The lines near the height at which most of them stand."""
    heights = Counter(line.box.y1 for line in lines)
    most = max(heights, key=lambda y: (sum(heights[y + by] for by in range(-_SLACK, _SLACK + 1)), -y))
    return [line for line in lines if abs(line.box.y1 - most) <= _SAME_PLACE]


def _on_most(lines: Sequence[_Line], pages: Counter[int]) -> bool:
    """Whether the lines stand on most pages, or on most odd or even ones and hardly any of the others."""
    found = Counter(page % 2 for page in {line.page for line in lines})
    if found.total() >= _LEAST_SHARE * pages.total():
        return True
    side = found.most_common(1)[0][0]
    is_most = found[side] >= max(_LEAST_PAGES, _LEAST_SHARE * pages[side])
    return is_most and found[1 - side] <= _OTHER_SIDE * pages[1 - side]


def _numbers_run(lines: Sequence[_Line]) -> bool:
    """Whether each number is nearly always the same, or nearly always as far from the page's."""
    for column in zip(*(line.numbers for line in lines), strict=True):
        same = Counter(column).most_common(1)[0][1]
        steps = Counter(number - line.page for number, line in zip(column, lines, strict=True))
        if max(same, steps.most_common(1)[0][1]) < _RUNS * len(lines):
            return False
    return True
