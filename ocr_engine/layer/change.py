"""One difference between a block's characters and the page's, with what decides whether it is mended."""

from dataclasses import dataclass
from math import inf

from ocr_engine.layer.alignment import AlignedRun, Alignment
from ocr_engine.layer.edits import Edit, Reason, as_text
from ocr_engine.layer.folding import BULLETS
from ocr_engine.layer.spacing import ends_early, on_one_row
from ocr_engine.layer.texts import FoldedTexts
from ocr_engine.layer.words import PageWords

MIN_FLANK, MIN_FLANK_OF_WORDS = 2, 8
"""Characters that must be the same on each side of changed characters, and of changed words."""
MAX_CHANGED = 4
"""Characters that are changed within a word; more is another word."""
MAX_CHANGED_OF_WORDS = 400
_TAB = 4.0
"""Heights of a line that a number may stand away from its heading."""
_LEAST_WORDS_OF_LINE = 3
"""Fewer words on a line of their own before a block are a label; the last line of one may be short."""


@dataclass(frozen=True, slots=True)
class Change:
    """A run that differs; `before` and `after` are how many characters are the same beside it."""

    alignment: Alignment
    run: AlignedRun
    before: float
    after: float
    page: PageWords
    texts: FoldedTexts
    is_table: bool
    previous: str = ""
    """The compared text of the block before."""

    def edit(self) -> Edit | None:
        """How it is mended; None where that is not certain."""
        if self._crosses_wall() or self._is_doubtful() or min(self.before, self.after) < MIN_FLANK:
            return None
        if self.run.kind == "delete":
            return self._without()
        if self.run.kind == "insert":
            return self._with()
        return self._other()

    @property
    def _ours(self) -> str:
        return self.alignment.prose.letters[self.run.first : self.run.last]

    @property
    def _theirs(self) -> str:
        return self.alignment.letters[self.run.start : self.run.end]

    def _gap(self, at: int) -> str:
        """What stands between the compared character before `at` and that at `at`."""
        return next(self.alignment.prose.gaps(at, at))

    def _crosses_wall(self) -> bool:
        """Whether markup or a formula stands in what would change, or directly beside it."""
        first, last = self.run.first, self.run.last
        inner = list(self.alignment.prose.gaps(first, last))
        if first == 0:
            inner[0] = inner[0].lstrip(" \t\n#").removeprefix("<center>")
        if last == len(self.alignment.prose.places):
            inner[-1] = inner[-1].rstrip().removesuffix("</center>")
        return any(gap.strip() for gap in inner)

    def _is_doubtful(self) -> bool:
        """Whether a word that the run touches, or the next to it, is not to be taken over."""
        touched, count = self._touched(), len(self.alignment.words)
        around = range(max(touched.start - 1, 0), min(touched.stop + 1, count))
        return any(self.page.doubtful[self.alignment.words[at]] for at in around)

    def _stands_elsewhere(self) -> bool:
        """Whether the model's word is one of the page: the block's box may be that of another line."""
        word = self.alignment.prose.word_around(self.run.first, self.run.last)
        return self.texts.stands_elsewhere(word)

    def _touched(self) -> range:
        """Which of the block's words the run touches."""
        alignment, run = self.alignment, self.run
        if not alignment.words or run.start == run.end == len(alignment.letters):
            return range(len(alignment.words), len(alignment.words))
        return range(alignment.word_at(run.start), alignment.word_at(max(run.end - 1, run.start)) + 1)

    def _raw(self) -> str:
        """The page's own characters of the run, with the blanks between its words.

        A hyphen at the end of a line is left out with the blank, where the text has none either.
        """
        alignment, run, raw, last = self.alignment, self.run, "", -1
        for at in self._touched():
            word, start = alignment.words[at], alignment.ends[at - 1] if at else 0
            if last >= 0:
                divided = (
                    raw.endswith("-") and "-" not in self._ours and not on_one_row(self.page, last, word)
                )
                raw = raw[:-1] if divided else f"{raw} "
            raw += self.page.texts[word][max(run.start - start, 0) : run.end - start]
            last = word
        return as_text(raw)

    def _starts_word(self) -> bool:
        return self.alignment.starts_word(self.run.start)

    def _ends_word(self) -> bool:
        return self.alignment.ends_word(self.run.end)

    def _without(self) -> Edit | None:
        """Characters that only the model wrote."""
        run, prose = self.run, self.alignment.prose
        places = prose.places[run.first : run.last]
        if any(place in prose.markers for place in places) or self._ours.strip("-") == "":
            return None
        if self._stands_elsewhere():
            return None
        is_inner = not self._gap(run.first) and not self._gap(run.last)
        start, end = places[0], places[-1] + 1
        if is_inner and run.last - run.first <= 2 and run.first > 0 and run.last < len(prose.places):
            return Edit(start, end, "", Reason.LETTERS)
        return self._without_words(start, end)

    def _without_words(self, start: int, end: int) -> Edit | None:
        """Whole words that only the model wrote, and that have no room on the page."""
        run, prose = self.run, self.alignment.prose
        is_whole = self._starts_word()
        flank = min(self.before, self.after)
        if (
            self.is_table
            or not is_whole
            or flank < MIN_FLANK_OF_WORDS
            or len(self._ours) > MAX_CHANGED_OF_WORDS
        ):
            return None
        if not self.texts.is_surplus(self._ours) or not self._has_no_room():
            return None
        is_twice = self.texts.written.count(self._ours) > 0
        letters = sum(map(str.isalpha, self._ours))
        least = MIN_FLANK_OF_WORDS if is_twice and not self._repeats_block() else 2
        if letters < least or 2 * letters < len(self._ours):
            return None  # figures and signs, as in formulas, stand often on a page
        reason = Reason.TWICE if is_twice else Reason.MADE_UP
        if run.last < len(prose.places):
            return Edit(start, prose.places[run.last], "", reason)
        return Edit(prose.places[run.first - 1] + 1 if run.first else start, end, "", reason)

    def _repeats_block(self) -> bool:
        """Whether the block begins with all of the block before, such as its heading."""
        return self.run.first == 0 and self._ours == self.previous

    def _has_no_room(self) -> bool:
        """Whether the words around the run stand so near to each other that none is between them."""
        alignment = self.alignment
        at = (
            alignment.word_at(self.run.start)
            if self.run.start < len(alignment.letters)
            else len(alignment.words)
        )
        if at in (0, len(alignment.words)):
            return self.texts.written.count(self._ours) > 0 or not self._ours.isascii()
        return self._is_next(at)

    def _is_next(self, at: int) -> bool:
        """Whether word `at` of the block stands directly after the one before, or on the next line."""
        across, down, size = self._step(at)
        return across < 1.5 * size if abs(down) < 0.5 * size else 0 < down < 2.2 * size

    def _step(self, at: int) -> tuple[float, float, float]:
        """How far word `at` stands to the right of the one before and below it, and their size."""
        left, right = self.alignment.words[at - 1], self.alignment.words[at]
        across = self.page.boxes[right, 0] - self.page.boxes[left, 2]
        down = self.page.boxes[right, 1] - self.page.boxes[left, 1]
        return float(across), float(down), max(self.page.heights[left], self.page.heights[right])

    def _is_read_elsewhere(self) -> bool:
        """Whether the page's words were read in another block, or are half of a word that a line divides."""
        return self._theirs.endswith("-") or self.texts.was_read(self._theirs)

    def _stands_apart(self) -> bool:
        """Whether words at an end of the block are no part of it on the page: a label, or letters over it."""
        words, touched = self.alignment.words, self._touched()
        if touched.start and touched.stop < len(words) or len(touched) == len(words):
            return False
        at = touched.start or touched.stop
        across, down, size = self._step(at)
        if abs(down) < 0.5 * size:
            return not -0.5 * size < across < _TAB * size
        is_line = touched.start > 0 or len(touched) >= _LEAST_WORDS_OF_LINE
        return not (is_line and 0 < down < 2.2 * size)

    def _with(self) -> Edit | None:
        """Characters that only the page has."""
        run, prose = self.run, self.alignment.prose
        if not prose.places or (not run.first and self.before < inf):
            return None
        starts, ends = self._starts_word(), self._ends_word()
        if not any(map(str.isalnum, self._theirs)) and starts and ends:
            return None  # bullets, rules: the model writes them as markup, or not at all
        if starts and ends:
            if min(self.before, self.after) < MIN_FLANK_OF_WORDS or len(self._theirs) > MAX_CHANGED_OF_WORDS:
                return None
            if self.is_table or self._is_read_elsewhere() or self._stands_apart():
                return None
        elif self._stands_elsewhere() or not 0 < len(self._theirs.strip("-")) <= MAX_CHANGED:
            return None
        gap, raw = self._gap(run.first), self._raw()
        reason = Reason.MISSED if starts and ends else Reason.LETTERS
        raw = raw.strip(f"{BULLETS} ") if starts and ends else raw
        if run.first == 0:
            return Edit(prose.places[0], prose.places[0], raw + self._blank(run.end) * ends, reason)
        at = prose.places[run.first - 1] + 1
        lead = self._blank(run.start) if starts else ""
        if run.first == len(prose.places):
            return Edit(at, at, lead + raw, reason)
        tail = self._blank(run.end) if ends else ""
        return Edit(at, at + len(gap), lead + raw + tail, reason)

    def _blank(self, place: int) -> str:
        """What stands in the text before a word of the page that begins at `place`."""
        alignment, at = self.alignment, self.alignment.word_at(place)
        if not 0 < at < len(alignment.words) or self.is_table:
            return " "
        left, right = alignment.words[at - 1], alignment.words[at]
        return (
            " "
            if on_one_row(self.page, left, right) or not ends_early(alignment, self.page, at - 1)
            else "\n"
        )

    def _other(self) -> Edit | None:
        """Other characters on the page than the model wrote."""
        run, prose = self.run, self.alignment.prose
        ours, theirs = self._ours, self._theirs
        places = prose.places[run.first : run.last]
        if any(place in prose.markers for place in places) or self._stands_elsewhere():
            return None
        if sorted(ours) == sorted(theirs):
            return None  # accents that a file writes before their letters
        limit = MAX_CHANGED
        if min(self.before, self.after) >= MIN_FLANK_OF_WORDS and not self.is_table:
            limit = 4 * MAX_CHANGED
        if (
            max(len(ours), len(theirs)) > limit
            or max(len(ours), len(theirs)) > 3 * min(len(ours), len(theirs)) + 1
        ):
            return None
        raw = self._raw()
        if self._is_upper(run.first, run.last) and raw.islower():
            raw = raw.upper()
        return Edit(places[0], places[-1] + 1, raw, Reason.LETTERS)

    def _is_upper(self, first: int, last: int) -> bool:
        """Whether the model wrote the characters around as capitals."""
        prose = self.alignment.prose
        around = [prose.content[place] for place in prose.places[max(first - 3, 0) : last + 3]]
        cased = [one for one in around if one.isalpha()]
        return len(cased) > 2 and all(one.isupper() for one in cased)
