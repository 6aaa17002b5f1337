"""What a second reading of a page has that the first has not: texts in, pieces with their places out.

Both are aligned word by word. What stands elsewhere in the first, or stands there misread, is no piece, and
neither is a sentence with a formula.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from ocr_engine.records import Block
from ocr_engine.text.recall import WORD, without_tags

MAX_WORDS = 20_000
"""Of each reading; what comes behind is not looked at."""
MAX_PIECES = 100
_LEAST_WORDS, _LEAST_LETTERS = 3, 12
"""What is shorter is a label, a stamp, or a difference in reading."""
_WAS_READ = 75
"""Likeness, of 100, of a piece to a part of the first reading, from which on it was read there."""
_LEAST_VARIED = 0.5
"""Share of a piece's runs of three words that differ; less is a loop."""
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f](?:\s|$)|[\u3002\uff01\uff1f]|\n")
_MARKUP = re.compile(r"<\|[^|<>]{0,40}\|>|^[ \t]*(?:#{1,6}[ \t]+|[-*+][ \t]+)|[*_`|]{1,3}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AddedPiece:
    """Text that only the second reading has, and the index of the block that it stands before."""

    text: str
    before: int
    words: tuple[str, ...]
    """As they are compared."""
    parts: "tuple[AddedPiece, ...]" = ()
    """Its lines and sentences, where it has several."""

    @property
    def letters(self) -> int:
        """Letters and digits."""
        return sum(map(len, self.words))


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int


def only_in_second(blocks: Sequence[Block], second: str) -> list[AddedPiece]:
    """The pieces of `second`, plain text or markdown, that none of the blocks has; in their order.

    A piece stands behind the block with the word before it, or, without one, before that with the next.
    """
    text = plain(second)
    first, owners = _words_of(blocks)
    words = list(_words(text))[:MAX_WORDS]
    matched = _matched(first, words)
    known = "".join(first)
    pieces: list[AddedPiece] = []
    for run in _runs(words, matched):
        wanted = [part for part in _sentences(text, words, run) if _is_wanted(text, words, part, known)]
        for part in _joined(wanted):
            before = _place(part, matched, owners, len(blocks))
            piece = _piece(text, words[part.start : part.stop], before)
            if piece is not None and len(pieces) < MAX_PIECES:
                inner = [one for one in wanted if part.start <= one.start and one.stop <= part.stop]
                made = [_piece(text, words[one.start : one.stop], before) for one in inner]
                parts = tuple(one for one in made if one is not None)
                pieces.append(replace(piece, parts=parts if len(inner) > 1 else ()))
    return pieces


def plain(markdown: str) -> str:
    """Text without tags and marks; lines stay."""
    return _MARKUP.sub(" ", without_tags(markdown))


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _words(text: str) -> Iterator[_Word]:
    for found in WORD.finditer(text):
        yield _Word(_fold(found[0]), found.start(), found.end())


def _words_of(blocks: Sequence[Block]) -> tuple[list[str], list[int]]:
    """The words of all blocks, and the block of each."""
    words: list[str] = []
    owners: list[int] = []
    for at, block in enumerate(blocks):
        of_block = [word.text for word in _words(plain(block.content))]
        words += of_block
        owners += [at] * len(of_block)
    return words[:MAX_WORDS], owners[:MAX_WORDS]


def _matched(first: Sequence[str], words: Sequence[_Word]) -> list[int]:
    """For each word of the second the index of its equal in the first, -1 without one."""
    found = [-1] * len(words)
    theirs = [word.text for word in words]
    for code in Levenshtein.opcodes(first, theirs):
        if code.tag == "equal":
            for step in range(code.dest_end - code.dest_start):
                found[code.dest_start + step] = code.src_start + step
    return found


def _runs(words: Sequence[_Word], matched: Sequence[int]) -> Iterator[range]:
    """Words in a row without an equal; a single word between two such runs may have one by chance."""
    start = None
    for at in range(len(words) + 1):
        lone = at < len(words) and matched[at] >= 0 and _is_lone(matched, at)
        if at < len(words) and (matched[at] < 0 or (lone and start is not None)):
            start = at if start is None else start
        elif start is not None:
            yield range(start, at)
            start = None


def _is_lone(matched: Sequence[int], at: int) -> bool:
    around = [other for other in (at - 2, at - 1, at + 1, at + 2) if 0 <= other < len(matched)]
    return len(around) == 4 and all(matched[other] < 0 for other in around)


def _sentences(text: str, words: Sequence[_Word], run: range) -> Iterator[range]:
    start = run.start
    for at in run:
        follows = words[at + 1].start if at + 1 < len(words) else len(text)
        if at + 1 == run.stop or _SENTENCE_END.search(text, words[at].end, follows):
            yield range(start, at + 1)
            start = at + 1


def _is_wanted(text: str, words: Sequence[_Word], part: range, known: str) -> bool:
    """Whether words are new; formulas are not taken: half of one breaks what follows it."""
    of_part = words[part.start : part.stop]
    return "\\" not in text[of_part[0].start : of_part[-1].end] and _is_new(of_part, known)


def _is_new(words: Sequence[_Word], known: str) -> bool:
    letters = "".join(word.text for word in words)
    if not known:
        return True
    if len(letters) > len(known):
        return fuzz.ratio(letters, known) < _WAS_READ
    return fuzz.partial_ratio(letters, known) < _WAS_READ


def _joined(parts: Sequence[range]) -> Iterator[range]:
    """Parts that follow each other as one."""
    at = 0
    while at < len(parts):
        start = at
        while at + 1 < len(parts) and parts[at + 1].start == parts[at].stop:
            at += 1
        yield range(parts[start].start, parts[at].stop)
        at += 1


def _place(part: range, matched: Sequence[int], owners: Sequence[int], blocks: int) -> int:
    """Before which block: an equal word is looked for in front of the piece, then behind it."""
    for at in range(part.start - 1, -1, -1):
        if matched[at] >= 0:
            return owners[matched[at]] + 1
    for at in range(part.stop, len(matched)):
        if matched[at] >= 0:
            return owners[matched[at]]
    return blocks


def _piece(text: str, words: Sequence[_Word], before: int) -> AddedPiece | None:
    folded = tuple(word.text for word in words)
    if len(words) < _LEAST_WORDS or sum(map(len, folded)) < _LEAST_LETTERS or _is_loop(folded):
        return None
    start, end = words[0].start, words[-1].end
    while end < len(text) and not text[end].isspace() and not text[end].isalnum():
        end += 1
    while start and not text[start - 1].isspace() and not text[start - 1].isalnum():
        start -= 1
    lines = (" ".join(line.split()) for line in text[start:end].splitlines())
    return AddedPiece("\n".join(line for line in lines if line), before, folded)


def _is_loop(words: Sequence[str]) -> bool:
    threes = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(threes)) < _LEAST_VARIED * len(threes)
