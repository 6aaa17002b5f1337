"""Where the tables of a markdown page begin and end. Positions only; nothing is removed here."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]

_TEX_TABLE = re.compile(r"\\begin{table}.*?\\end{table}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Nesting:
    """A pair of delimiters and the evaluator's step widths.

    Upstream (`utils/extract.py`) steps by the length of the regular expression, not of what it matched,
    so a LaTeX table takes one character too many with it, and a rescan starts inside its opener.
    """

    begin: re.Pattern[str]
    end: re.Pattern[str]
    step: int
    rescan: int


_TABULAR = _Nesting(
    re.compile(r"(?=\\begin{tabular})"), re.compile(r"(?=\\end{tabular})"), step=14, rescan=16
)
# An opener without ">" anywhere after it is none; `_begins` cuts those off.
_HTML = _Nesting(re.compile(r"(?=<table)"), re.compile(r"(?=</table>)"), step=8, rescan=16)


def html_tables(text: str) -> list[Span]:
    """Outermost `<table ...>...</table>` spans. An opener that is never closed is skipped."""
    begins = _starts(_HTML.begin, text[: text.rfind(">") + 1])
    return list(_outermost(begins, _starts(_HTML.end, text), _HTML, len(text)))


def latex_tables(text: str) -> list[Span]:
    """`table` environments, then outermost `tabular` ones outside them, in order of position."""
    tables = [match.span() for match in _TEX_TABLE.finditer(text)]
    rest = blank(text, tables)
    begins, ends = _starts(_TABULAR.begin, rest), _starts(_TABULAR.end, rest)
    return sorted([*tables, *_outermost(begins, ends, _TABULAR, len(rest))], key=lambda span: span[0])


def blank(text: str, spans: list[Span]) -> str:
    """`text` with each span overwritten by spaces: later positions stay true."""
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _starts(pattern: re.Pattern[str], text: str) -> list[int]:
    return [match.start() for match in pattern.finditer(text)]


def _outermost(begins: list[int], ends: list[int], nesting: _Nesting, size: int) -> Iterator[Span]:
    """Scan with a stack; if it does not empty, go on behind its lowest opener."""
    origin: int | None = 0
    while origin is not None and bisect_left(ends, origin) < len(ends):
        unclosed, spans = _scan(begins, ends, nesting, size, origin)
        yield from spans
        origin = None if unclosed is None else unclosed + nesting.rescan


def _scan(
    begins: list[int], ends: list[int], nesting: _Nesting, size: int, position: int
) -> tuple[int | None, list[Span]]:
    """Spans closed from `position` on, and the lowest opener that was left open."""
    spans: list[Span] = []
    stack: list[int] = []
    while (e := bisect_left(ends, position)) < len(ends):
        b = bisect_left(begins, position)
        if b < len(begins) and begins[b] < ends[e]:
            stack.append(begins[b])
            position = begins[b] + nesting.step
            continue
        if stack:
            start = stack.pop()
            if not stack:
                spans.append((start, min(ends[e] + nesting.step, size)))
        position = ends[e] + nesting.step
    return (stack[0] if stack else None), spans
