"""Rewrites fenced code so that every common renderer takes it for code.

Renderers disagree on `~~~`, on indented fences, on what may follow the opening fence, and on which fence
closes. Where they disagree, what is code to one is markup to another.
"""

import re

_OPENING = re.compile(r"( {0,3})(`{3,}|~{3,})(.*)")
_LANGUAGE = re.compile(r"[\w+-]*")
_BACKTICKS = re.compile(r"`{3,}")
_LABEL_END = re.compile(r"((?:[^\\\[\]]|\\.)*+\]):")
"""The end of a definition's label that starts before the code: one renderer looks past blank lines."""
_LINE = re.compile(r"^([ \t]*)(`{3,}|~{3,})(?=([^`\n]*)$)", re.MULTILINE)
_FIRST_AS_ENTITY = {"`": "&#96;", "~": "&#126;"}


def plain_fence(code: str) -> str:
    """Rewrite fenced code as ```` ```LANGUAGE ````, the code, and the same backticks again.

    There are more backticks than stand together in the code. Text after the opening fence that is not a plain
    language name becomes the first line of code. The opening fence's indentation is removed from every line.
    """
    first, _, rest = code.partition("\n")
    body, line_end, _ = rest.rpartition("\n")
    opening = _OPENING.fullmatch(first)
    if opening is None:
        return code
    indent, fence, info = opening.groups()
    info, body = info.strip(" \t"), body + line_end
    if indent:
        body = re.sub(rf"^ {{1,{len(indent)}}}", "", body, flags=re.MULTILINE)
    if not _LANGUAGE.fullmatch(info):
        info, body = "", f"{info}\n{body}"
    body = _LABEL_END.sub(r"\1 :", body, count=1) if _LABEL_END.match(body) else body
    longest = max(map(len, _BACKTICKS.findall(body)), default=0)
    marks = "`" * max(len(fence) if fence[0] == "`" else 3, longest + 1)
    return f"{marks}{info}\n{body}{marks}"


def is_indented(code: str) -> bool:
    """Whether fenced code stands between two equally indented fences and holds no other."""
    first, _, rest = code.partition("\n")
    body, _, last = rest.rpartition("\n")
    opening = _OPENING.fullmatch(first)
    if opening is None or not opening[1] or opening[2][0] != "`" or "```" in body:
        return False
    return bool(_LANGUAGE.fullmatch(opening[3])) and last == opening[1] + opening[2]


def without_fence_lines(text: str) -> str:
    """Escape lines of prose that some renderer takes for a fence.

    A pair of equal indented fences stays: code inside a list item is written so.
    """
    lines = list(_LINE.finditer(text))
    if not lines:
        return text
    out: list[str] = []
    position = index = 0
    while index < len(lines):
        if _is_pair(text, lines, index):
            index += 2
            continue
        mark = lines[index].start(2)
        out += [text[position:mark], _FIRST_AS_ENTITY[text[mark]]]
        position = mark + 1
        index += 1
    return "".join([*out, text[position:]])


def _is_pair(text: str, lines: list[re.Match[str]], index: int) -> bool:
    """Whether this line and the next are fences around the same code."""
    if index + 1 == len(lines):
        return False
    first, second = lines[index : index + 2]
    same = first[0] == second[0] and first[1] and first[2][0] == "`"
    plain = _LANGUAGE.fullmatch(first[3].strip(" \t")) and not second[3].strip(" \t")
    return bool(same and plain and "```" not in text[first.end() : second.start()])
