"""Joins tables and paragraphs that a page break or column cut in two. Used for the merged file alone.

There are two rules, each an option of `text:`. Headers, footers, page numbers and footnotes may stand between
the two parts; they stay where they are.

- `merge_tables`: if a page ends with a table and the next one starts with a table of as many columns, the
  rows move up. Rows that repeat the header are left out.
- `join_paragraphs`: if a page ends within a sentence and the next one starts with a lower-case letter, the
  first paragraph moves up. The parts are joined by a space, or directly after a hyphen, which goes. Where
  records say how the lines of both parts stand (`line_ends`), these decide instead of the letter's case, and
  columns of a page are joined, too.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ocr_engine.config import TextConfig
from ocr_engine.records import Block, BlockLine, PageRecord, PageStatus
from ocr_engine.text.clean import Kind, clean, pieces
from ocr_engine.text.line_ends import is_next_column, may_go_on
from ocr_engine.text.markdown import is_running_text
from ocr_engine.text.options import RUNNING_LABELS
from ocr_engine.text.table_rows import continued

Moved = tuple[Block, Block]
"""The block that a part was moved to, and the one it was moved from."""
MAX_HELD_PAGES = 64
"""The most pages that one table or paragraph is joined over."""
MAX_JOINED_CHARS = 500_000
"""Two longer blocks are not joined: the joined block is cleaned again with every page added to it."""
_ASIDE = RUNNING_LABELS | {"footnote", "page_footnote"}
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_SENTENCE_END = re.compile(r"[.!?:;…。！？：；][\"'”’»)\]]*$")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_NOT_PROSE = re.compile(r"[#>|<`~]|!\[|\\\[|\$\$|[-*+•] |[0-9]+[.)] ")
_ITEM = re.compile(r"[A-Za-z]\)(?: |$)")


_CAPTION = re.compile(r"[^\W\d_]+\.? *[0-9]")
"""How captions begin: `Table 2`, `Abb. 3`."""
_LEAST_WORDS = 4


def join_pages(records: Iterable[PageRecord], options: TextConfig) -> Iterator[tuple[PageRecord, bool]]:
    """Yield each page in order, with whether its blocks changed. Only pages that may go on are held back."""
    held: list[tuple[PageRecord, bool]] = []
    for given in records:
        record = _with_columns(given) if options.join_paragraphs else given
        joined = _join(held[0][0], record, options) if held else None
        if joined is None:
            yield from held
            held = [(record, record is not given)]
            continue
        first, rest = joined
        held = [(first, True), *held[1:], (rest, True)]
        if _body(rest) or len(held) >= MAX_HELD_PAGES:
            yield from held[:-1]
            held = held[-1:]
    yield from held


def _join(first: PageRecord, second: PageRecord, options: TextConfig) -> tuple[PageRecord, PageRecord] | None:
    """Move the start of the second page to the end of the first; None if it does not continue it."""
    if first.status is not PageStatus.DONE or second.status not in (PageStatus.DONE, PageStatus.TRUNCATED):
        return None
    above, below = _body(first), _body(second)
    if not above or not below:
        return None
    end, start = first.blocks[above[-1]], second.blocks[below[0]]
    if len(end.content) + len(start.content) > MAX_JOINED_CHARS:
        return None
    moved = _move_table(end, start) if options.merge_tables else None
    if moved is None and options.join_paragraphs:
        moved = _move_paragraph(end, start, may_go_on(end, start, _paragraphs(first)))
    if moved is None:
        return None
    return _with_block(first, above[-1], moved[0]), _with_block(second, below[0], moved[1])


def _with_columns(record: PageRecord) -> PageRecord:
    """The record with paragraphs joined that go on in the next column; only lines of the page tell that."""
    body = _body(record)
    for above, below in pairwise(reversed(body)):
        end, start = record.blocks[below], record.blocks[above]
        if not is_next_column(end, start) or len(end.content) + len(start.content) > MAX_JOINED_CHARS:
            continue
        if may_go_on(end, start, _paragraphs(record)) and (moved := _move_paragraph(end, start, told=True)):
            record = _with_block(_with_block(record, below, moved[0]), above, moved[1])
    return record


def _paragraphs(record: PageRecord) -> list[Block]:
    return [block for block in record.blocks if is_running_text(block.label)]


def _body(record: PageRecord) -> list[int]:
    """Indexes of the blocks that are the page's own text or figures."""
    return [
        index
        for index, block in enumerate(record.blocks)
        if block.label not in _ASIDE and (block.figures or block.content.strip())
    ]


