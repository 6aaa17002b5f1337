"""Whether a paragraph may go on in another block, by where the lines of both stand on the page.

A line that ends although the next word would have fitted ends a paragraph; so does other type. A first line
that stands apart from the one below it begins one.
"""

from collections.abc import Iterable, Sequence

from ocr_engine.records import Block, BlockLine

_BLANK = 0.7
"""Of a line's height: an indent is no less, a blank no more."""
_MUCH_ROOM = 3.0
"""Heights of a line left beside the next word: where the right margin is ragged, less tells nothing."""
_OTHER_TYPE = 0.12
"""Share by which lines of the same type may differ in height."""
_HYPHENS = ("-", "\u2010")


def may_go_on(end: Block, start: Block, around: Iterable[Block]) -> bool | None:
    """Whether `start` may continue the paragraph that `end` ends with; None where the lines do not tell.

    `around` are the paragraphs on the page of `end`: they say how wide a line may be.
    """
    if not end.lines or not start.lines or not _hold(end, start):
        return None
    last, first = end.lines[-1], start.lines[0]
    if abs(last.height - first.height) > _OTHER_TYPE * max(last.height, first.height):
        return False
    if _stands_apart(start.lines):
        return False
    if last.words[-1].endswith(_HYPHENS):
        return True
    right = _right_edge(end, around)
    return None if right is None else _is_full(last, first, right)


def _hold(end: Block, start: Block) -> bool:
    """Whether the lines hold the text that stands at the break: some of it may not have been read."""
    return end.content.rstrip().endswith(end.lines[-1].words[-1]) and start.content.lstrip().startswith(
        start.lines[0].words[0]
    )


def _stands_apart(lines: Sequence[BlockLine]) -> bool:
    """Whether the first line begins to the right or left of the second."""
    return len(lines) > 1 and abs(lines[0].left - lines[1].left) > _BLANK * lines[0].height


def _right_edge(end: Block, around: Iterable[Block]) -> float | None:
    """Where lines of the block's column end: its own, else those of paragraphs that begin where it does."""
    own = end.lines[:-1]
    if own:
        return max(line.right for line in own)
    (line,) = end.lines
    near = [
        other.right
        for block in around
        for other in block.lines
        if block is not end and abs(other.left - line.left) < line.height
    ]
    return max(near, default=None)


def _is_full(last: BlockLine, first: BlockLine, right: float) -> bool | None:
    """Whether the first word of the next line would not have fitted on this one; None if only just."""
    room = right - last.right - abs(first.sides[1] - first.sides[0])
    if room < _BLANK * last.height:
        return True
    return False if room > _MUCH_ROOM * last.height else None


def is_next_column(end: Block, start: Block) -> bool:
    """Whether a block begins above where the block before it ends, and to the right of it."""
    if not end.lines or not start.lines:
        return False
    right = max(line.right for line in end.lines)
    return start.lines[0].top < end.lines[-1].top and min(line.left for line in start.lines) > right
