"""The headings of a whole document: the outline they make, and its pages with headings at those levels.

Two passes over the pages, one at a time: the first finds the headings, the second writes them. What stays in
memory is a line a heading.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ocr_engine.config import TextConfig
from ocr_engine.families import BOX_SCALE
from ocr_engine.records import Block, Bookmark, OutlineEntry, PageRecord
from ocr_engine.text.clean import harmless
from ocr_engine.text.heading_levels import MAX_HEADINGS, Heading, levels_of
from ocr_engine.text.headings import headings_of, plain_title, with_levels
from ocr_engine.text.options import dropped

_UNIT_EM = 0.5
"""Width of a usual letter in ems."""
_FILLED = 1.4
"""A title that is so many times as wide as its box in type of the box's height stands on several lines."""


_STARTS_BLOCK = re.compile(
    r"^(?:[#>=|]|[-+*](?=\s)|[~`](?=[~`]{2}))|(?:(?<=^\d)|(?<=^\d\d)|(?<=^\d\d\d))[.)](?=\s|$)"
)
"""What would start a list, a quotation or code where a title follows the mark of an item."""
Levels = dict[int, list[tuple[int, int]]]
"""Of each page with headings, by its 1-based number: block and level of each heading, in order."""


def outline_of(records: Iterable[PageRecord], options: TextConfig) -> list[OutlineEntry]:
    """The headings of a document in order, their levels as `text.headings` asks."""
    found: list[Heading] = []
    bookmarks: dict[int, tuple[Bookmark, ...]] = {}
    for record in records:
        if record.bookmarks:
            bookmarks[record.page] = record.bookmarks
        found += _headings(record, options)
        if len(found) > MAX_HEADINGS:
            del found[MAX_HEADINGS:]
            break
    if options.headings == "document":
        levels = levels_of(found, bookmarks)
    else:
        levels = [max(heading.read_level, 1) for heading in found]
    return [
        OutlineEntry(level, heading.title, heading.page, heading.block)
        for level, heading in zip(levels, found, strict=True)
    ]


def by_page(entries: Iterable[OutlineEntry]) -> Levels:
    """The levels of an outline."""
    levels: Levels = {}
    for entry in entries:
        levels.setdefault(entry.page, []).append((entry.block, entry.level))
    return levels


def with_outline(records: Iterable[PageRecord], levels: Levels) -> Iterator[PageRecord]:
    """The pages with their headings at these levels."""
    for record in records:
        wanted = levels.get(record.page)
        yield replace(record, blocks=tuple(_leveled(record.blocks, wanted))) if wanted else record


def _leveled(blocks: Iterable[Block], wanted: list[tuple[int, int]]) -> Iterator[Block]:
    of_block: dict[int, list[int]] = {}
    for at, level in wanted:
        of_block.setdefault(at, []).append(level)
    for at, block in enumerate(blocks):
        levels = of_block.get(at)
        # The outline is bounded: a page may have more headings than it.
        whole = levels is not None and sum(1 for _ in headings_of(block)) == len(levels)
        yield with_levels(block, levels) if levels is not None and whole else block


def _headings(record: PageRecord, options: TextConfig) -> Iterator[Heading]:
    types = {one.box: one for one in record.heading_types}
    for at, block in enumerate(record.blocks):
        if dropped(block.label, options):
            continue
        found = list(headings_of(block))
        for read_level, raw in found:
            title = plain_title(raw, options)
            kind, height = (
                types.get(block.boxes[0]) if block.boxes else None,
                _line_height(record, block, title) if len(found) == 1 else 0.0,
            )
            size_pt, bold = (kind.size_pt, kind.bold) if kind else (0.0, False)
            yield Heading(record.page, at, title, read_level, block.label, size_pt, bold, height)


def _line_height(record: PageRecord, block: Block, title: str) -> float:
    """Points from line to line of a heading, as far as its box and its length tell; 0 without a box."""
    if not block.boxes or record.geometry is None or "\n" in block.content.strip():
        return 0.0
    box = block.boxes[0]
    width = (box.x2 - box.x1) * record.geometry.width_pt / BOX_SCALE
    height = (box.y2 - box.y1) * record.geometry.height_pt / BOX_SCALE
    filled = len(title) * _UNIT_EM * height / max(width, 1.0)
    lines = max(1, round(math.sqrt(filled))) if filled > _FILLED * _FILLED else 1
    return height / lines


def contents_list(entries: Iterable[OutlineEntry]) -> str:
    """The outline as a markdown list with page numbers, "" without headings."""
    lines: list[str] = []
    above: list[int] = []
    for entry in entries:
        if not entry.level:
            continue
        while above and above[-1] >= entry.level:
            above.pop()
        title = _STARTS_BLOCK.sub(r"\\\g<0>", entry.title)
        lines.append(f"{'  ' * len(above)}- {title} ({entry.page})")
        above.append(entry.level)
    return harmless("\n".join(lines)) + "\n" if lines else ""
