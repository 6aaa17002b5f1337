"""Text or HTML in, the same without endless stacks of combining marks out.

Unicode's "stream-safe" text has at most 30 marks on a letter. Sorting, shaping and drawing more of them takes
quadratic time.
"""

import re
import unicodedata

MAX_MARKS = 30
CARRIER = "\u25cc"
"""The dotted circle that stands for a missing letter."""
_TAG_OR_MARK = re.compile(r"<[^<>]*>|[^\w\s<>\x00-\x7f]")
_CANDIDATES = re.compile(rf"(?:{_TAG_OR_MARK.pattern}){{{MAX_MARKS + 1},}}+")


def carried(text: str) -> str:
    """`text` with a dotted circle after every 30 marks in a row, to carry the next ones; none is lost.

    Tags between marks take them to no other letter.
    """
    return _CANDIDATES.sub(lambda found: "".join(_carried(_TAG_OR_MARK.findall(found[0]))), text)


def _carried(run: list[str]) -> list[str]:
    out: list[str] = []
    marks = 0
    for piece in run:
        if piece[0] != "<":
            marks = marks + 1 if unicodedata.category(piece)[0] == "M" else 0
        if marks > MAX_MARKS:
            out.append(CARRIER)
            marks = 1
        out.append(piece)
    return out
