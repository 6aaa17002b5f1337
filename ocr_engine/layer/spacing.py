"""Blanks and line ends of a block made those of the page, where the characters around them are the same."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ocr_engine.layer.alignment import AlignedRun, Alignment
from ocr_engine.layer.edits import Edit, Reason
from ocr_engine.layer.words import PageWords

MIN_EQUAL = 2
"""Characters that must be the same on each side of a blank, or all there are in the block."""
_MIN_GAP = 0.1
"""Of the type's height: what is nearer is no blank for certain."""
_JOINS = "-/_=&?\u2013\\"
"""What a line may end with without a blank: a word or address goes on."""
_GLUE = "-/_.()[]{}'\"@#&="
"""Signs that stand without a blank beside letters."""
_CJK_FROM = "\u2e80"


@dataclass(slots=True)
class SpacingRules:
    """What of a page decides on its blanks."""

    page: PageWords
    known: frozenset[str] = field(init=False)
    """Words that stand on the page by themselves."""

    def __post_init__(self) -> None:
        self.known = frozenset(word.strip(".,;:()") for word in self.page.folded)


def spacing_edits(alignment: Alignment, rules: SpacingRules, *, lines: bool) -> Iterator[Edit]:
    """Edits of blanks alone. With `lines`, a line that ends early on the page ends in the text too."""
    for run in alignment.runs:
        if run.kind == "equal" and run.last - run.first > 1:
            yield from _in_run(alignment, run, rules, lines)
    for before, run, after in zip(alignment.runs, alignment.runs[1:], alignment.runs[2:], strict=False):
        if min(_length(before), _length(after)) >= MIN_EQUAL:
            yield from _beside(alignment, run, rules, lines)


def _length(run: AlignedRun) -> int:
    return run.last - run.first if run.kind == "equal" else 0


def _beside(alignment: Alignment, run: AlignedRun, rules: SpacingRules, lines: bool) -> Iterator[Edit]:
    """Blanks before and after characters that were read as others, and where the page has a bullet."""
    if run.kind == "insert":
        if edit := _at_bullet(alignment, run, rules, lines):
            yield edit
    elif run.last - run.first == run.end - run.start:
        for at, place in ((run.first - 1, run.start - 1), (run.last - 1, run.end - 1)):
            if alignment.ends_word(place + 1) and (edit := _added(alignment, at, place, rules, lines)):
                yield edit


def _at_bullet(alignment: Alignment, run: AlignedRun, rules: SpacingRules, lines: bool) -> Edit | None:
    """A blank or line end where the page has a bullet between two words that were read as one."""
    is_bullet = not any(map(str.isalnum, alignment.letters[run.start : run.end]))
    is_word = alignment.starts_word(run.start) and alignment.ends_word(run.end)
    if not (is_bullet and is_word) or alignment.prose.between(run.first - 1):
        return None
    words, page, place = alignment.words, rules.page, alignment.prose.places[run.first]
    left, right = words[alignment.word_at(run.start - 1)], words[alignment.word_at(run.end)]
    if page.doubtful[left] or page.doubtful[right]:
        return None
    breaks = lines and not on_one_row(page, left, right)
    return Edit(place, place, "\n" if breaks else " ", Reason.LINE if breaks else Reason.BLANK)


def _in_run(alignment: Alignment, run: AlignedRun, rules: SpacingRules, lines: bool) -> Iterator[Edit]:
    tokens, ends, shift = alignment.prose.tokens, alignment.ends, run.first - run.start
    ours = {end - 1 for end in _within(tokens, run.first, run.last)}
    theirs = {end - 1 + shift for end in _within(ends, run.start, run.end)}
    firm = _firm(alignment, run)
    for at in sorted(ours ^ theirs if not lines else ours | theirs):
        if at not in firm:
            continue
        if at not in theirs:
            if edit := _removed(alignment, at, at - shift, rules):
                yield edit
        elif edit := _added(alignment, at, at - shift, rules, lines):
            yield edit


def _within(ends: Sequence[int], first: int, last: int) -> Sequence[int]:
    """Those of rising numbers that lie between two, without these."""
    return ends[bisect_right(ends, first) : bisect_left(ends, last)]


