"""Cleans a block's text into markdown by a table of rules, each with its reason. Idempotent."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from ocr_engine.text.fences import is_indented, plain_fence, without_fence_lines
from ocr_engine.text.sanitize import escape_all, sanitize
from ocr_engine.text.tables import sanitize_table, table_end
from ocr_engine.text.tokens import without_tokens


@dataclass(frozen=True, slots=True)
class Rule:
    """One replacement and why it is made."""

    name: str
    pattern: re.Pattern[str]
    replacement: str
    reason: str


def _rule(name: str, pattern: str, replacement: str, reason: str, flags: int = 0) -> Rule:
    return Rule(name, re.compile(pattern, flags), replacement, reason)


CHARACTER_RULES = (
    _rule(
        "line ends",
        r"\r\n?|[\u2028\u2029\x85]",
        "\n",
        "one kind of line end, so that lines are lines everywhere",
    ),
    _rule(
        "control characters",
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]",
        "",
        "no page prints them; they break terminals, XML and diffs",
    ),
    _rule("half characters", r"[\ud800-\udfff]", "\ufffd", "a lone surrogate cannot be written as UTF-8"),
    _rule(
        "bidi overrides",
        r"[\u202d\u202e]",
        "",
        "they show other text than is there; marks, embeddings and isolates of right-to-left text stay",
    ),
)
"""Applied to everything, code included."""

TEXT_RULES = (
    _rule(
        "center", r"</?center\s*/?>", "", "layout, not text; the official scripts remove it", re.IGNORECASE
    ),
    _rule("coloneqq", r"\\coloneqq(?![A-Za-z])", ":=", "needs mathtools; the official scripts replace it"),
    _rule("eqqcolon", r"\\eqqcolon(?![A-Za-z])", "=:", "needs mathtools; the official scripts replace it"),
    _rule(
        "trailing space",
        r"(?<![ \t])[ \t]++$",
        "",
        "two of them are a line break in markdown; never meant here",
        re.MULTILINE,
    ),
    _rule("blank lines", r"\n{3,}", "\n\n", "one blank line separates blocks"),
)
"""Applied to everything but code."""
_SMILES = re.compile(r"<smiles>([^<>`\n]{1,2000})</smiles>", re.IGNORECASE)
"""The model's tag for a chemical formula, whose brackets and stars no renderer may take for markup."""

_SPECIAL = re.compile(
    r"^ {0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})[^\n]*$|(?P<table><table)(?=[\s/>])[^<>]*>",
    re.MULTILINE | re.IGNORECASE,
)
_MAX_PASSES = 4
"""What one rule removes can create what another looks for. After this many passes everything is escaped."""


class Kind(Enum):
    """What a stretch of text is."""

    PROSE = auto()
    CODE = auto()
    TABLE = auto()


def clean(text: str) -> str:
    """Apply the rules, balance tables, disarm markup and close open code. Code itself is left alone."""
    return _repeated(_clean_once, text)


def harmless(page: str) -> str:
    """Disarm markup that clean parts only form once they are put together.

    A page without any comes back unchanged, but for blank lines around tables and code.
    """
    return _repeated(_between_blank_lines, page)


def _repeated(step: Callable[[str], str], text: str) -> str:
    for _ in range(_MAX_PASSES):
        before, text = text, step(text)
        if text == before:
            return text
    return step(escape_all(text))


def _clean_once(text: str) -> str:
    return _between_blank_lines(without_tokens(_apply(CHARACTER_RULES, text)), TEXT_RULES)


def _between_blank_lines(text: str, rules: tuple[Rule, ...] = ()) -> str:
    done = [_clean_piece(kind, piece, rules) for kind, piece in pieces(text)]
    if len(done) == 1:
        return done[0]
    # A blank line on both sides: an HTML block only ends at one, and a fence must not stand in an HTML block.
    return "\n\n".join(stripped for piece in done if (stripped := piece.strip("\n")))


def _clean_piece(kind: Kind, piece: str, rules: tuple[Rule, ...]) -> str:
    if kind is Kind.CODE:
        # In a list's item it is indented, which not every renderer takes for a fence.
        return piece if is_indented(piece) and sanitize(piece) == piece else plain_fence(piece)
    piece = without_fence_lines(_apply(rules, piece))
    if rules:
        piece = _SMILES.sub(r"<code>\1</code>" if kind is Kind.TABLE else r"`\1`", piece)
    return sanitize_table(piece) if kind is Kind.TABLE else sanitize(piece)


def _apply(rules: tuple[Rule, ...], text: str) -> str:
    for rule in rules:
        text = rule.pattern.sub(rule.replacement, text)
    return text


def pieces(text: str) -> Iterator[tuple[Kind, str]]:
    """Split a text into fenced code, tables and the prose between, in order. An open fence is closed."""
    start = position = 0
    lines = _Lines(text)
    while found := _SPECIAL.search(text, position):
        if fence := found["fence"]:
            kind, (end, closing) = Kind.CODE, _fence_end(text, found.end(), fence)
        elif lines.in_code_span(found.start()):
            position = found.end("table")
            continue
        else:
            kind, end, closing = Kind.TABLE, table_end(text, found.start()), ""
        if found.start() > start:
            yield Kind.PROSE, text[start : found.start()]
        yield kind, text[found.start() : end] + closing
        start = position = end
    if start < len(text) or not start:
        yield Kind.PROSE, text[start:]


def _fence_end(text: str, position: int, fence: str) -> tuple[int, str]:
    """Where the code ends, and the closing fence to add, if one is missing."""
    closing = re.compile(rf"^ {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
    found = closing.search(text, position)
    return (found.end(), "") if found else (len(text.rstrip("\n")), "\n" + fence)


class _Lines:
    """Tells whether a place is inside a code span of its line. Places are asked for from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = -1
        self._counted = 0
        self._ticks = 0
        self._last_tick = -1

    def in_code_span(self, position: int) -> bool:
        """Whether an odd number of backticks stands before it on its line, and one after it."""
        if position > self._end:
            self._start_line(position)
        self._ticks += self._text.count("`", self._counted, position)
        self._counted = position
        return self._ticks % 2 == 1 and self._last_tick > position

    def _start_line(self, position: int) -> None:
        self._counted = self._text.rfind("\n", 0, position) + 1
        end = self._text.find("\n", position)
        self._end = end if end >= 0 else len(self._text)
        self._ticks, self._last_tick = 0, self._text.rfind("`", position, self._end)
