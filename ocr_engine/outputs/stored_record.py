"""What a line of `pages.jsonl` may hold: types with bounds, and the page record made of them.

A line that was changed is a record of ours, or none.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from ocr_engine.families import BOX_SCALE
from ocr_engine.outputs.jsonl import decode
from ocr_engine.records import (
    Attempt,
    Block,
    BlockAgreement,
    BlockDifference,
    BlockLine,
    Bookmark,
    Box,
    Confidence,
    FigureText,
    HeadingType,
    LayerVerdict,
    PageAgreement,
    PageConfidence,
    PageGeometry,
    PageRecord,
    PageStatus,
    SecondReading,
    TableReading,
    TextRepair,
)

_Count = Annotated[int, Meta(ge=0, le=10**12)]
_Side = Annotated[float, Meta(gt=0, le=1e9)]
_SidePx = Annotated[int, Meta(gt=0, le=10**9)]
_Unit = Annotated[int, Meta(ge=0, le=BOX_SCALE)]
_Place = Annotated[float, Meta(ge=0, le=BOX_SCALE)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_FigureName = Annotated[str, Meta(pattern=r"\A[0-9]{4,}-[0-9]+\.jpg\Z", max_length=64)]


class _Size(msgspec.Struct):
    px: tuple[_SidePx, _SidePx]
    pt: tuple[_Side, _Side]
    dpi: _Side


class _Box(msgspec.Struct):
    norm: tuple[_Unit, _Unit, _Unit, _Unit]


class _Line(msgspec.Struct):
    words: tuple[str, ...]
    sides: tuple[_Place, ...]
    top: _Place
    bottom: _Place


class _Block(msgspec.Struct):
    label: str
    boxes: list[_Box]
    content: str
    figures: tuple[_FigureName, ...]
    lines: list[_Line] = []


class _Attempt(msgspec.Struct):
    settings: dict[str, str | int | float | bool | None]
    status: PageStatus
    reason: str
    output_tokens: _Count
    recall: _Share | None


class _FigureText(msgspec.Struct):
    name: _FigureName
    status: PageStatus
    reason: str = ""
    text: str = ""
    vision_tokens: _Count = 0
    text_tokens: _Count = 0


class _Agreement(msgspec.Struct):
    layer: LayerVerdict
    why: str
    blocks: tuple[BlockAgreement, ...] = ()
    written: _Count = 0
    missed: _Count = 0
    made_up: _Count = 0
    twice: _Count = 0


class _Confidence(msgspec.Struct):
    mean: _Share
    low: _Share


class _PageConfidence(msgspec.Struct):
    page: _Confidence
    blocks: tuple[_Confidence | None, ...] = ()


class _TextRepair(msgspec.Struct):
    block: _Count
    at: _Count
    before: str
    after: str
    reason: str
    boxes: list[_Box] = []


class _Difference(msgspec.Struct):
    block: _Count
    text: str


class _HeadingType(msgspec.Struct):
    box: tuple[_Unit, _Unit, _Unit, _Unit]
    size_pt: _Side
    bold: bool


class _Bookmark(msgspec.Struct):
    level: Annotated[int, Meta(ge=1, le=10**4)]
    title: str


class _SecondReading(msgspec.Struct):
    prompt: str
    why: str
    pieces: _Count = 0
    letters: _Count = 0
    in_layer: _Count = 0
    left_out: _Count = 0


class _TableReading(msgspec.Struct):
    box: tuple[_Unit, _Unit, _Unit, _Unit]
    why: str
    dpi: Annotated[int, Meta(ge=1, le=10**4)]
    status: PageStatus
    reason: str
    replaced: bool = False
    vision_tokens: _Count = 0
    text_tokens: _Count = 0


class StoredRecord(msgspec.Struct):
    """A line with its bounds. What is not named here is passed over."""

    page: Annotated[int, Meta(ge=1, le=10**7)]
    status: PageStatus
    reason: str
    fingerprint: str
    mode: str
    prompt: str
    finish_reason: str
    vision_tokens: _Count
    text_tokens: _Count
    repairs: _Count
    attempts: _Count
    size: _Size | None
    blocks: list[_Block]
    tried: list[_Attempt] = []
    recall: _Share | None = None
    suspect: bool = False
    turned_deg: Annotated[int, Meta(ge=-360, le=360)] = 0
    from_text_layer: bool = False
    mode_reason: str = ""
    renderer: str = ""
    content_id: str = ""
    figure_texts: list[_FigureText] = []
    agreement: _Agreement | None = None
    text_repairs: list[_TextRepair] = []
    differences: list[_Difference] = []
    heading_types: list[_HeadingType] = []
    bookmarks: list[_Bookmark] = []
    confidence: _PageConfidence | None = None
    second: _SecondReading | None = None
    table_readings: list[_TableReading] = []
    file: str = ""


_RECORD = msgspec.json.Decoder(StoredRecord)


def stored_record(line: bytes) -> StoredRecord | None:
    """What a line holds; None when it is not one of ours."""
    found = decode(line, _RECORD)
    return found if found is not None and _boxes_in_order(found) and _sides_fit(found) else None


def stored_lines(values: object) -> dict[int, tuple[BlockLine, ...]]:
    """Lines of blocks, by the blocks' indexes; none where they are not as we write them."""
    try:
        found = msgspec.convert(values, dict[int, list[_Line]], strict=False)
    except msgspec.MsgspecError:
        return {}
    return {at: tuple(map(_line, lines)) for at, lines in found.items()}


