"""Tables whose type is too small for a page's mode: which they are, and what a second reading changes.

Asks no engine and draws nothing. A second reading of a table takes the first's place where `better_table`
says so; the block keeps its label and boxes, and what the second says outside its table is left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ocr_engine.config import Config
from ocr_engine.families import BOX_SCALE, READING_PROMPTS, Mode
from ocr_engine.layer.words import page_words
from ocr_engine.reading.answer import PageAnswer, other_text, status_of
from ocr_engine.reading.auto_mode import view_scale
from ocr_engine.reading.close_look import CloseLook, close_look
from ocr_engine.reading.ladder import Kept
from ocr_engine.records import (
    Block,
    Box,
    Confidence,
    LayerVerdict,
    PageGeometry,
    PageStatus,
    TableReading,
    TextLayer,
    WordFlag,
)
from ocr_engine.text.better_table import ReadTable, better, read_table, table_in
from ocr_engine.text.grounding import write
from ocr_engine.text.recall import letters, ordered_words

DENSE_PX = 12.0
"""Type that the model sees smaller loses 6 to 38 points of its letters (docs/quality.md, modes)."""
WANTED_PX = 24.0
"""How large the type of a table read alone is shown, if the mode can."""
LEAST_GAIN = 1.25
"""A look that shows the type less than so many times as large is not taken."""
MAX_TABLES = 4
"""Tables of a page that are read again: those of the smallest type."""
OFF, LABEL = "off", "table"
_LEAST_WORDS, _LEAST_SIZE_PT = 5, 2.0
_SMALLER_TYPE = 0.25
"""Share of a table's letters that may be smaller than its type: raised numbers, notes."""
_LINE_EM, _LETTER_EM = 1.2, 0.5
_TEXT = (LayerVerdict.BORN_DIGITAL, LayerVerdict.OCR)
_NOT_BODY = int(WordFlag.HIDDEN | WordFlag.TURNED | WordFlag.MIXED)


@dataclass(frozen=True, slots=True)
class DenseTable:
    """A table to be read again: its block's index, how it is looked at, and why."""

    block: int
    look: CloseLook
    why: str


def dense_tables(
    config: Config, kept: Kept, layer: TextLayer, page: PageGeometry, mode: Mode
) -> tuple[DenseTable, ...]:
    """The tables of a page that are read again, in order. `mode` is that of the kept answer."""
    if config.quality.dense_tables == OFF or config.prompt not in READING_PROMPTS:
        return ()
    if kept.from_text_layer or kept.best.status is not PageStatus.DONE:
        return ()
    found = sorted(_dense(kept, layer, page, mode), key=lambda one: one[0])[:MAX_TABLES]
    return tuple(sorted((table for _, table in found), key=lambda table: table.block))


def _dense(
    kept: Kept, layer: TextLayer, page: PageGeometry, mode: Mode
) -> Iterator[tuple[float, DenseTable]]:
    """Each with the size of its type in points."""
    turn = kept.best.step.turn
    sides = (page.height_px, page.width_px) if turn % 180 else (page.width_px, page.height_px)
    scale = view_scale(mode, *sides) * page.width_px / page.width_pt
    for at, block in enumerate(kept.answer.parsed.blocks):
        table = _table_of(block)
        type_pt, source = _type_pt(block, table, layer, page) if table else (math.inf, "")
        if type_pt * scale >= DENSE_PX:
            continue
        look = close_look(block.boxes[0], page, mode, type_pt, WANTED_PX, turn)
        if look.px_per_pt >= LEAST_GAIN * scale:
            seen, then = type_pt * scale, type_pt * look.px_per_pt
            why = f"type of {type_pt:.1f} pt by {source}: {seen:.0f} px in {mode.name}, {then:.0f} px alone"
            yield type_pt, DenseTable(at, look, why)


def _table_of(block: Block) -> ReadTable | None:
    """The one table of a block with one place; None where there is none, or more than rows of cells.

    A table below another label, such as that of its caption, does not stand in its block's box.
    """
    table = table_in(block.content) if len(block.boxes) == 1 and block.label == LABEL else None
    return read_table(table) if table else None


def _type_pt(block: Block, table: ReadTable, layer: TextLayer, page: PageGeometry) -> tuple[float, str]:
    """How large a table's type is, and by what: its layer, else the most that its rows and letters leave."""
    if (size_pt := _size_by_layer(block.boxes[0], layer)) is not None:
        return size_pt, "the text layer"
    box = block.boxes[0]
    width = (box.x2 - box.x1) / BOX_SCALE * page.width_pt
    height = (box.y2 - box.y1) / BOX_SCALE * page.height_pt
    lines = sum(max((cell.html.count("<br") + 1 for cell in row.cells), default=1) for row in table.rows)
    count = max(letters(block.content), 1)
    by_letters = math.sqrt(width * height / (_LINE_EM * _LETTER_EM * count))
    return max(min(height / (_LINE_EM * max(lines, 1)), by_letters), 0.1), "its rows"


