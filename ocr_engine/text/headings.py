"""Finds the headings in a block of a page, and writes them at other levels. Says nothing of which.

A heading is a line with `#` marks outside code and tables, or the one line of a block that is labelled as a
title. Levels are 1 to 6; 0 writes a heading as plain text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ocr_engine.config import TextConfig
from ocr_engine.records import Block
from ocr_engine.text.clean import Kind, clean, pieces
from ocr_engine.text.options import restyle

MAX_LEVEL = 6
MAX_TITLE_CHARS = 300
"""A longer line is no heading to put into a list of contents, and keeps its marks."""
_TITLES = frozenset({"title", "sub_title", "subtitle", "section_header"})
_MARKED = re.compile(r"^[ ]{0,3}(#{1,6})[ \t]+(?=\S)([^\n]{1,300})$", re.MULTILINE)
_NO_TITLE = re.compile(r"[#<>|`~]|!\[|\\\[|\$\$|[-*+•] ")


def is_heading(block: Block) -> bool:
    """Whether a block is a heading and nothing else."""
    text = block.content.strip()
    return "\n" not in text and next(_found(block), None) is not None


def headings_of(block: Block) -> Iterator[tuple[int, str]]:
    """Each heading of a block: its level as it was read, 0 where it has no marks, and its raw title."""
    for marks, title in _found(block):
        yield len(marks), title.strip()


def _found(block: Block) -> Iterator[tuple[str, str]]:
    if "#" not in block.content:
        if _is_bare(block):
            yield "", block.content.strip()
        return
    for kind, piece in pieces(block.content):
        if kind is Kind.PROSE:
            yield from _MARKED.findall(piece)


def _is_bare(block: Block) -> bool:
    """Whether a block is a title of one line without marks."""
    text = block.content.strip()
    is_line = 0 < len(text) <= MAX_TITLE_CHARS and "\n" not in text
    return block.label in _TITLES and is_line and not block.figures and not _NO_TITLE.match(text)


def with_levels(block: Block, levels: Sequence[int]) -> Block:
    """The block with its headings at these levels, one for each of `headings_of`."""
    if "#" not in block.content:
        text = block.content.strip()
        return replace(block, content=block.content.replace(text, _line(levels[0], text), 1))
    left = iter(levels)

    def leveled(found: re.Match[str]) -> str:
        return _line(next(left), found[2])

    parts = (
        _MARKED.sub(leveled, piece) if kind is Kind.PROSE else piece for kind, piece in pieces(block.content)
    )
    return replace(block, content="".join(parts))


def _line(level: int, title: str) -> str:
    return f"{'#' * min(level, MAX_LEVEL)} {title}" if level > 0 else title


def plain_title(raw: str, options: TextConfig) -> str:
    """A raw title as one line of clean markdown, as its page has it."""
    return " ".join(restyle(clean(raw), options).split())