def _firm(alignment: Alignment, run: AlignedRun) -> range:
    """The characters of a run with enough that are equal on both sides, or nothing beyond the run."""
    starts = run.first == 0 and run.start == 0
    ends = run.last == len(alignment.prose.letters) and run.end == len(alignment.letters)
    first = run.first if starts else run.first + MIN_EQUAL - 1
    return range(first, run.last if ends else run.last - MIN_EQUAL)


def _removed(alignment: Alignment, at: int, place: int, rules: SpacingRules) -> Edit | None:
    """The blank after character `at` taken away: the page has none within this word."""
    prose, gap = alignment.prose, alignment.prose.between(at)
    index = alignment.word_at(place)
    word = alignment.words[index]
    if not gap.isspace() or "\n" in gap or rules.page.doubtful[word] or prose.places[at] in prose.markers:
        return None
    start = alignment.ends[index - 1] if index else 0
    text = rules.page.folded[word]
    left, right = text[: place + 1 - start], text[place + 1 - start :]
    if not _is_glued(left[-1], right[0]):
        return None
    if left[-1].isalpha() and right[0].isalpha() and (_known(left, rules) and _known(right, rules)):
        return None  # words that the file glued, not one that the model cut
    return Edit(prose.places[at] + 1, prose.places[at + 1], "", Reason.NO_BLANK)


def _is_glued(left: str, right: str) -> bool:
    """Whether two characters may stand without a blank for certain: many a file has none after a comma."""
    if left in ",;:":
        return left == "," and right.isdigit()
    return all(one.isalnum() or one in _GLUE for one in (left, right))


def _known(text: str, rules: SpacingRules) -> bool:
    return text.strip(".,;:()") in rules.known


def _added(alignment: Alignment, at: int, place: int, rules: SpacingRules, lines: bool) -> Edit | None:
    """A blank or line end after character `at`: there two words of the page meet."""
    prose, gap = alignment.prose, alignment.prose.between(at)
    index = alignment.word_at(place)
    left, right = alignment.words[index], alignment.words[index + 1]
    page = rules.page
    same_row = on_one_row(page, left, right)
    if same_row and gap:  # nearly always
        return None
    if page.doubtful[left] or page.doubtful[right] or gap.strip():
        return None
    breaks = not same_row and (page.folded[right] == "-" or ends_early(alignment, page, index))
    if lines and breaks and "\n" not in gap:
        return Edit(prose.places[at] + 1, prose.places[at + 1], "\n", Reason.LINE)
    if gap == " " and not same_row and page.texts[left].endswith("-"):
        return _mended_hyphen(alignment, at, left, right, rules)
    if gap or _cjk(page.texts[left][-1]) or _cjk(page.texts[right][0]):
        return None
    if same_row and _gap(page, left, right) < _MIN_GAP * page.sizes[left]:
        return None
    if len(page.texts[left]) == len(page.texts[right]) == 1:
        return None  # letters set wide
    if not same_row and page.texts[left][-1] in _JOINS:
        return None
    return Edit(prose.places[at] + 1, prose.places[at + 1], " ", Reason.BLANK)


def _mended_hyphen(alignment: Alignment, at: int, left: int, right: int, rules: SpacingRules) -> Edit:
    """A word that a line's end divides, without the blank; without the hyphen where it is so elsewhere."""
    places, page = alignment.prose.places, rules.page
    is_whole = _known(page.folded[left][:-1] + page.folded[right], rules)
    return Edit(places[at] + (not is_whole), places[at + 1], "", Reason.NO_BLANK)


def _cjk(character: str) -> bool:
    return character >= _CJK_FROM


def _gap(page: PageWords, left: int, right: int) -> float:
    return float(page.boxes[right, 0] - page.boxes[left, 2])


def on_one_row(page: PageWords, left: int, right: int) -> bool:
    """Whether two words of the page stand on one line."""
    apart = abs(page.middles[right] - page.middles[left])
    return apart < 0.5 * max(page.heights[left], page.heights[right])


def ends_early(alignment: Alignment, page: PageWords, index: int) -> bool:
    """Whether the next word would have fitted on the line that word `index` of the block ends."""
    boxes = page.boxes[list(alignment.words)]
    width = boxes[index + 1, 2] - boxes[index + 1, 0]
    return bool(boxes[index, 2] + width + 1.5 * page.sizes[alignment.words[index]] < boxes[:, 2].max())
