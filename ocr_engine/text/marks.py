"""Text in, the same text without endless stacks of combining marks out.

Unicode's "stream-safe" text has at most 30 marks on a letter; sorting, shaping and drawing more of them takes
quadratic time.
"""

import re
import unicodedata

MAX_MARKS = 30
CARRIER = "\u25cc"
"""The dotted circle that stands for a missing letter."""
_CANDIDATES = re.compile(rf"[^\w\s\x00-\x7f]{{{MAX_MARKS + 1},}}")


def carried(text: str) -> str:
    """`text` with a dotted circle after every 30 marks in a row, to carry the next ones; none is lost."""
    return _CANDIDATES.sub(lambda found: "".join(_carried(found[0])), text)


def _carried(run: str) -> list[str]:
    out: list[str] = []
    marks = 0
    for character in run:
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks > MAX_MARKS:
            out.append(CARRIER)
            marks = 1
        out.append(character)
    return out
