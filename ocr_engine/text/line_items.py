"""Items of a list put on lines of their own where the lines of the page begin with their markers."""

import re
from collections.abc import Iterator, Sequence

from ocr_engine.records import BlockLine

_BULLETS = "-\u2013*\u2022\u25e6\u25aa\u2023\u25cf\u25cb\u25a0\u25a1\u00b7\uf0b7\uf0a7"
_NUMBER = re.compile(r"[0-9]{1,3}[.)]|\(?(?:[0-9]{1,3}|[A-Za-z]|[ivx]{2,5})\)|[a-z]\.")
"""`1.`, `(2)`, `a)`, `b.`; a capital with a stop is an initial."""
MAX_ITEMS = 500
"""Of one block; each is compared with each."""
_PROBE_CHARS = 20
"""Of an item's first word that have to follow its marker."""


def with_item_lines(text: str, lines: Sequence[BlockLine]) -> str:
    """The text with a line end before each item that begins a line of the page. Only line ends are added."""
    position = 0
    for item in _items(lines):
        found = item.search(text, position)
        if found is None:
            continue
        position = found.end()
        before = text[: found.start()].rstrip(" \t")
        if before and not before.endswith("\n"):
            text = f"{before}\n{text[found.start() :].lstrip(' ')}"
            position += len(before) + 1 - found.start()
    return text


def _items(lines: Sequence[BlockLine]) -> Iterator[re.Pattern[str]]:
    """What the items of a list look like in the text: more than one line has a marker, at one place."""
    marked = [line for line in lines if len(line.words) > 1 and _is_marker(line.words[0])][:MAX_ITEMS]
    for line in marked:
        if any(_is_beside(line, other) for other in marked if other is not line):
            marker, word = line.words[:2]
            shown = f"[{re.escape(_BULLETS)}]" if marker in _BULLETS else re.escape(marker)
            yield re.compile(rf"(?<!\w){shown}[ \t]*{re.escape(word[:_PROBE_CHARS])}", re.IGNORECASE)


def _is_marker(word: str) -> bool:
    return word in _BULLETS or bool(_NUMBER.fullmatch(word))


def _is_beside(line: BlockLine, other: BlockLine) -> bool:
    return abs(line.left - other.left) < line.height
