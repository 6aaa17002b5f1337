"""How far what was read of a page agrees with the words that the file holds of it, block by block."""

from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.layer.alignment import Alignment
from ocr_engine.layer.comparison import Compared
from ocr_engine.layer.missed import MARGIN
from ocr_engine.records import BlockAgreement, PageAgreement

if TYPE_CHECKING:
    import numpy.typing as npt

_FEW_SHARE, _FEW = 0.1, 2
"""Of a block's characters that differ: more are many."""
_LINE_CHARS = 8


def agreement(found: Compared) -> PageAgreement:
    """What the page's blocks and its layer have in common."""
    layer = found.page.layer
    # Without boxes nothing is known of figures and margins, nor in which order the page was read.
    body = _body(found) & any(block.boxes for block in found.blocks)
    read = _read(found)
    unread = [word for word in np.flatnonzero(body & ~read).tolist() if _is_missed(found, word)]
    made_up, twice = _surplus(found)
    return PageAgreement(
        layer.verdict,
        layer.reason,
        tuple(block_agreement(one) for one in found.alignments),
        int(body.sum()),
        len(unread),
        made_up,
        twice,
    )


def block_agreement(alignment: Alignment | None) -> BlockAgreement:
    """How one block agrees with its words."""
    if alignment is None or not alignment.letters:
        return BlockAgreement.NO_LAYER
    ours, theirs = len(alignment.prose.letters), len(alignment.letters)
    if ours == theirs == alignment.equal:
        return BlockAgreement.SAME if _same_blanks(alignment) else BlockAgreement.SPACING
    differ = max(ours, theirs) - alignment.equal
    is_few = differ <= max(_FEW, _FEW_SHARE * max(ours, theirs))
    return BlockAgreement.FEW if is_few else BlockAgreement.MANY


def _same_blanks(alignment: Alignment) -> bool:
    return alignment.prose.tokens[:-1] == alignment.ends[:-1]


def _body(found: Compared) -> "npt.NDArray[np.bool_]":
    """Words with a letter or digit that are neither in a figure nor in a margin outside all blocks."""
    page = found.page
    y = (page.boxes[:, 1] + page.boxes[:, 3]) / 2
    body = np.array([any(map(str.isalnum, text)) for text in page.texts], np.bool_) & ~page.doubtful
    outside = np.zeros(len(page.texts), np.bool_)
    outside[found.free] = True
    body &= ~(outside & ((y < MARGIN) | (y > 999 - MARGIN)))
    for block in found.blocks:
        if block.figures:
            body &= ~_within(found, block.boxes)
    return body


def _within(found: Compared, boxes: object) -> "npt.NDArray[np.bool_]":
    inside = np.zeros(len(found.page.texts), np.bool_)
    inside[found.page.owned([boxes])[0]] = True  # type: ignore[list-item]
    return inside


def _read(found: Compared) -> "npt.NDArray[np.bool_]":
    """Words most characters of which are the same in their block."""
    read = np.zeros(len(found.page.texts), np.bool_)
    for one in found.alignments:
        if one is None or not one.words:
            continue
        same = np.zeros(len(one.letters) + 1, np.int64)
        for run in one.runs:
            if run.kind == "equal":
                same[run.start + 1 : run.end + 1] = 1
        total = np.cumsum(same)
        ends = np.array(one.ends)
        lengths = np.diff(ends, prepend=0)
        read[list(one.words)] |= 2 * (total[ends] - total[ends - lengths]) >= lengths
    return read


def _is_missed(found: Compared, word: int) -> bool:
    """Whether a word that its block does not have was not read elsewhere on the page either."""
    return not found.texts.was_read(found.page.folded[word])


def _surplus(found: Compared) -> tuple[int, int]:
    """Words that only the model wrote, and lines that it wrote more often than they stand on the page."""
    made_up = twice = 0
    for one in found.alignments:
        for run in one.runs if one else ():
            letters = one.prose.letters[run.first : run.last] if one else ""
            if run.kind != "delete" or not any(map(str.isalnum, letters)):
                continue
            if not found.texts.written.count(letters):
                made_up += _words(one, run.first, run.last)  # type: ignore[arg-type]
            elif len(letters) >= _LINE_CHARS and found.texts.is_surplus(letters):
                twice += 1
    return made_up, twice


def _words(alignment: Alignment, first: int, last: int) -> int:
    places = alignment.prose.places
    return len(alignment.prose.content[places[first] : places[last - 1] + 1].split())
