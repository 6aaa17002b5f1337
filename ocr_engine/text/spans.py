"""Finds formulas and code spans in one paragraph: only what every common renderer takes for code."""

import re

from ocr_engine.delimiters import MATH, pairs

DELIMITER = re.compile(r"\\[()\[\]]|\$\$|`+|<|\n")
"""What `code_spans` and `math_spans` look at, in the order of the text."""
_HTML_LINE = re.compile(
    r"^ {0,3}<[A-Za-z/!?]|"
    r"^(?:(?:[ \t0-9]|[^\w\s<`])*+|[ \t>]*+\[\^[^\]\n]*+\]:[ \t]*+)<[A-Za-z/][^\n]*>[ \t]*$",
    re.MULTILINE,
)
"""Lines that start an HTML block, in which nothing is code. After a list mark: a line of tags alone."""


def math_spans(tokens: list[re.Match[str]]) -> dict[int, int]:
    """Map each math opener's token index to the text position where its span ends."""
    found = pairs(tokens, lambda kind: MATH.get(kind, ""))
    return {index: tokens[end].end() for index, end in found.items()}


def code_spans(text: str, tokens: list[re.Match[str]]) -> dict[int, int]:
    """Map each code span opener's token index to the text position where the span ends.

    Only spans that every renderer takes for code count: those on lines whose backticks are all paired, up to
    the first line that leaves one unpaired. There are none in a paragraph with an HTML line, an escaped
    backtick, a pair around a cell border, or a bare address that runs up to a backtick.
    """
    if "`" not in text or "\\`" in text or _HTML_LINE.search(text):
        return {}
    spans: dict[int, int] = {}
    line: list[int] = []
    for index, token in enumerate(tokens):
        if token[0][0] == "`":
            line.append(index)
        elif token[0] == "\n":
            if (paired := _paired(tokens, line)) is None:
                break
            spans |= paired
            line = []
    else:
        spans |= _paired(tokens, line) or {}
    return spans if _are_apart(text, tokens, spans) else {}


def _paired(tokens: list[re.Match[str]], line: list[int]) -> dict[int, int] | None:
    """The code spans of one line by their opener's index; None if a backtick is left over."""
    closer = pairs([tokens[index] for index in line])
    spans: dict[int, int] = {}
    done = -1
    for place, index in enumerate(line):
        if index > done:
            if place not in closer:
                return None
            done = line[closer[place]]
            spans[index] = tokens[done].end()
    return spans


def _are_apart(text: str, tokens: list[re.Match[str]], spans: dict[int, int]) -> bool:
    """Whether no span holds a cell border, and no address before one includes its first backtick."""
    position = 0
    for index, end in spans.items():
        before, inside = text[position : tokens[index].start()], text[tokens[index].end() : end]
        word = before[max(map(before.rfind, " \t\n<")) + 1 :].lower()
        if "|" in inside or "://" in word or "www." in word:
            return False
        position = end
    return True
