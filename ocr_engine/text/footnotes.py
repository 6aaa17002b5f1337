"""Ties the footnotes of a page to their marks: a record in, the same with markdown footnotes out.

A note stands at the page's foot and begins with a mark. It is tied where that mark stands once in the page's
text, and once before a note. A page on which one of its marks stands more often, or on which the marks are
not in the same order above and below, stays as it is. Everything is cleaned afterwards as any other text; a
note of one word or address stays, too, as it would define a link.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from ocr_engine.records import Block, PageRecord
from ocr_engine.text.clean import Kind, clean, pieces
from ocr_engine.text.footnote_marks import Mark, is_reference, mark_before, marks_in
from ocr_engine.text.markdown import is_running_text
from ocr_engine.text.options import RUNNING_LABELS

NOTE_LABELS = frozenset({"footnote", "page_footnote"})
_FOOT = 500
"""Model units: a note that is not labelled as one begins in the lower half of the page."""
MAX_NOTES = 100
"""Notes of one page; a page with more stays as it is."""
MAX_CHARS = 100_000
"""Of a page's text that is looked at; a longer page stays as it is."""
MAX_BLOCKS = 1_000
MAX_MARKS = 2_000
"""Blocks, and marks in the text, of one page; a page with more stays as it is."""
_LINE = re.compile(r"[^\n]+")
_OURS = "[^"


@dataclass(frozen=True, slots=True)
class _Place:
    """A mark in a block."""

    block: int
    mark: Mark


def with_footnotes(records: Iterable[PageRecord]) -> Iterator[tuple[PageRecord, bool]]:
    """Each page with its notes tied, and whether that changed it."""
    for record in records:
        tied = _tied(record)
        yield tied or record, tied is not None


def _tied(record: PageRecord) -> PageRecord | None:
    blocks = record.blocks
    if len(blocks) > MAX_BLOCKS or sum(len(block.content) for block in blocks) > MAX_CHARS:
        return None
    if any(_OURS in block.content for block in blocks):
        return None
    notes = [place for at in _notes_at(blocks) for place in _notes_of(at, blocks[at])]
    if not notes or len(notes) > MAX_NOTES:
        return None
    references = list(islice(_references(blocks, {place.block for place in notes}), MAX_MARKS + 1))
    if len(references) > MAX_MARKS:
        return None
    pairs = _pairs(notes, references)
    written = list(blocks)
    for number, (reference, note) in reversed([*enumerate(pairs, 1)]):
        key = note.mark.key
        name = f"[^p{record.page}-{key if key.isdecimal() and key.isascii() else f's{number}'}]"
        tried = _written(written, reference, note, name, _end_of(note, notes, pairs))
        written = tried if tried is not None else written
    return replace(record, blocks=tuple(written)) if written != list(blocks) else None


def _pairs(notes: Sequence[_Place], references: Sequence[_Place]) -> list[tuple[_Place, _Place]]:
    """Each mark in the text with its note, in order; none where one of them is not certain."""
    of_note = Counter(place.mark.key for place in notes)
    found = [place for place in references if place.mark.key in of_note]
    of_text = Counter(place.mark.key for place in found)
    if any(count > 1 for count in (*of_text.values(), *(of_note[key] for key in of_text))):
        return []
    by_key = {place.mark.key: place for place in notes}
    pairs = [(place, by_key[place.mark.key]) for place in found]
    places = [(note.block, note.mark.start) for _, note in pairs]
    return pairs if places == sorted(places) else []


def _notes_at(blocks: Sequence[Block]) -> list[int]:
    """The blocks that may be notes: labelled so, or text at its column's foot that begins with a mark."""
    found: list[int] = []
    for at in sorted(range(len(blocks)), key=lambda at: -_top(blocks[at])):
        block = blocks[at]
        if mark_before(block.content) is None or block.figures:
            continue
        is_low = _top(block) >= _FOOT and is_running_text(block.label) and _is_last(at, blocks, found)
        if block.label in NOTE_LABELS or is_low:
            found.append(at)
    return sorted(found)


def _top(block: Block) -> int:
    return min((box.y1 for box in block.boxes), default=0)


def _is_last(at: int, blocks: Sequence[Block], notes: Sequence[int]) -> bool:
    """Whether nothing but notes, heads and page numbers stands below a block in its column."""
    box = blocks[at].boxes[0]
    for other, block in enumerate(blocks):
        if other == at or other in notes or block.label in RUNNING_LABELS | NOTE_LABELS:
            continue
        if any(below.y1 >= box.y1 and below.x1 < box.x2 and box.x1 < below.x2 for below in block.boxes):
            return False
    return True


def _notes_of(at: int, block: Block) -> Iterator[_Place]:
    """The marks that lines of a note's block begin with."""
    for line in _LINE.finditer(block.content):
        mark = mark_before(line[0])
        if mark is not None and line[0][mark.end :].strip():
            start = line.start()
            yield _Place(at, replace(mark, start=start + mark.start, end=start + mark.end))


def _references(blocks: Sequence[Block], notes: set[int]) -> Iterator[_Place]:
    """The marks of the page's text; those in tables and code twice, as they may lead elsewhere."""
    for at, block in enumerate(blocks):
        if at in notes or block.label in RUNNING_LABELS:
            continue
        start = 0
        for kind, piece in pieces(block.content):
            for mark in marks_in(piece):
                place = _Place(at, replace(mark, start=start + mark.start, end=start + mark.end))
                if kind is not Kind.PROSE or _in_line_of_code(piece, mark):
                    yield place
                    yield place
                elif is_reference(piece, mark):
                    yield place
            start += len(piece)


def _in_line_of_code(text: str, mark: Mark) -> bool:
    """Whether a code span may be around a mark: one line holds both."""
    start, end = text.rfind("\n", 0, mark.start) + 1, text.find("\n", mark.end)
    return "`" in text[start : end if end >= 0 else len(text)]


def _end_of(note: _Place, notes: Sequence[_Place], pairs: Sequence[tuple[_Place, _Place]]) -> int | None:
    """Where the next note of the block begins; a bare number that leads nowhere begins none."""
    tied, key = [place for _, place in pairs], note.mark.key
    following = str(int(key) + 1) if key.isdecimal() else ""
    later = [
        place.mark.start
        for place in notes
        if place.block == note.block and place.mark.start > note.mark.start
        if place in tied or place.mark.raised or place.mark.key == following or not place.mark.key.isdecimal()
    ]
    return min(later, default=None)


def _written(
    blocks: Sequence[Block], reference: _Place, note: _Place, name: str, end: int | None
) -> list[Block] | None:
    """The blocks with a mark and its note as a markdown footnote; None where cleaning would break it."""
    done = list(blocks)
    text, below = done[reference.block], done[note.block]
    above = text.content[: reference.mark.start] + name + text.content[reference.mark.end :]
    said = " ".join(below.content[note.mark.end : end].split())
    rest = "" if end is None else below.content[end:].lstrip("\n")
    below_text = f"{below.content[: note.mark.start].rstrip()}\n\n{name}: {said}\n\n{rest}"
    if f"{name}: " not in clean(below_text) or name not in clean(above):
        return None
    done[reference.block] = replace(text, content=above)
    done[note.block] = replace(below, label=_note_label(below), content=below_text)
    return done


def _note_label(block: Block) -> str:
    """A note keeps its label; a paragraph that is one is no part of the running text any more."""
    return block.label if block.label in NOTE_LABELS else "footnote"
