"""Prose in, the same with links that lead astray, pictures and attribute lists broken by a space.

A renderer then shows them as the text they are. What is broken is looked for anywhere, not only where one
renderer would read it, so that no list, quote or fence around it matters.
"""

import re

ACTING_ATTRIBUTE = r"(?:on[a-z]+|(?:xlink:)?href|src(?:set|doc)?|style|background|formaction|ping|poster)"
"""Attributes that run, load or lead somewhere, whatever element they stand on."""
# Not a destination without a scheme, nor with one of the web's. Anything else may hide one: behind an entity,
# a backslash, or a line end, which browsers leave out of an address.
_ASTRAY = r"\s*+(?:<\s*+)?+(?!https?://|mailto:|#)(?:(?:\n[ \t>]*+|[^ \n:&\\()<>/?#])*+[:&\\]|//)"
_BAD_LINK = re.compile(rf"\](?=\({_ASTRAY})", re.IGNORECASE)
_BAD_DEFINITION = re.compile(rf"\](?=:[\s>*+-]*+{_ASTRAY})", re.IGNORECASE)
_DEFINITION = re.compile(r"^( {0,3}\[[^\]\n]{1,999}\]):(?=[ \t]*\n?[ \t]*\S+[ \t]*$)", re.MULTILINE)
_PICTURE = re.compile(r"!(?=\[)")
_SET = re.compile(rf"\b{ACTING_ATTRIBUTE}(?==)", re.IGNORECASE)
_ANY_LINK = re.compile(r"\](?=[(:])|!(?=\[)")


def break_links(text: str) -> str:
    """`text` without pictures, and without links to other than the web, a mail program or a file near by."""
    if "[" in text:
        text = _BAD_DEFINITION.sub("] ", _BAD_LINK.sub("] ", text))
        text = _PICTURE.sub("! ", _DEFINITION.sub(r"\1 :", text))
    return _break_attribute_lists(text) if "{" in text and _SET.search(text) else text


def break_all_links(text: str) -> str:
    """`text` in which no link, definition or picture is left."""
    return _break_attribute_lists(_ANY_LINK.sub(r"\g<0> ", text))


def _break_attribute_lists(text: str) -> str:
    """Some renderers take `{: onclick=...}` at a line's end for attributes of what stands before it."""
    return "\n".join(_SET.sub(r"\g<0> ", line) if "{" in line else line for line in text.split("\n"))
