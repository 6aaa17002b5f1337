"""Blocks and the page's text layer in, the blocks with the page's own characters out, and what was changed.

A pure function; bounded; what agrees is unchanged. Only a born-digital layer that is like what was read is
used, only inside a block's box, only where what stands around is the same. Formulas, tables' structure and
figures are walls. Rules and numbers: docs/quality.md.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ocr_engine.layer.alignment import Alignment
from ocr_engine.layer.comparison import Compared, is_table
from ocr_engine.layer.edits import Edit, Reason, apart, applied
from ocr_engine.layer.letters import is_alike, letter_edits
from ocr_engine.layer.lines import lines_of
from ocr_engine.layer.missed import LABEL, missed_text
from ocr_engine.layer.prose import prose_of
from ocr_engine.layer.spacing import SpacingRules, spacing_edits
from ocr_engine.records import Block, TextRepair

Level = Literal["off", "spacing", "words"]
MAX_REPAIRS = 2_000
"""Changes of one page; a page that needs more is not repaired."""
_TITLES = frozenset({"title", "sub_title", "section_header", "subtitle"})


def repaired(found: Compared, level: Level) -> tuple[tuple[Block, ...], tuple[TextRepair, ...]]:
    """The blocks with the page's characters, and each change; blocks of text that was missed among them."""
    if level == "off" or not found.may_repair:
        return found.blocks, ()
    blocks, repairs = _mended(found, level)
    if level == "words":
        blocks, repairs = _with_missed(found, blocks, repairs)
    return (found.blocks, ()) if len(repairs) > MAX_REPAIRS else (tuple(blocks), tuple(repairs))


def with_lines(found: Compared) -> Compared:
    """The same, each block that is like its words with the lines that these stand in."""
    if not found.may_repair:
        return found
    pairs = zip(found.blocks, found.alignments, strict=True)
    blocks = tuple(
        replace(block, lines=lines_of(found.page, one.words)) if one and is_alike(one) else block
        for block, one in pairs
    )
    return replace(found, blocks=blocks, keeps_lines=True)


def _mended(found: Compared, level: Level) -> tuple[list[Block], list[TextRepair]]:
    rules = SpacingRules(found.page)
    blocks, repairs = list(found.blocks), list[TextRepair]()
    for at, alignment in enumerate(found.alignments):
        edits = _edits(found, at, alignment, rules, level) if alignment else []
        if edits:
            content = blocks[at].content
            blocks[at] = replace(blocks[at], content=applied(content, edits))
            repairs += [
                TextRepair(at, edit.start, content[edit.start : edit.end], edit.text, edit.reason)
                for edit in edits
            ]
    return blocks, repairs


def _edits(found: Compared, at: int, alignment: Alignment, rules: SpacingRules, level: Level) -> list[Edit]:
    block = found.blocks[at]
    cells = is_table(block)
    lines = not cells and block.label not in _TITLES and "<center>" not in block.content
    lines = lines and not block.content.lstrip().startswith("#")
    edits = list(spacing_edits(alignment, rules, lines=lines))
    if level == "words":
        earlier = found.alignments[at - 1] if at else None
        before = earlier.prose.letters if earlier else ""
        edits += letter_edits(alignment, found.page, found.texts, is_table=cells, before=before)
    return apart(edits)


def _with_missed(
    found: Compared, blocks: list[Block], repairs: list[TextRepair]
) -> tuple[list[Block], list[TextRepair]]:
    """All blocks in order, the repairs with the blocks' new indexes."""
    missed = missed_text(found.blocks, found.page, found.free, found.texts, _unlike(found))
    out: list[Block] = []
    moved: dict[int, int] = {}
    added: list[TextRepair] = []
    for at in range(len(blocks) + 1):
        for piece in (piece for piece in missed if piece.before == at):
            text, boxes = piece.block.content, piece.block.boxes
            added.append(TextRepair(len(out), 0, "", text, Reason.MISSED_TEXT, boxes))
            lines = lines_of(found.page, piece.words) if found.keeps_lines else ()
            out.append(replace(piece.block, lines=lines))
        if at < len(blocks):
            moved[at] = len(out)
            out.append(blocks[at])
    return out, [replace(repair, block=moved[repair.block]) for repair in repairs] + added


def _unlike(found: Compared) -> list[str]:
    pairs = zip(found.blocks, found.alignments, strict=True)
    texts = [
        one.prose.letters if one else "" if block.figures else prose_of(block.content).letters
        for block, one in pairs
        if one is None or not is_alike(one)
    ]
    return [text for text in texts if text]


def replayed(blocks: Sequence[Block], repairs: Sequence[TextRepair]) -> tuple[Block, ...]:
    """The blocks as the model wrote them with repairs made that are known: the layer is not needed."""
    out = list(blocks)
    for repair in sorted(repairs, key=lambda repair: repair.block):
        if repair.boxes:
            out.insert(repair.block, Block(LABEL, repair.boxes, repair.after))
    edits = defaultdict(list)
    for repair in repairs:
        if not repair.boxes:
            end = repair.at + len(repair.before)
            edits[repair.block].append(Edit(repair.at, end, repair.after, Reason.LETTERS))
    for at, of_block in edits.items():
        if at < len(out):
            out[at] = replace(out[at], content=applied(out[at].content, apart(of_block)))
    return tuple(out)
