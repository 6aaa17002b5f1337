"""Breaks dangerous links, pictures, attribute lists and raw markup in prose by inserting a space.

A renderer then shows them as plain text. They are looked for everywhere, not only where one renderer would
read them, so that no list, quote or fence around them matters.
"""

import re

ACTING_ATTRIBUTE = r"(?:on[a-z]+|(?:xlink:)?href|src(?:set|doc)?|style|background|formaction|ping|poster)"
"""Attributes that run, load or link to something, on whatever element."""
# Not a destination without a scheme, nor with one of the web's. Anything else may hide one: behind an entity,
# a backslash, or a line end, which browsers leave out of an address.
_ASTRAY = r"\s*+(?:<\s*+)?+(?!https?://|mailto:|#)(?:(?:\n[ \t>]*+|[^ \n:&\\()<>/?#])*+[:&\\]|//)"
_BAD_LINK = re.compile(rf"\](?=\({_ASTRAY})", re.IGNORECASE)
_BAD_DEFINITION = re.compile(rf"\](?=:[\s>*+-]*+{_ASTRAY})", re.IGNORECASE)
_DEFINITION = re.compile(r"^( {0,3}\[[^\]\n]{1,999}\]):(?=[ \t]*\n?[ \t]*\S+[ \t]*$)", re.MULTILINE)
_PICTURE = re.compile(r"!(?=\[)")
_SET = re.compile(rf"\b{ACTING_ATTRIBUTE}(?==)", re.IGNORECASE)
_RAW = re.compile(r"(?<=`)\{(?=\s*=)")
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|[^\s\"'{}]*+)"
_LIST = re.compile(rf"\{{(?:\s|[#.:-]|[^\s\"'{{}}=]++(?:={_VALUE})?+)++\}}")
_ANY_LINK = re.compile(r"\](?=[(:])|!(?=\[)")


def break_links(text: str) -> str:
    """Break pictures, and links to anything but the web, mail and nearby files."""
    if "[" in text:
        text = _BAD_DEFINITION.sub("] ", _BAD_LINK.sub("] ", text))
        text = _PICTURE.sub("! ", _DEFINITION.sub(r"\1 :", text))
    return _break_attribute_lists(text) if "{" in text and _SET.search(text) else text


def break_all_links(text: str) -> str:
    """Break every link, definition and picture."""
    return _break_attribute_lists(_ANY_LINK.sub(r"\g<0> ", text))


def _break_attribute_lists(text: str) -> str:
    """Break `{: onclick=...}`, which some renderers take for attributes of the text before it."""
    return "\n".join(_SET.sub(r"\g<0> ", line) if "{" in line else line for line in text.split("\n"))


def break_lists(paragraph: str, code: bytes | bytearray = b"") -> str:
    """Break lists of attributes over several lines, or with code in them, and, behind code, `{=html}`.

    `code` says of each character whether it is code: no list begins there, but code may be a value in one.
    """
    out: list[str] = []
    position = 0
    for brace in re.finditer(r"\{", paragraph):
        start = brace.start()
        if start < position or code[start : start + 1] == b"\x01":
            continue
        found = _LIST.match(paragraph, start)
        if found and _SET.search(found[0]):
            out += [paragraph[position:start], _SET.sub(r"\g<0> ", found[0])]
            position = found.end()
        elif _RAW.match(paragraph, start):
            out += [paragraph[position:start], " "]
            position = start
    return "".join([*out, paragraph[position:]])
