"""How models write the marks of footnotes: in running text, and before the note itself. Pure patterns.

In text a mark is raised (`<sup>1</sup>`, `\\(^{1}\\)`, `$^{1}$`, `¹`) or a sign of its own (`*`, `†`), behind
a word or the end of a sentence. An exponent is none: a formula of which the raised part is all is looked at
alone, and what stands behind a single letter, a digit, a unit or the name of a function is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNS = "*†‡§¶"
_NAMES = {r"\ast": "*", r"\dagger": "†", r"\ddagger": "‡", r"\S": "§", r"\*": "*"}
_SMALL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_KEY = rf"[0-9]{{1,3}}|\\?\*{{1,2}}|[{_SIGNS}]|\\(?:ast|d?dagger|S)|[①-⑳]|[a-z]"
_RAISED = re.compile(
    rf"<sup>\s*+({_KEY})\s*+</sup>"
    rf"|\\\(\s*+(?:\{{\}}\s*+)?\^\s*+(?:\{{\s*+({_KEY})\s*+\}}|({_KEY}))\s*+\\\)"
    rf"|\$\s*+(?:\{{\}}\s*+)?\^\s*+(?:\{{\s*+({_KEY})\s*+\}}|({_KEY}))\s*+\$"
    r"|([⁰¹²³⁴-⁹]{1,3})",
    re.IGNORECASE,
)
_SIGN = re.compile(rf"(?<![{_SIGNS}\\])(\\?\*|[†‡])(?![{_SIGNS}])")
_NUMBER = re.compile(r"([0-9]{1,3})(?=[ \t]+[^\W\d_])")
_BEHIND = re.compile(r"(?:([^\W\d_]{2,})|[.,;:!?…。，；：！？][\"'”’»]?|[\"”’»])$")
_PARENTHESIS = re.compile(r"\([^()]*[^\W\d_]{3}[^()]*\)[.,;:]?$")
_NOT_BEFORE = re.compile(r"[A-Za-z0-9\u0370-\u03ff\\(\[{:^_]")
"""What goes on behind an exponent, or would make a link of the mark."""
_BEFORE_CHARS = 200
_POWERS = frozenset({
    "km", "cm", "dm", "mm", "nm", "ha", "ft", "in", "mi", "yd", "sq", "kg", "mg", "hz", "sec", "min", "max",
    "sin", "cos", "tan", "cot", "sinh", "cosh", "tanh", "log", "ln", "lg", "exp", "det", "var", "cov", "std",
})  # fmt: skip
"""What is raised behind these is an exponent."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark: what it says, where it stands, blanks before it included, and whether it is raised."""

    key: str
    start: int
    end: int
    raised: bool


def marks_in(text: str) -> Iterator[Mark]:
    """What may be marks in running text, in order; marks that only stand alone are told by their like."""
    found = [*_marks(_RAISED, text, raised=True), *_marks(_SIGN, text, raised=False)]
    yield from sorted(found, key=lambda mark: mark.start)


def is_reference(text: str, mark: Mark) -> bool:
    """Whether a mark stands where one that leads to a note does: behind a word or a sentence."""
    before = text[max(0, mark.start - _BEFORE_CHARS) : mark.start]
    if _NOT_BEFORE.match(text, mark.end) or not _is_alone(text, mark):
        return False
    if _PARENTHESIS.search(before):
        return True
    behind = _BEHIND.search(before)
    return behind is not None and (behind[1] or "").casefold() not in _POWERS


def _is_alone(text: str, mark: Mark) -> bool:
    """Whether a mark is none of the stars around emphasis."""
    return mark.raised or "*" not in mark.key or text.count("*") == 1


def mark_before(note: str) -> Mark | None:
    """The mark that a note begins with; a bare number needs a word behind it."""
    start = len(note) - len(note.lstrip())
    for pattern, raised in ((_RAISED, True), (_SIGN, False), (_NUMBER, False)):
        if found := pattern.match(note, start):
            mark = _mark(found, raised=raised)
            return mark if _is_alone(note[start:].partition("\n")[0], mark) else None
    return None


def _marks(pattern: re.Pattern[str], text: str, *, raised: bool) -> Iterator[Mark]:
    for found in pattern.finditer(text):
        yield _mark(found, raised=raised)


def _mark(found: re.Match[str], *, raised: bool) -> Mark:
    key = next(group for group in found.groups() if group is not None)
    text, start = found.string, found.start()
    while start and text[start - 1] in " \t":
        start -= 1
    return Mark(_NAMES.get(key, key).translate(_SMALL), start, found.end(), raised)
