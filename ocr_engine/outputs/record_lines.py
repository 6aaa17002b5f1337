"""A page record as a line of `pages.jsonl`; and what the journal keeps to make a lost one again.

What a line may hold is bounded: one that was changed is a record of ours, or none.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ocr_engine.families import BOX_SCALE
from ocr_engine.outputs.jsonl import decode, encode
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
    JournalRow,
    LayerVerdict,
    PageAgreement,
    PageConfidence,
    PageGeometry,
    PageRecord,
    PageStatus,
    TextRepair,
)

_FACTS = (
    "prompt", "finish_reason", "turned_deg", "repairs", "tried", "size", "agreement", "text_repairs",
    "differences", "heading_types", "bookmarks", "confidence",
)  # fmt: skip
"""Values of a record that neither the journal's row nor the raw text tells."""
_EXTRAS = (
    "mode", "mode_reason", "vision_tokens", "text_tokens", "recall", "suspect", "from_text_layer", "renderer",
    "content_id",
)  # fmt: skip
"""Those that the row tells by its `extra`."""
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


_NOTHING_TOLD: Mapping[str, Any] = {
    "mode": "", "prompt": "", "finish_reason": "", "vision_tokens": 0, "text_tokens": 0, "repairs": 0,
    "size": None, "blocks": [],
}  # fmt: skip
_RECORD = msgspec.json.Decoder(StoredRecord)


def to_values(record: PageRecord) -> dict[str, Any]:
    """The record as plain values; boxes also in pixels and points where the page's size is known."""
    geometry = record.geometry
    return {
        "page": record.page,
        "status": record.status.value,
        "reason": record.reason,
        "fingerprint": record.fingerprint,
        "mode": record.mode,
        "prompt": record.prompt,
        "finish_reason": str(record.finish_reason),
        "vision_tokens": record.vision_tokens,
        "text_tokens": record.text_tokens,
        "compression_ratio": record.compression_ratio,
        "repairs": record.repairs,
        "attempts": record.attempts,
        "tried": [_attempt_values(attempt) for attempt in record.tried],
        "recall": record.recall,
        "suspect": record.suspect,
        "turned_deg": record.turned_deg,
        "from_text_layer": record.from_text_layer,
        "mode_reason": record.mode_reason,
        "renderer": record.renderer,
        "content_id": record.content_id,
        "size": _size_values(geometry) if geometry else None,
        "blocks": [_block_values(block, geometry) for block in record.blocks],
        "figure_texts": [asdict(text) for text in record.figure_texts],
        "agreement": asdict(record.agreement) if record.agreement else None,
        "text_repairs": [_repair_values(repair, geometry) for repair in record.text_repairs],
        **_values_there_are(record),
    }


def _values_there_are(record: PageRecord) -> dict[str, Any]:
    """Only what there is: lines of pages without any are as they always were."""
    values = {
        "differences": [asdict(one) for one in record.differences],
        "heading_types": [_heading_values(one) for one in record.heading_types],
        "bookmarks": [asdict(one) for one in record.bookmarks],
        "confidence": asdict(record.confidence) if record.confidence else None,
    }
    return {key: some for key, some in values.items() if some}


def _heading_values(heading: HeadingType) -> dict[str, Any]:
    box = heading.box
    return {"box": (box.x1, box.y1, box.x2, box.y2), "size_pt": heading.size_pt, "bold": heading.bold}


def _size_values(geometry: PageGeometry) -> dict[str, Any]:
    return {
        "px": [geometry.width_px, geometry.height_px],
        "pt": [geometry.width_pt, geometry.height_pt],
        "dpi": geometry.dpi,
    }


def _block_values(block: Block, geometry: PageGeometry | None) -> dict[str, Any]:
    return {
        "label": block.label,
        "boxes": [_box_values(box, geometry) for box in block.boxes],
        "content": block.content,
        "figures": list(block.figures),
        **({"lines": [asdict(line) for line in block.lines]} if block.lines else {}),
    }


