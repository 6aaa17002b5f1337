"""Characters of a block made those of the page, where what stands around them is the same for certain."""

from collections.abc import Iterator, Sequence
from math import inf

from ocr_engine.layer.alignment import AlignedRun, Alignment
from ocr_engine.layer.change import MIN_FLANK, Change
from ocr_engine.layer.edits import Edit, Reason
from ocr_engine.layer.folding import fold
from ocr_engine.layer.prose import Prose
from ocr_engine.layer.texts import FoldedTexts
from ocr_engine.layer.words import PageWords

_LEAST_LIKE = 0.8
_LEAST_LIKE_OF_SHORT = 0.6
_SHORT = 30


def is_alike(alignment: Alignment) -> bool:
    """Whether a block is so like its words that single characters can be trusted."""
    is_short = len(alignment.prose.letters) < _SHORT
    return alignment.likeness >= (_LEAST_LIKE_OF_SHORT if is_short else _LEAST_LIKE)


def letter_edits(
    alignment: Alignment, page: PageWords, texts: FoldedTexts, *, is_table: bool, before: str = ""
) -> Iterator[Edit]:
    """Edits of characters and words. `before` is the compared text of the block before."""
    if not is_alike(alignment):
        return
    runs = [_slid(run, alignment) for run in _gathered(alignment.runs)]
    raw = "".join(page.texts[word] for word in alignment.words)
    for at, run in enumerate(runs):
        if run.kind == "equal":
            yield from _in_equal(alignment, run, raw, page)
            continue
        change = Change(alignment, run, *_flanks(runs, at), page, texts, is_table, before)
        if edit := change.edit():
            yield edit


def _gathered(runs: Sequence[AlignedRun]) -> list[AlignedRun]:
    """The runs, those that differ joined over equal ones that are too short to tell anything."""
    out: list[AlignedRun] = []
    for at, run in enumerate(runs):
        is_short = run.kind == "equal" and run.last - run.first < MIN_FLANK and 0 < at < len(runs) - 1
        if out and out[-1].kind != "equal" and (is_short or run.kind != "equal"):
            last = out.pop()
            kind = "replace"
            if last.first == run.last:
                kind = "insert"
            elif last.start == run.end:
                kind = "delete"
            out.append(AlignedRun(kind, last.first, run.last, last.start, run.end))
        else:
            out.append(run)
    return out


def _slid(run: AlignedRun, alignment: Alignment) -> AlignedRun:
    """Characters that only the page has, moved to the start of a word where that is the same as well.

    Of `n[pn]ow` and `[np]now` the second is a word that was missed.
    """
    if run.kind != "insert":
        return run
    letters, first, start, end = alignment.letters, run.first, run.start, run.end
    while not alignment.starts_word(start) and first and letters[start - 1] == letters[end - 1]:
        first, start, end = first - 1, start - 1, end - 1
    if not alignment.starts_word(start):
        return run
    return AlignedRun(run.kind, first, first, start, end)


def _flanks(runs: Sequence[AlignedRun], at: int) -> tuple[float, float]:
    """How many characters are the same directly before and after a run; infinite at the ends of the block."""
    before = runs[at - 1].last - runs[at - 1].first if at else inf
    after = runs[at + 1].last - runs[at + 1].first if at + 1 < len(runs) else inf
    return before, after


def _in_equal(alignment: Alignment, run: AlignedRun, raw: str, page: PageWords) -> Iterator[Edit]:
    """Characters that are compared as equal and are not; `raw` are the page's own."""
    prose = alignment.prose
    ours = "".join(map(prose.content.__getitem__, prose.places[run.first : run.last]))
    theirs = raw[run.start : run.end]
    if ours != theirs:
        yield from _punctuation(prose, run.first, ours, theirs)
        yield from _case(alignment, run, ours, theirs, page)


def _punctuation(prose: Prose, first: int, ours: str, theirs: str) -> Iterator[Edit]:
    """Dashes and quotes."""
    for at, (our, their) in enumerate(zip(ours, theirs, strict=True), first):
        if our != their and _may_become(our, their) and prose.places[at] not in prose.markers:
            yield Edit(prose.places[at], prose.places[at] + 1, their, Reason.LETTERS)


def _may_become(ours: str, theirs: str) -> bool:
    return fold(ours) in "-'\"" and theirs in "-\u2013\u2014\u2019\u2018\u201c\u201d\u201e\"'"


def _case(alignment: Alignment, run: AlignedRun, ours: str, theirs: str, page: PageWords) -> Iterator[Edit]:
    """Letters of words with capitals inside, such as `GetItem`, read in the other case."""
    for word, end in zip(alignment.words, alignment.ends, strict=True):
        start = end - len(page.texts[word]) - run.start
        our, their = ours[max(start, 0) : end - run.start], theirs[max(start, 0) : end - run.start]
        if start < 0 or end > run.end or our == their or page.doubtful[word]:
            continue
        if not our.isupper() and (_is_mixed(our) or _is_mixed(their)):
            for at, (one, other) in enumerate(zip(our, their, strict=True), run.first + start):
                if one != other and one.lower() == other.lower():
                    place = alignment.prose.places[at]
                    yield Edit(place, place + 1, other, Reason.LETTERS)


def _is_mixed(word: str) -> bool:
    """Whether a word has small letters and, after its first, capitals."""
    letters = "".join(filter(str.isalpha, word))
    return any(map(str.isupper, letters[1:])) and any(map(str.islower, letters))