def _size_by_layer(box: Box, layer: TextLayer) -> float | None:
    """The type of the words in a box, in points; None where the document's own text does not tell."""
    if layer.verdict is not LayerVerdict.BORN_DIGITAL:
        return None
    x, y = ((layer.boxes[:, side] + layer.boxes[:, side + 2]) / 2 for side in (0, 1))
    inside = (box.x1 <= x) & (x <= box.x2) & (box.y1 <= y) & (y <= box.y2)
    sizes = layer.sizes_pt[inside & (layer.sizes_pt >= _LEAST_SIZE_PT) & ((layer.flags & _NOT_BODY) == 0)]
    return float(np.quantile(sizes, _SMALLER_TYPE)) if len(sizes) >= _LEAST_WORDS else None


def failed(kept: Kept, table: DenseTable, reason: str) -> Kept:
    """The page with a table that could not be read again: the first reading stays."""
    return _noted(kept, _reading(kept, table, PageStatus.FAILED, reason))


def with_table(kept: Kept, table: DenseTable, again: PageAnswer, layer: TextLayer, figure_stem: str) -> Kept:
    """The page with a second reading of one of its tables, in the first's place where that is better."""
    status, reason = status_of(again.generation)
    done = _reading(kept, table, status, reason)
    tokens = again.generation.vision_tokens, again.generation.output_tokens
    done = replace(done, vision_tokens=tokens[0], text_tokens=tokens[1])
    if status is not PageStatus.DONE:
        return _noted(kept, done)
    block, new, sure = kept.answer.parsed.blocks[table.block], *_table_again(again)
    before = read_table(table_in(block.content) or "", _mean(_sure(kept.answer, table.block)))
    assert before is not None, "`dense_tables` names blocks with a table"
    verdict = better(before, read_table(new, _mean(sure)), words_in(block.boxes[0], layer))
    kept = _noted(kept, replace(done, replaced=verdict.is_better, reason=verdict.reason))
    if not verdict.is_better:
        return kept
    return replace(kept, answer=_replaced(kept.answer, table.block, new, sure, figure_stem))


def _noted(kept: Kept, reading: TableReading) -> Kept:
    return replace(kept, tables=(*kept.tables, reading))


def _reading(kept: Kept, table: DenseTable, status: PageStatus, reason: str) -> TableReading:
    box = kept.answer.parsed.blocks[table.block].boxes[0]
    return TableReading(box, table.why, table.look.dpi, status, reason)


def _table_again(again: PageAnswer) -> tuple[str, Confidence | None]:
    """The one table of an answer and how sure the model was of it; "" where there is none, or are several."""
    blocks = again.parsed.blocks
    found = [at for at, block in enumerate(blocks) if "<table" in block.content.lower()]
    if len(found) != 1:
        return "", None
    return table_in(blocks[found[0]].content) or "", _sure(again, found[0])


def _sure(answer: PageAnswer, block: int) -> Confidence | None:
    said = answer.confidence.blocks if answer.confidence else ()
    return said[block] if len(said) == len(answer.parsed.blocks) else None


def _mean(sure: Confidence | None) -> float | None:
    return sure.mean if sure else None


def words_in(box: Box, layer: TextLayer) -> tuple[str, ...]:
    """The folded words of a layer that is text whose middles are in a box, in the order of the file."""
    if layer.verdict not in _TEXT:
        return ()
    page = page_words(layer)
    inside = page.owned([[box]])[0].tolist()
    lines = groupby(inside, key=lambda word: int(page.lines[word]))
    return ordered_words("\n".join(" ".join(page.texts[word] for word in line) for _, line in lines))


def _replaced(
    answer: PageAnswer, at: int, table: str, sure: Confidence | None, figure_stem: str
) -> PageAnswer:
    """The answer with another table in a block."""
    blocks = list(answer.parsed.blocks)
    content = blocks[at].content
    blocks[at] = replace(blocks[at], content=content.replace(table_in(content) or "", table, 1))
    made = other_text(answer, write(blocks), figure_stem)
    said = answer.confidence
    if said is None or len(said.blocks) != len(blocks):
        return replace(made, confidence=said)
    return replace(made, confidence=replace(said, blocks=(*said.blocks[:at], sure, *said.blocks[at + 1 :])))
