"""Rows in, CSV out that no spreadsheet runs and that every reader cuts into the same rows.

Who opens a CSV is a spreadsheet, who named what is in it a stranger. A cell that would start a formula gets a
`'` before it. So does what follows a `;` inside a cell: where the list separator is `;`, a cell starts there.
"""

import csv
import io
import re
from collections.abc import Iterable
from typing import TextIO

_FORMULA_STARTS = "=+\\-@" + "⁼⁺₌₊⩵⩶﬩﹦﹢﹣﹫＝＋－＠"
"""With the characters that become one of the four where a program folds widths and forms (NFKC)."""
_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_DIGITS = r"(?=[.,%\s]*+[0-9])(?:[0-9.,%\s]*|[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+\s*)"
_SIGN = "[+＋－-]"
_NUMBER = rf"{_SIGN}\s?{_DIGITS}[)\].]*"
_MORE = r"(?:;[0-9.,%\s;()+＋－-]*)?\Z"
_FIRST = rf"(?:{_NUMBER}|{_SIGN}\s*){_MORE}"
"""Where a cell begins, a number or a sign alone is no formula if no more than numbers follow ..."""
_LATER = rf"(?:{_NUMBER}(?:;|\Z)|{_SIGN}\s*{_MORE})"
"""... and behind a `;`, the end of `(0; -1).` too."""
_BEFORE = rf'[\s"{_UNSEEN}]*+'
_FORMULA = re.compile(rf"(?:^{_BEFORE}(?!{_FIRST})|;{_BEFORE}(?!{_LATER}))(?=[{_FORMULA_STARTS}])")
_SPACE = re.compile("[\t\n\x0b\x0c\r\x1c-\x1f\x85\u2028\u2029]+")
_UNWRITABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202d\u202e\ufeff\ufffe\uffff]+")
_HALF = re.compile("[\ud800-\udfff]")


def cell(value: object) -> object:
    """What is written for a value: numbers as they are, text on one line, without controls, harmless."""
    if value is None or isinstance(value, (int, float)):
        return value
    text = _UNWRITABLE.sub("", _SPACE.sub(" ", str(value)))
    return _FORMULA.sub(r"\g<0>'", _HALF.sub("\ufffd", text))


def write(file: TextIO, rows: Iterable[Iterable[object]]) -> None:
    """Write rows, one a line; `file` must be open with `newline=""`."""
    csv.writer(file, lineterminator="\n").writerows(map(cell, row) for row in rows)


def as_text(rows: Iterable[Iterable[object]]) -> str:
    """The rows as the text of a CSV file."""
    stream = io.StringIO()
    write(stream, rows)
    return stream.getvalue()
