"""Where each token of an answer ends in its text, from the bytes that it stands for."""

from array import array
from collections.abc import Sequence

import numpy as np

from ocr_engine.records import TokenScores

_FIRST_CONTINUATION, _FIRST_START = 0x80, 0xC0


def kept_scores(
    byte_lengths: Sequence[int], logs: Sequence[float], text: str, *, is_cut: bool = False
) -> TokenScores | None:
    """The scores of the tokens that make up the text, which may end before the last of them.

    `is_cut` is whether it may end within one. None where they do not make it up: the text holds signs for
    bytes that are no characters.
    """
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    ends = np.cumsum(np.asarray(byte_lengths, np.int64))
    count = int(np.searchsorted(ends, len(data), "right"))
    if not count or "\ufffd" in text or (ends[count - 1] != len(data) and not is_cut):
        return None
    # A character belongs to the token that has its first byte.
    starts = np.cumsum((data < _FIRST_CONTINUATION) | (data >= _FIRST_START))
    chars = starts[np.maximum(ends[:count] - 1, 0)]
    return TokenScores(array("I", chars.tolist()), array("f", logs[:count]))
