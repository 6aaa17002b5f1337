"""Removes special tokens of the model's own protocol, which are no text of the page."""

import re

from ocr_engine.families import TOKENS

_LONGEST = 44
"""The longest token, without its `>`, in characters."""
_BEFORE_END = re.compile(
    rf"(?:<｜[^｜<>\n]{{1,40}}｜|{re.escape(TOKENS.grounding[:-1])}|<\|/?(?:ref|det)\|)\Z"
)


def without_tokens(text: str) -> str:
    """Remove special tokens, including those that form once others are removed. Linear time."""
    if "｜>" not in text and "|>" not in text:
        return text
    out: list[str] = []
    for at, part in enumerate(text.split(">")):
        if at and (found := _BEFORE_END.search(tail := "".join(out[-_LONGEST:]))):
            del out[len(out) - (len(tail) - found.start()) :]
        elif at:
            out.append(">")
        out.extend(part)
    return "".join(out)