def _boxes_in_order(found: StoredRecord) -> bool:
    held = [*(block.boxes for block in found.blocks), *(repair.boxes for repair in found.text_repairs)]
    boxes = (box.norm for boxes in held for box in boxes)
    return all(x1 <= x2 and y1 <= y2 for x1, y1, x2, y2 in boxes)


def _sides_fit(found: StoredRecord) -> bool:
    """Whether every line has two sides for each of its words."""
    lines = (line for block in found.blocks for line in block.lines)
    return all(len(line.sides) == 2 * len(line.words) > 0 for line in lines)


def page_record(found: StoredRecord) -> PageRecord:
    """The record that a line holds."""
    return PageRecord(
        page=found.page,
        status=found.status,
        reason=found.reason,
        fingerprint=found.fingerprint,
        mode=found.mode,
        prompt=found.prompt,
        blocks=tuple(map(_block, found.blocks)),
        geometry=PageGeometry(*found.size.px, *found.size.pt, found.size.dpi) if found.size else None,
        finish_reason=found.finish_reason,
        vision_tokens=found.vision_tokens,
        text_tokens=found.text_tokens,
        repairs=found.repairs,
        attempts=found.attempts,
        tried=tuple(Attempt(**msgspec.structs.asdict(attempt)) for attempt in found.tried),
        recall=found.recall,
        suspect=found.suspect,
        turned_deg=found.turned_deg,
        from_text_layer=found.from_text_layer,
        mode_reason=found.mode_reason,
        renderer=found.renderer,
        content_id=found.content_id,
        agreement=PageAgreement(**msgspec.structs.asdict(found.agreement)) if found.agreement else None,
        text_repairs=tuple(map(_text_repair, found.text_repairs)),
        figure_texts=tuple(FigureText(**msgspec.structs.asdict(text)) for text in found.figure_texts),
        differences=tuple(BlockDifference(**msgspec.structs.asdict(one)) for one in found.differences),
        heading_types=tuple(HeadingType(Box(*one.box), one.size_pt, one.bold) for one in found.heading_types),
        bookmarks=tuple(Bookmark(**msgspec.structs.asdict(one)) for one in found.bookmarks),
        confidence=_page_confidence(found.confidence) if found.confidence else None,
        second=SecondReading(**msgspec.structs.asdict(found.second)) if found.second else None,
        table_readings=tuple(map(_table_reading, found.table_readings)),
        file=found.file,
    )


def _table_reading(found: _TableReading) -> TableReading:
    return TableReading(**msgspec.structs.asdict(found) | {"box": Box(*found.box)})


def _page_confidence(found: _PageConfidence) -> PageConfidence:
    return PageConfidence(
        _confidence(found.page), tuple(None if one is None else _confidence(one) for one in found.blocks)
    )


def _confidence(found: _Confidence) -> Confidence:
    return Confidence(found.mean, found.low)


def _text_repair(found: _TextRepair) -> TextRepair:
    boxes = tuple(Box(*box.norm) for box in found.boxes)
    return TextRepair(found.block, found.at, found.before, found.after, found.reason, boxes)


def _block(found: _Block) -> Block:
    boxes = tuple(Box(*box.norm) for box in found.boxes)
    return Block(found.label, boxes, found.content, found.figures, tuple(map(_line, found.lines)))


def _line(found: _Line) -> BlockLine:
    return BlockLine(**msgspec.structs.asdict(found))
