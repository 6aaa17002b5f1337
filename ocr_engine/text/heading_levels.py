"""Gives the headings of a whole document levels that agree with each other. Linear in their number.

Three things tell a level, the first that does:
1. an entry of the PDF's own outline with the heading's title, on its page or one beside it;
2. its number: `2.1` is below `2`, an article below its chapter; what counts what is found for each document;
3. its type: size and weight as the text layer says, else the height of its lines. Headings of one type have
   one level: that of the numbered headings of that type, else the one below what is larger before them.
"""

import math
import re
import unicodedata
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ocr_engine.records import Bookmark
from ocr_engine.text.headings import MAX_LEVEL
from ocr_engine.text.numbering import WORDS, Counter, Number, number_of, without_number

MAX_HEADINGS = 100_000
"""Headings of one document that get a level; more is a loop."""
_SAME_TYPE, _SAME_HEIGHT = math.log(1.04), math.log(1.18)
"""Sizes that are one size: the layer's are exact, the heights of boxes are not."""
_LARGER_TITLE = math.log(1.1)
_FIRST_PAGES = 3
_ENDS_IN_PAGE = re.compile(r"\D[\s.…·]\d{1,4}$")
_CONTENTS = frozenset({
    "contents", "tableofcontents", "inhalt", "inhaltsverzeichnis", "tabledesmatières", "sommaire", "índice",
    "contenido", "indice", "inhoud", "inhoudsopgave", "sumário", "目录", "目錄", "目次",
})  # fmt: skip
"""What lists of contents are called, in small letters without blanks."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as it was read: where it is, its plain title, and what tells of its level."""

    page: int
    block: int
    title: str
    read_level: int
    """By its marks; 0 where it has none."""
    label: str = ""
    size_pt: float = 0.0
    """Of its type; 0 where no text layer tells."""
    bold: bool = False
    line_height: float = 0.0
    """Of one of its lines, by its box; 0 where it has none."""


@dataclass(frozen=True, slots=True)
class _Type:
    """How a heading is set: what two headings must share to be of one level."""

    log_size: float
    bold: bool
    exact: bool

    def is_like(self, other: "_Type") -> bool:
        near = abs(self.log_size - other.log_size) <= (_SAME_TYPE if self.exact else _SAME_HEIGHT)
        return near and (self.exact, self.bold) == (other.exact, other.bold)

    def is_larger(self, other: "_Type") -> bool:
        step = _SAME_TYPE if self.exact else _SAME_HEIGHT
        return self.exact == other.exact and self.log_size > other.log_size + step


def levels_of(
    headings: Sequence[Heading], bookmarks: Mapping[int, Sequence[Bookmark]] | None = None
) -> list[int]:
    """A level, 1 to 6, for each heading in reading order; 0 for a line of a list of contents.

    `bookmarks` are by 1-based page.
    """
    if not headings:
        return []
    numbers = [number_of(heading.title) for heading in headings]
    types = [_type_of(heading) for heading in headings]
    title = _title_at(headings, numbers, types)
    top = 1 if title is None else 2
    marked = _marked(headings, bookmarks or {})
    if title is not None and not marked[title]:
        marked = [level and level + 1 for level in marked]  # a title that the outline leaves out is above it
    levels = _agreed(_numbered(numbers, top), marked)
    if title is not None:
        levels[title] = 1
    done = _typed(headings, levels, types, top)
    listed = _listed(headings)
    return [
        0 if is_listed else max(1, min(level, MAX_LEVEL))
        for level, is_listed in zip(done, listed, strict=True)
    ]


def _listed(headings: Sequence[Heading]) -> list[bool]:
    """Which headings are lines of a list of contents: they end with a page number, right after its title."""
    listed: list[bool] = []
    is_open = False
    for heading in headings:
        entry = is_open and bool(_ENDS_IN_PAGE.search(heading.title))
        listed.append(entry)
        is_open = entry or _letters(heading.title) in _CONTENTS
    return listed


def _agreed(numbered: Sequence[int | None], marked: Sequence[int]) -> list[int | None]:
    """The bookmarks' levels, and those of numbers moved to where bookmarks put numbered headings."""
    steps = [mark - level for level, mark in zip(numbered, marked, strict=True) if mark and level is not None]
    step = round(median(steps)) if steps else 0
    moved = (None if level is None else max(1, level + step) for level in numbered)
    return [mark or level for level, mark in zip(moved, marked, strict=True)]


def _type_of(heading: Heading) -> _Type | None:
    if heading.size_pt > 0:
        return _Type(math.log(heading.size_pt), heading.bold, exact=True)
    return _Type(math.log(heading.line_height), bold=False, exact=False) if heading.line_height > 0 else None


def _marked(headings: Sequence[Heading], bookmarks: Mapping[int, Sequence[Bookmark]]) -> list[int]:
    """The level of each heading's bookmark, 0 where it has none. A bookmark is of the first such heading."""
    left: dict[tuple[int, str], list[int]] = defaultdict(list)
    for page, entries in bookmarks.items():
        for entry in reversed(entries):
            for key in _keys(entry.title):
                left[page, key].append(entry.level)
    return [_take(left, heading) if bookmarks else 0 for heading in headings]


def _keys(title: str) -> list[str]:
    """What a title is compared by: with its number and without it."""
    keys = (_letters(title), _letters(without_number(title)))
    return [key for key in dict.fromkeys(keys) if key]


