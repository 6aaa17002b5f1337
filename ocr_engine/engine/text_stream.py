"""Token ids in as they are generated, pieces of text out. Holds back the bytes of an unfinished character."""

from collections.abc import Callable, Sequence

_REPLACEMENT = "\ufffd"
_UNFINISHED_TOK = 3
"""An unfinished UTF-8 character is at most three bytes, so at most three byte-level tokens."""
_MAX_HELD_TOK = 16
"""More than this that never becomes a character is given out as it is."""


class TextStream:
    """The text of a growing answer. The pieces joined are the text of all ids, when those are valid UTF-8."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        """`decode` is a byte-level tokenizer's: the text of ids joined is the texts joined."""
        self._decode = decode
        self._held: list[int] = []
        self.sent = 0
        """Characters given out so far."""

    def add(self, ids: Sequence[int]) -> str:
        """The text that `ids` complete; perhaps empty."""
        pending = [*self._held, *ids]
        text, end = self._whole(pending)
        self._held = pending[end:]
        self.sent += len(text)
        return text

    def _whole(self, pending: list[int]) -> tuple[str, int]:
        """The longest text that ends in no unfinished character, and the count of its ids."""
        for end in range(len(pending), max(len(pending) - _UNFINISHED_TOK, 0) - 1, -1):
            text = self._decode(pending[:end])
            if not text.endswith(_REPLACEMENT):
                return text, end
        return (text, end) if len(pending) > _MAX_HELD_TOK else ("", 0)
