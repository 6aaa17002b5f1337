"""Pairs the delimiters of formulas and code in markdown. What a pair means is for each room to say."""

import re
from collections.abc import Callable, Sequence

MATH = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
"""What closes each opening delimiter of a formula, apart from the single `$`, which may be money."""


def closed_by(kind: str) -> str:
    """What closes this delimiter: a formula's closer, as many backticks; "" if nothing does."""
    return MATH.get(kind, kind if kind[:1] == "`" else "")


def pairs(
    tokens: Sequence[re.Match[str]],
    closer: Callable[[str], str] = closed_by,
    kind: Callable[[str], str] = str,
    ends: str = "",
) -> dict[int, int]:
    """Map each opening token's index to that of the next token that closes it. One backward pass.

    `closer` tells what closes a kind of token, `kind` what kind a token's text is. No pair goes over a token
    that starts with `ends`.
    """
    following: dict[str, int] = {}
    found: dict[int, int] = {}
    for index in range(len(tokens) - 1, -1, -1):
        token = kind(tokens[index][0])
        if ends and token.startswith(ends):
            following.clear()
            continue
        wanted = closer(token)
        if wanted in following:
            found[index] = following[wanted]
        following[token] = index
    return found