def _letters(title: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", title).casefold()))


def _take(left: dict[tuple[int, str], list[int]], heading: Heading) -> int:
    for key in _keys(heading.title):
        for page in (heading.page, heading.page - 1, heading.page + 1):
            if found := left.get((page, key)):
                return found.pop() if len(found) > 1 else found[0]
    return 0


def _title_at(
    headings: Sequence[Heading], numbers: Sequence[Number | None], types: Sequence[_Type | None]
) -> int | None:
    """Which heading is the document's title: the first, on its first pages, larger than all that follow."""
    first = headings[0]
    if len(headings) < 2 or numbers[0] is not None or first.page > _FIRST_PAGES:
        return None
    own, others = types[0], [one for one in types[1:] if one and types[0] and one.exact == types[0].exact]
    if own is None or 2 * len(others) < len(types) - 1:
        others_at_top = (
            heading.read_level == 1 and not one
            for heading, one in zip(headings[1:], numbers[1:], strict=True)
        )
        only = first.read_level == 1 and not any(others_at_top)
        return 0 if only else None
    return 0 if own.log_size >= max(one.log_size for one in others) + _LARGER_TITLE else None


def _numbered(numbers: Sequence[Number | None], top: int) -> list[int | None]:
    """The level of each number; None where there is none."""
    base = _bases(numbers, top)
    return [None if one is None else base[one.counter] + one.depth - 1 for one in numbers]


def _bases(numbers: Sequence[Number | None], top: int) -> dict[Counter, int]:
    """The level of what each counter counts first."""
    there = {one.counter for one in numbers if one is not None}
    words = [counter for counter in WORDS if counter in there]
    base = {counter: top + at for at, counter in enumerate(words)}
    below = top + len([counter for counter in words if counter is not Counter.ARTICLE])
    base[Counter.ANNEX] = base.get(Counter.CHAPTER, top)
    romans = sum(one is not None and one.counter is Counter.ROMAN for one in numbers)
    base[Counter.ROMAN] = below
    below += romans > 1
    base[Counter.DECIMAL] = base[Counter.LETTER] = below
    if words and not _counts_alone(numbers, Counter.DECIMAL):
        base[Counter.DECIMAL] -= 1  # 2.1 of chapter 2: the chapter is its first part
    if romans > 1 and _starts_again(numbers, Counter.LETTER):
        base[Counter.DECIMAL] += 1  # I., A., 1.
    if _counts_alone(numbers, Counter.ANNEX) and not _counts_alone(numbers, Counter.LETTER):
        base[Counter.LETTER] = base[Counter.ANNEX]
    return base


def _counts_alone(numbers: Sequence[Number | None], counter: Counter) -> bool:
    return any(one is not None and one.counter is counter and one.depth == 1 for one in numbers)


def _starts_again(numbers: Sequence[Number | None], counter: Counter) -> bool:
    firsts = [one.text for one in numbers if one is not None and one.counter is counter and one.depth == 1]
    return firsts.count(firsts[0]) > 1 if firsts else False


def _typed(
    headings: Sequence[Heading], levels: Sequence[int | None], types: Sequence[_Type | None], top: int
) -> list[int]:
    """All levels: those of headings without one by their type, or as they were read."""
    known = _levels_of_types(levels, types)
    unknown = _levels_of_other_types(levels, types, known, top)
    done: list[int] = []
    for heading, level, one in zip(headings, levels, types, strict=True):
        if level is not None:
            done.append(level)
        elif one is None:
            done.append(heading.read_level or top)
        else:
            done.append(known.get(_like(one, known), 0) or unknown.get(_like(one, unknown), top))
    return done


def _like(one: _Type, among: Mapping[_Type, int]) -> _Type:
    """The nearest type among these that is like this one; itself where none is."""
    near = [other for other in among if one.is_like(other)]
    return min(near, key=lambda other: abs(other.log_size - one.log_size), default=one)


def _levels_of_types(levels: Sequence[int | None], types: Sequence[_Type | None]) -> dict[_Type, int]:
    """Of each type that headings with a level are set in, the commonest level. One type a level."""
    sizes: dict[tuple[int, bool, bool], list[float]] = defaultdict(list)
    for level, one in zip(levels, types, strict=True):
        if level is not None and one is not None:
            sizes[level, one.exact, one.bold].append(one.log_size)
    found: dict[_Type, int] = {}
    for (level, exact, bold), logs in sorted(sizes.items()):
        found.setdefault(_Type(median(logs), bold, exact), level)
    return found


def _levels_of_other_types(
    levels: Sequence[int | None],
    types: Sequence[_Type | None],
    known: Mapping[_Type, int],
    top: int,
) -> dict[_Type, int]:
    """Of each other type, the level that is most often one below the nearest larger heading before it."""
    found: dict[_Type, int] = {}
    kinds = _kinds([one for one, level in zip(types, levels, strict=True) if one and level is None], known)
    for kind in kinds:  # the largest first, as the smaller are below it
        votes: Counts[int] = Counts()
        above = top - 1
        for level, one in zip(levels, types, strict=True):
            if one is None:
                continue
            if level is None and one.is_like(kind):
                votes[above + 1] += 1
            elif one.is_larger(kind):
                above = level or known.get(_like(one, known), 0) or found.get(_like(one, found), above)
            elif level is not None and level <= above:
                above = level - 1
        if votes:
            found[kind] = votes.most_common(1)[0][0]
    return found


def _kinds(types: Sequence[_Type], known: Mapping[_Type, int]) -> list[_Type]:
    """The types that are like no known one, the largest first; like ones are one."""
    kinds: list[_Type] = []
    for one in sorted(set(types), key=lambda one: (-one.log_size, one.exact, one.bold)):
        alike = any(one.is_like(other) for other in (*known, *kinds[-3:]))
        if not alike and len(kinds) < _MAX_KINDS:
            kinds.append(one)
    return kinds


_MAX_KINDS = 24
