"""Pages as the report shows them: cards with a picture, and blocks that are unlike the page's own text."""

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from urllib.parse import quote

from ocr_engine.log import printable
from ocr_engine.outputs.run_numbers import PageLine, RunNumbers
from ocr_engine.outputs.text_marks import TextPiece, marked
from ocr_engine.outputs.worst_block import WorstBlock
from ocr_engine.records import page_stem

MAX_UNLIKE_PAGES = 8
"""Pages whose worst blocks are shown."""
Thumbnails = Mapping[tuple[str, int], bytes]
"""JPEGs of pages, by document as given and 1-based page."""
ReviewFolders = Mapping[str, str]
"""The folder of review pages below the output root, by document as given."""
NOWHERE: ReviewFolders = MappingProxyType({})
WorstBlocks = Mapping[tuple[str, int], Sequence[WorstBlock]]
"""The blocks that are most unlike the page's own text, by document as given and 1-based page."""
NONE_WORSE: WorstBlocks = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PageCard:
    """A page with its picture."""

    document: str
    name: str
    page: int
    line: PageLine
    picture: str
    link: str


@dataclass(frozen=True, slots=True)
class UnlikeBlock:
    """A block with its picture and, in pieces, both texts."""

    label: str
    picture: str
    texts: tuple[Sequence[TextPiece], Sequence[TextPiece]]


@dataclass(frozen=True, slots=True)
class UnlikePage:
    """A page with its worst blocks, and the share of its own words that were not read."""

    document: str
    name: str
    page: int
    unlike: float
    link: str
    blocks: Sequence[UnlikeBlock]


def wanted_blocks(numbers: RunNumbers) -> list[PageLine]:
    """The pages whose worst blocks are shown: those that have the least of their own text."""
    return numbers.lines("unlike")[:MAX_UNLIKE_PAGES]


def cards(lines: Iterable[PageLine], thumbnails: Thumbnails, review: ReviewFolders) -> list[PageCard]:
    """The pages with their pictures and the links to their review pages."""
    return [
        PageCard(
            document=printable(line.document),
            name=_name(line.document),
            page=line.page,
            line=line,
            picture=_data_uri(thumbnails.get((line.document, line.page))),
            link=_link(review.get(line.document), line.page),
        )
        for line in lines
    ]


def unlike_pages(numbers: RunNumbers, worst: WorstBlocks, review: ReviewFolders) -> list[UnlikePage]:
    """The pages in their order, with those of their blocks that are there."""
    found = ((line, worst.get((line.document, line.page), ())) for line in wanted_blocks(numbers))
    return [
        UnlikePage(
            printable(line.document),
            _name(line.document),
            line.page,
            line.weight,
            _link(review.get(line.document), line.page),
            list(map(_unlike_block, blocks)),
        )
        for line, blocks in found
        if blocks
    ]


def _unlike_block(block: WorstBlock) -> UnlikeBlock:
    texts = marked(block.read, block.written)
    return UnlikeBlock(printable(block.label, 60), _data_uri(block.picture), texts)


def _link(folder: str | None, page: int) -> str:
    return f"{quote(os.fsencode(folder))}/{page_stem(page)}.html" if folder else ""


def _name(document: str) -> str:
    return printable(PurePath(document).name or document, 80)


def _data_uri(jpeg: bytes | None) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""
