"""Which tokens are proposed after an answer so far: the rule in numpy, which the device's kernel must equal.

Four sources are looked through for the last tokens of the answer: the page's prediction, the answer itself,
the memory of what other answers said, and a book of phrases, each ended by -1. What stands behind the longest
piece found is proposed: of pieces as long the prediction's, then the answer's; of the book only where the
prediction has none.

A cursor keeps the place in the prediction. It goes on as fast as the answer, so that after a token that was
predicted otherwise, such as a box's number, what follows is still proposed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ocr_engine.drafts.memory import PIECE, PieceTable

if TYPE_CHECKING:
    import numpy.typing as npt

    Tokens = npt.NDArray[np.int32]

LONGEST = 6
"""Tokens compared at most."""
NEAR = 32
"""How far from the cursor one token alone is believed."""
DRIFT = 24
"""Tokens after which the cursor waits, where nothing of the answer was found in the prediction."""
_ALONE = 3
"""Tokens of the answer itself that go before a phrase, where the prediction has none."""
END = -1
"""Ends a phrase of the book."""


@dataclass(slots=True)
class Place:
    """Where an answer stands in its prediction."""

    cursor: int = 0
    lost: int = 0
    """Tokens since any of the answer were found in the prediction."""


def propose(
    prediction: "Tokens",
    book: "Tokens",
    answer: "Tokens",
    sampled: int,
    place: Place,
    most: int,
    memory: PieceTable | None = None,
) -> "Tokens":
    """The drafts, int32 (`most` or fewer,); `place` goes on, and `memory` takes the new tokens in.

    `answer` is int32 (n,), n >= 1, of which the last `sampled` were written in the step before.
    """
    said = None if memory is None else memory.exchange(answer, sampled)
    expected = place.cursor + (sampled if place.lost < DRIFT else 0)
    found, length = _in_prediction(prediction, answer, expected)
    own = _that_go_on(answer, answer)
    known = 0 if said is None else PIECE
    if found >= 0:
        place.cursor, place.lost = found, 0
    else:
        place.cursor, place.lost = min(expected, len(prediction)), place.lost + sampled
    # An answer that says something again, as in a table or a loop, knows more of it than one word does.
    if (at := _last_longest(own, max(length + 1, known, 0 if found >= 0 else _ALONE))) >= 0:
        return answer[at : at + most]
    if said is not None and known > length:
        return said[:most]
    if found >= 0:
        return prediction[found : found + most]
    return _of_little(prediction[place.cursor : place.cursor + most], book, answer, own, most)


def _of_little(
    predicted: "Tokens", book: "Tokens", answer: "Tokens", own: "npt.NDArray[np.int32]", most: int
) -> "Tokens":
    """The drafts where no source knows three tokens and the prediction none."""
    phrases = _that_go_on(book, answer)
    for source, common, least in ((book, phrases, 2), (answer, own, 2), (book, phrases, 1)):
        if (at := _last_longest(common, least)) >= 0:
            return _to_end(source[at : at + most])
    return predicted


def lengths(source: "Tokens", answer: "Tokens") -> "npt.NDArray[np.int32]":
    """For each place 0 to n of n tokens: how many before it are the answer's last, at most `LONGEST`."""
    common = np.zeros(len(source) + 1, np.int32)
    goes_on = np.ones(len(source) + 1, np.bool_)
    for back in range(min(LONGEST, len(answer), len(source))):
        same = np.zeros(len(source) + 1, np.bool_)
        same[back + 1 :] = source[: len(source) - back] == answer[-1 - back]
        goes_on &= same
        common += goes_on
    return common


def _that_go_on(source: "Tokens", answer: "Tokens") -> "npt.NDArray[np.int32]":
    """`lengths`, without those pieces behind which nothing stands."""
    common = lengths(source, answer)
    common[-1] = 0
    common[:-1][source == END] = 0
    return common


def _in_prediction(prediction: "Tokens", answer: "Tokens", expected: int) -> tuple[int, int]:
    """The place behind the longest piece of the answer's end, the nearest to the one expected; its length.

    -1 and 0 where there is none.
    """
    common = lengths(prediction, answer)
    distance = np.abs(np.arange(len(common)) - expected)
    common[(common == 1) & (distance > NEAR)] = 0
    if not common.any():
        return -1, 0
    length = int(common.max())
    places = np.flatnonzero(common == length)
    return int(places[np.argmin(distance[places])]), length


def _last_longest(common: "npt.NDArray[np.int32]", least: int) -> int:
    longest = int(common.max())
    return int(np.flatnonzero(common == longest)[-1]) if longest >= least else -1


def _to_end(tokens: "Tokens") -> "Tokens":
    ends = np.flatnonzero(tokens == END)
    return tokens[: ends[0]] if len(ends) else tokens
