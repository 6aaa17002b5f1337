"""Markdown in, pieces of at most so many tokens out: never cut through a table, a formula, code or a link.

A token here is at most four letters or digits of a word, or one other character that is not a blank; of
Chinese, Japanese and Korean each character. Tokenizers of common models count about as many.
"""

import re
from collections.abc import Iterator

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]{{1,4}}|[^\w\s]|_")
_WHOLE = re.compile(
    r"(?P<fence>^ {0,3}`{3,})|(?P<open><table\b)|(?:^\|.*(?:\n\|.*)*)|(?P<display>\\\[|\$\$)|(?P<inline>\\\()"
    r"|\$[^$\n]+\$|`[^`\n]+`|!?\[[^\[\]\n]{0,500}\]\([^()\n]{0,2000}\)|<[^<>\n]{1,500}>",
    re.MULTILINE,
)
"""What starts, or is, something that is not cut."""
_TABLE_TAG = re.compile(r"<(/?)table\b", re.IGNORECASE)
_CLOSERS = {"\\[": "\\]", "$$": "$$", "\\(": "\\)"}
_GAPS = re.compile(
    r"(?P<end>\n[ \t]*\n\s*|(?<=[.!?。！？])[\"'”’»)\]]{0,3}\s+|(?<=[。！？]))|\n|[ \t]+|(?<=[^\x00-\u2fff])"
)
"""Where prose may be cut: between paragraphs, sentences, lines, words; after an East Asian character."""


def count_tokens(text: str) -> int:
    """How many tokens a text has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def cut(text: str, limit: int) -> Iterator[str]:
    """The text in pieces of at most `limit` tokens, stripped of blanks at their ends; nothing else goes.

    What may not be cut and is longer is a piece by itself, or with the words that touch it.
    """
    piece: list[str] = []
    count, best = 0, 0
    for part, rank in _parts(text):
        size = count_tokens(part)
        if piece and count + size > limit:
            # Cut after the last end of a sentence in the piece's second half, else here.
            at = best if best else len(piece)
            yield from _stripped(piece[:at])
            piece = piece[at:]
            count, best = count_tokens("".join(piece)), 0
            if piece and count + size > limit:
                yield from _stripped(piece)
                piece, count = [], 0
        piece.append(part)
        count += size
        if rank and 2 * count >= limit:
            best = len(piece)
    yield from _stripped(piece)


def _stripped(parts: list[str]) -> Iterator[str]:
    if text := "".join(parts).strip():
        yield text


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in its smallest parts, each with whether a sentence or a paragraph ends with it."""
    start = 0
    for at, end, ends_sentence in _gaps(text):
        if end > start or at > start:
            yield text[start:end], ends_sentence
            start = end
    if start < len(text):
        yield text[start:], True


def _gaps(text: str) -> Iterator[tuple[int, int, bool]]:
    """Where the text may be cut, outside of what is whole."""
    start = 0
    for first, last in [*_whole(text), (len(text), len(text))]:
        for gap in _GAPS.finditer(text, start, first):
            yield gap.start(), gap.end(), gap["end"] is not None
        start = last


def _whole(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch that is not cut, in order. Linear: what has no end is asked for once."""
    position = 0
    endless: set[str] = set()
    while found := _WHOLE.search(text, position):
        end = _end(text, found, endless)
        if end > found.start():
            yield found.start(), end
        position = max(end, found.end())


def _end(text: str, found: re.Match[str], endless: set[str]) -> int:
    """Where what starts here ends; where it starts, if nothing ends it."""
    if found["open"]:
        return _table_end(text, found.start(), endless)
    if found["fence"]:
        return _closed(text, found.end(), "\n" + found["fence"].strip(), endless) or len(text)
    if opener := found["display"] or found["inline"]:
        return _closed(text, found.end(), _CLOSERS[opener], endless) or found.start()
    return found.end()


def _closed(text: str, start: int, closer: str, endless: set[str]) -> int:
    """The end of the next closer; 0 where there is none."""
    at = -1 if closer in endless else text.find(closer, start)
    if at < 0:
        endless.add(closer)
        return 0
    return at + len(closer)


def _table_end(text: str, start: int, endless: set[str]) -> int:
    depth = 0
    if "table" in endless:
        return len(text)
    for tag in _TABLE_TAG.finditer(text, start):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return text.find(">", tag.end()) + 1 or len(text)
    endless.add("table")
    return len(text)
