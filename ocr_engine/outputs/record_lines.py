"""A page record as a line of `pages.jsonl`; and what the journal keeps to make a lost one again."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ocr_engine.families import BOX_SCALE
from ocr_engine.outputs.jsonl import encode
from ocr_engine.outputs.stored_record import StoredRecord, page_record, stored_lines, stored_record
from ocr_engine.records import (
    Attempt,
    Block,
    BlockLine,
    Box,
    HeadingType,
    JournalRow,
    PageGeometry,
    PageRecord,
    TableReading,
    TextRepair,
)

_FACTS = (
    "prompt", "finish_reason", "turned_deg", "repairs", "tried", "size", "agreement", "text_repairs",
    "differences", "heading_types", "bookmarks", "confidence", "second",
    "table_readings", "file",
)  # fmt: skip
"""Values of a record that neither the journal's row nor the raw text tells."""
_EXTRAS = (
    "mode", "mode_reason", "vision_tokens", "text_tokens", "recall", "suspect", "from_text_layer", "renderer",
    "content_id",
)  # fmt: skip
"""Those that the row tells by its `extra`."""
_NOTHING_TOLD: Mapping[str, Any] = {
    "mode": "", "prompt": "", "finish_reason": "", "vision_tokens": 0, "text_tokens": 0, "repairs": 0,
    "size": None, "blocks": [],
}  # fmt: skip


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
        "figure_texts": [msgspec.to_builtins(text) for text in record.figure_texts],
        "agreement": msgspec.to_builtins(record.agreement) if record.agreement else None,
        "text_repairs": [_repair_values(repair, geometry) for repair in record.text_repairs],
        **_values_there_are(record),
    }


def _values_there_are(record: PageRecord) -> dict[str, Any]:
    """Only what there is: lines of pages without any are as they always were."""
    values = {
        "differences": [msgspec.to_builtins(one) for one in record.differences],
        "heading_types": [_heading_values(one) for one in record.heading_types],
        "bookmarks": [msgspec.to_builtins(one) for one in record.bookmarks],
        "confidence": msgspec.to_builtins(record.confidence) if record.confidence else None,
        "second": msgspec.to_builtins(record.second) if record.second else None,
        "table_readings": [_table_values(one) for one in record.table_readings],
        "file": record.file,
    }
    return {key: some for key, some in values.items() if some}


def _heading_values(heading: HeadingType) -> dict[str, Any]:
    box = heading.box
    return {"box": (box.x1, box.y1, box.x2, box.y2), "size_pt": heading.size_pt, "bold": heading.bold}


def _table_values(table: TableReading) -> dict[str, Any]:
    box = table.box
    values: dict[str, Any] = msgspec.to_builtins(table)
    return values | {"box": (box.x1, box.y1, box.x2, box.y2)}


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
        **({"lines": [msgspec.to_builtins(line) for line in block.lines]} if block.lines else {}),
    }


def _box_values(box: Box, geometry: PageGeometry | None) -> dict[str, Any]:
    values: dict[str, Any] = {"norm": [box.x1, box.y1, box.x2, box.y2]}
    if geometry is not None:
        values["px"] = list(box.to_px(geometry.width_px, geometry.height_px))
        sizes = (geometry.width_pt, geometry.height_pt) * 2
        values["pt"] = [round(n / BOX_SCALE * size, 2) for n, size in zip(values["norm"], sizes, strict=True)]
    return values


def _repair_values(repair: TextRepair, geometry: PageGeometry | None) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(repair)
    return values | {"boxes": [_box_values(box, geometry) for box in repair.boxes]}


def from_line(line: bytes) -> PageRecord | None:
    """The record of a line; None when it is not one of ours."""
    found = stored_record(line)
    return None if found is None else page_record(found)


def digest(data: bytes) -> str:
    """A short hash of bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def digest_of_texts(raw: str, figure_texts: Iterable[str]) -> str:
    """A short hash of a page's raw text and those of its figures, as they are written."""
    return digest("\0".join((raw, *figure_texts)).encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A record's line of `pages.jsonl`, and the values in it."""

    data: bytes
    values: Mapping[str, Any]

    @classmethod
    def of(cls, record: PageRecord) -> "RecordLine":
        """The line of a record."""
        values = to_values(record)
        return cls(encode(values), values)


def facts_of(record: PageRecord, line: RecordLine, raw: str | None) -> dict[str, Any]:
    """What a journal row keeps, so that the record can be known for the same and made again from raw text.

    `line` is the record's, `raw` None where the page has no text.
    """
    values = line.values
    facts: dict[str, Any] = {"line": digest(line.data)}
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
    return stored_lines(facts.get("lines", {}))


def rebuilt(row: JournalRow, facts: Mapping[str, Any]) -> PageRecord | None:
    """The record of a page from its whole journal row and what that keeps; None where they are odd.

    Without its blocks and the texts of its figures.
    """
    told = {key: row.extra[key] for key in _EXTRAS if key in row.extra}
    kept = {key: facts[key] for key in (*_FACTS, "figure_texts") if key in facts}
    page = {key: getattr(row, key) for key in ("page", "status", "reason", "fingerprint", "attempts")}
    try:
        return page_record(msgspec.convert({**_NOTHING_TOLD, **told, **kept, **page}, StoredRecord))
    except (msgspec.MsgspecError, RecursionError):
        return None


def _attempt_values(attempt: Attempt) -> dict[str, Any]:
    return {
        "settings": attempt.settings,
        "status": attempt.status.value,
        "reason": attempt.reason,
        "output_tokens": attempt.output_tokens,
        "recall": attempt.recall,
    }
