"""Rewrites clean prose if asked to: `$` around formulas, glued list items on lines of their own."""

import re
from collections.abc import Iterator

from ocr_engine.delimiters import MATH, pairs

TOKEN = re.compile(r"\\\\|\\[()\[\]$]|`+|\$|\n[ \t]*\n")
"""What opens and closes formulas and code, and the end of a paragraph."""
_BULLETS = "-*•◦▪‣–"
_FIRST_MARKER = re.compile(rf"[ \t]*([{re.escape(_BULLETS)}])[ \t]+\S")
_FIRST_NUMBER = re.compile(r"[ \t]*([0-9]{1,3})([.)])[ \t]+\S")
_NUMBERS = {
    after: re.compile(rf"(?<=[.;:!?)\n])(?=[ \t]*+([0-9]{{1,9}}){re.escape(after)}[ \t]+[^\W\d_])")
    for after in (".", ")")
}
"""What follows a number -> the places before such a number where an item may start."""
_PRICE = re.compile(r"\$(?=[0-9])")


def dollar_math(text: str, *, markdown: bool = True) -> str:
    r"""Write `\(x\)` as `$x$` and `\[x\]` as `$$x$$` outside code. In markdown, prices like `$5` are escaped.

    These formulas stay as they are: one that holds a `$`, one that a digit follows (`$x$2` is no formula) and
    one that is never closed. HTML (`markdown` False) cannot escape a dollar: text that has one stays whole.
    """
    if not markdown and "$" in text:
        return text
    tokens = list(TOKEN.finditer(text))
    ends = closing_tokens(tokens)
    out: list[str] = []
    position = 0
    for index, token in enumerate(tokens):
        if token.start() < position:
            continue
        out.append(text[position : token.start()])
        piece, position = _token(text, tokens, index, ends.get(index), markdown)
        if piece.startswith("$") and out and "".join(out[-2:])[-1:] == "$":
            piece = f" {piece}"  # `$a$$b$` would open a display formula
        out.append(piece)
    return "".join([*out, text[position:]])


def _token(
    text: str, tokens: list[re.Match[str]], index: int, end: int | None, markdown: bool
) -> tuple[str, int]:
    """What is written for this token and what belongs to it, and the position after it."""
    token = tokens[index]
    kind = token[0]
    if kind == "$":
        price = markdown and _PRICE.match(text, token.start())
        return "\\$" if price else "$", token.end()
    if end is None:
        return kind, token.end()
    stop = tokens[end].end()
    nested = any(inner[0] == kind for inner in tokens[index + 1 : end])
    if kind in MATH and not nested and (formula := _formula(text, token, tokens[end])):
        return formula, stop
    return text[token.start() : stop], stop


def _formula(text: str, opened: re.Match[str], closed: re.Match[str]) -> str | None:
    inside = text[opened.end() : closed.start()].strip()
    if not inside or "$" in inside or inside.endswith("\\"):
        return None
    if opened[0] == "\\[":
        return f"$${inside}$$"
    return None if text[closed.end() : closed.end() + 1].isdigit() else f"${inside}$"


def closing_tokens(tokens: list[re.Match[str]]) -> dict[int, int]:
    """Map each opener of math or code to its closer in the same paragraph, by their indexes."""
    return pairs(tokens, ends="\n")


def repair_list(text: str) -> str:
    """Put list items that the model glued together on lines of their own: `...offers- Shortly`.

    The text has to be a list. Either it starts with a bullet, and the same bullet stands between a letter or
    stop and a capital. Or it starts with a number, and the next number follows a stop.
    """
    if found := _FIRST_MARKER.match(text):
        return _split_bullets(text, found[1])
    if found := _FIRST_NUMBER.match(text):
        return "".join(_split_numbers(text, int(found[1]) + 1, _NUMBERS[found[2]]))
    return text


def _split_bullets(text: str, bullet: str) -> str:
    marker = rf"{re.escape(bullet)}[ \t]+[^\W\d_a-z]"
    pattern = rf"(?<=[^\W\d_])(?={marker})|(?<=[.;:,!?)])(?=[ \t]*{marker})"
    if bullet in "•◦▪‣":
        # No word holds these: wherever one stands, an item starts.
        pattern = rf"(?<=[^\s{bullet}])(?=[ \t]*{bullet}[ \t]*[^\s{bullet}])"
    return re.sub(pattern, "\n", text)


def _split_numbers(text: str, number: int, marker: re.Pattern[str]) -> Iterator[str]:
    position = 0
    for found in marker.finditer(text):
        if found[1] != str(number):
            continue
        number += 1
        yield text[position : found.start()]
        if text[found.start() - 1] != "\n":
            yield "\n"
        position = found.start()
    yield text[position:]