def _box_values(box: Box, geometry: PageGeometry | None) -> dict[str, Any]:
    values: dict[str, Any] = {"norm": [box.x1, box.y1, box.x2, box.y2]}
    if geometry is not None:
        values["px"] = list(box.to_px(geometry.width_px, geometry.height_px))
        sizes = (geometry.width_pt, geometry.height_pt) * 2
        values["pt"] = [round(n / BOX_SCALE * size, 2) for n, size in zip(values["norm"], sizes, strict=True)]
    return values


def _repair_values(repair: TextRepair, geometry: PageGeometry | None) -> dict[str, Any]:
    return asdict(repair) | {"boxes": [_box_values(box, geometry) for box in repair.boxes]}


def stored_record(line: bytes) -> StoredRecord | None:
    """What a line holds; None when it is not one of ours."""
    found = decode(line, _RECORD)
    return found if found is not None and _boxes_in_order(found) and _sides_fit(found) else None


def from_line(line: bytes) -> PageRecord | None:
    """The record of a line; None when it is not one of ours."""
    found = stored_record(line)
    return None if found is None else _record(found)


def digest(data: bytes) -> str:
    """A short hash of bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def digest_of_texts(raw: str, figure_texts: Iterable[str]) -> str:
    """A short hash of a page's raw text and those of its figures, as they are written."""
    return digest("\0".join((raw, *figure_texts)).encode("utf-8", "replace"))


def facts_of(record: PageRecord, raw: str | None) -> dict[str, Any]:
    """What a journal row keeps, so that the record can be known for the same and made again from raw text.

    `raw` is None where the page has no text.
    """
    values = to_values(record)
    facts: dict[str, Any] = {"line": digest(encode(values))}
    if raw is not None:
        facts["raw"] = digest_of_texts(raw, [read.text for read in record.figure_texts])
    facts |= {key: values[key] for key in _FACTS if values.get(key)}
    if lines := {str(at): block["lines"] for at, block in enumerate(values["blocks"]) if "lines" in block}:
        facts["lines"] = lines
    if record.figure_texts:
        facts["figure_texts"] = [value | {"text": ""} for value in values["figure_texts"]]
    return facts


def lines_kept(facts: Mapping[str, Any]) -> dict[int, tuple[BlockLine, ...]]:
    """Of what a journal row keeps: the lines of each block that has any, by its index; none if odd."""
    try:
        found = msgspec.convert(facts.get("lines", {}), dict[int, list[_Line]], strict=False)
    except msgspec.MsgspecError:
        return {}
    return {at: tuple(map(_line, lines)) for at, lines in found.items()}


def rebuilt(row: JournalRow, facts: Mapping[str, Any]) -> PageRecord | None:
    """The record of a page from its whole journal row and what that keeps; None where they are odd.

    Without its blocks and the texts of its figures.
    """
    told = {key: row.extra[key] for key in _EXTRAS if key in row.extra}
    kept = {key: facts[key] for key in (*_FACTS, "figure_texts") if key in facts}
    page = {key: getattr(row, key) for key in ("page", "status", "reason", "fingerprint", "attempts")}
    try:
        return _record(msgspec.convert({**_NOTHING_TOLD, **told, **kept, **page}, StoredRecord))
    except (msgspec.MsgspecError, RecursionError):
        return None


def _boxes_in_order(found: StoredRecord) -> bool:
    held = [*(block.boxes for block in found.blocks), *(repair.boxes for repair in found.text_repairs)]
    boxes = (box.norm for boxes in held for box in boxes)
    return all(x1 <= x2 and y1 <= y2 for x1, y1, x2, y2 in boxes)


def _sides_fit(found: StoredRecord) -> bool:
    """Whether every line has two sides for each of its words."""
    lines = (line for block in found.blocks for line in block.lines)
    return all(len(line.sides) == 2 * len(line.words) > 0 for line in lines)


def _record(found: StoredRecord) -> PageRecord:
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
    )


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


def _attempt_values(attempt: Attempt) -> dict[str, Any]:
    return {
        "settings": attempt.settings,
        "status": attempt.status.value,
        "reason": attempt.reason,
        "output_tokens": attempt.output_tokens,
        "recall": attempt.recall,
    }
