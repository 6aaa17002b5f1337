"""Finds the loops of an answer while it grows: the same tokens over and over, with any period up to 512.

The rule, in tokens. A period p is a loop when the answer's last 512 + 2p tokens repeat with it: three copies
of a long block, 18 of a 32-token line. It takes 1,024 + 2p where the period is a pattern: cells or rows of a
table, or at most 8 different tokens. Less is legitimate: dot leaders, blank forms, equal rows, ASCII art.
"""

import re
from collections.abc import Collection, Iterable

from ocr_engine.records import Loop

MAX_PERIOD_TOK = 512
TEXT_TOK = 512
"""Repetition, beyond two periods, that makes a loop."""
PATTERN_TOK = 1024
"""The same where the period holds cells or rows of a table, or few different tokens."""
FEW_TOKENS = 8
AT_LIMIT_TOK = 64
"""The same once the token limit has ended the answer: a repeating tail is then why it did not end."""
TABLE_MARKS = ("<td", "</td", "<tr", "</tr")
_END_OF_LINE = re.compile(r"\n|</tr>")


class LoopDetector:
    """One answer's tokens as they come. Memory: the answer; time: one search of 1,024 tokens a call."""

    def __init__(self, table_ids: Collection[int] = ()) -> None:
        """`table_ids` are the ids of tokens that hold one of `TABLE_MARKS`."""
        self._table = frozenset(map(chr, table_ids))
        # A character a token: the search and the comparison of strings run in C, and need no alignment.
        self._tokens = ""

    def add(self, ids: Iterable[int]) -> Loop | None:
        """Take new ids, each below 0x110000; the loop that the answer now ends in, if it does."""
        self._tokens += "".join(map(chr, ids))
        period = _period(self._tokens, TEXT_TOK)
        if not period or (self._is_pattern(period) and not _repeats(self._tokens, period, PATTERN_TOK)):
            return None
        return self._loop(period)

    def end(self) -> Loop | None:
        """The loop of an answer that the token limit cut off."""
        for base in (TEXT_TOK, 256, 128, AT_LIMIT_TOK):  # a long block before a short one that it ends in
            if period := _period(self._tokens, base):
                return self._loop(period)
        return None

    def _is_pattern(self, period: int) -> bool:
        tokens = set(self._tokens[-period:])
        return len(tokens) <= FEW_TOKENS or not self._table.isdisjoint(tokens)

    def _loop(self, period: int) -> Loop:
        tokens = self._tokens
        start = len(tokens) - period
        while start and tokens[start - 1] == tokens[start - 1 + period]:
            start -= 1
        return Loop(period_tok=period, start_tok=start)


def ends_in_loop(text: str) -> bool:
    """Whether the text of an answer that the token limit cut off ends in a loop; characters for tokens."""
    if not text:
        return False
    detector = LoopDetector()
    detector.add(map(ord, text))
    return detector.end() is not None


def _period(tokens: str, base: int) -> int:
    """The smallest period of the last `base + 2p` tokens, at least three copies; 0 where there is none."""
    size = len(tokens)
    if size <= base:
        return 0
    found = tokens.rfind(tokens[-base:], max(size - base - MAX_PERIOD_TOK, 0), size - 1)
    period = size - base - found
    return period if found >= 0 and _repeats(tokens, period, base) else 0


def _repeats(tokens: str, period: int, base: int) -> bool:
    start = len(tokens) - max(base + 2 * period, 3 * period)
    return start >= 0 and tokens[start + period :] == tokens[start:-period]


def before_loop(one_period: str, two_periods: str) -> str:
    """The text to keep: up to the first period's end, and on to the end of its line or table row.

    `one_period` is the text up to the end of the loop's first copy, `two_periods` up to its second.
    """
    text = one_period.rstrip("\ufffd")
    rest = two_periods.removeprefix(text)
    if text.endswith(("\n", "</tr>")) or len(rest) == len(two_periods):
        return text
    end = _END_OF_LINE.search(rest)
    return text + rest[: end.end()] if end else text