def _with_block(record: PageRecord, index: int, block: Block) -> PageRecord:
    blocks = (*record.blocks[:index], block, *record.blocks[index + 1 :])
    return replace(record, blocks=blocks)


def _move_table(end: Block, start: Block) -> Moved | None:
    if end.figures or start.figures:
        return None
    above, below = list(pieces(clean(end.content.strip()))), list(pieces(clean(start.content.strip())))
    if above[-1][0] is not Kind.TABLE or below[0][0] is not Kind.TABLE:
        return None
    table = continued(above[-1][1], below[0][1])
    if table is None:
        return None
    before = "".join(piece for _, piece in above[:-1])
    after = "".join(piece for _, piece in below[1:])
    return (
        replace(end, content=_leading(end) + before + table + _trailing(end)),
        replace(start, content=_leading(start) + after),
    )


def _move_paragraph(end: Block, start: Block, told: bool | None) -> Moved | None:
    """`told` is what the lines of the page say."""
    if end.figures or start.figures or not (is_running_text(end.label) and is_running_text(start.label)):
        return None
    above, below = end.content.rstrip(), start.content.lstrip()
    last = _BLANK_LINE.split(above)[-1].strip()
    gap = _BLANK_LINE.search(below)
    first = below[: gap.start()] if gap else below
    if told is False or not _goes_on(last, first, certain=told is True):
        return None
    joined = _before(above, first, (*end.lines, *start.lines))
    rest = below[gap.end() :] if gap else ""
    content = joined + first.rstrip() + _trailing(end)
    return (
        replace(end, content=content, lines=(*end.lines, *start.lines)),
        replace(start, content=_leading(start) + rest, lines=()),
    )


def _before(above: str, first: str, lines: Sequence[BlockLine]) -> str:
    """A text as it stands before what it goes on with: its hyphen stays where a line of both writes it so."""
    if not _HYPHEN.search(above):
        return f"{above} "
    divided = above.split()[-1].casefold()
    rest = first.split()[0].casefold().rstrip(".,;:!?")
    words = {word.casefold().strip(".,;:!?()") for line in lines for word in line.words}
    is_compound = divided + rest in words and divided[:-1] + rest not in words
    return above if is_compound else _HYPHEN.sub("", above)


def _goes_on(last: str, first: str, *, certain: bool) -> bool:
    """Whether `first` continues a sentence that `last` leaves open; without certainty only in lower case."""
    is_next = _may_begin(last, first) if certain else first[:1].islower()
    if not is_next or _NOT_PROSE.match(last) or _NOT_PROSE.match(first) or _ITEM.match(first):
        return False
    return (
        bool(last) and not _SENTENCE_END.search(last) and not last.endswith(("</table>", "\\]", "$$", "```"))
    )


def _may_begin(last: str, first: str) -> bool:
    """Whether a full line may go on with `first`; a capital only after some words, and if no caption."""
    if first[:1].islower():
        return True
    is_word = first[:1].isalpha() and not _CAPTION.match(first)
    return is_word and min(len(last.split()), len(first.split())) >= _LEAST_WORDS and last[-1:].islower()


def _trailing(block: Block) -> str:
    """The white space after a block's text, which sets the gap to the next block."""
    return block.content[len(block.content.rstrip()) :]


def _leading(block: Block) -> str:
    return block.content[: len(block.content) - len(block.content.lstrip())]
