"""`pages.jsonl` of one document: its page records, as lines. Holds no times: equal runs give equal bytes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.jsonl import JsonLines, Position, decode
from ocr_engine.records import Attempt, Block, Box, FigureText, PageGeometry, PageRecord, PageStatus
from ocr_engine.spec import BOX_SCALE

NAME = "pages.jsonl"


class PageStore:
    """The records of one document's pages. The last line of a page counts."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the document's; raises OutputError when `pages.jsonl` is not a file there."""
        self._lines = JsonLines(folder / NAME)

    def append(self, record: PageRecord) -> None:
        """Write a record; it is on disk when this returns. Raises OutputError."""
        self._lines.append(to_values(record))
        self._lines.close()  # a run has many documents open, and each append may be the last

    def load(self) -> dict[int, PageRecord]:
        """All records by page number."""
        return {record.page: record for record in self.iterate(self.positions())}

    def positions(self) -> dict[int, Position]:
        """Where each page's last record is, by page number in order: a light index of the file."""
        found = {
            values["page"]: position
            for position, values in self._lines.lines()
            if from_values(values) is not None
        }
        return dict(sorted(found.items()))

    def iterate(self, positions: Mapping[int, Position]) -> Iterator[PageRecord]:
        """The records at these positions, one at a time."""
        for line in self._lines.read(positions.values()):
            record = from_values(decode(line) or {})
            if record is not None:
                yield record

    def compact(self) -> dict[int, Position]:
        """Rewrite the file with one line a page, in page order, and return the new positions.

        Raises OutputError.
        """
        positions = self.positions()
        if self._is_compact(positions):
            return positions
        self._rewrite(positions)
        return positions

    def _rewrite(self, positions: dict[int, Position]) -> None:
        """Write these lines in this order; `positions` then says where each is, in the memory it has."""
        self._lines.close()
        path, end = self._lines.path, 0
        with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
            for page, line in zip(positions, self._lines.read(positions.values()), strict=True):
                file.write(line)
                positions[page] = (end, len(line))
                end += len(line)

    def of_other_content(self, content_id: str) -> tuple[int, ...]:
        """Pages whose last record was read from other bytes than these."""
        last = {
            values["page"]: values.get("content_id") for _, values in self._lines.lines() if "page" in values
        }
        return tuple(
            sorted(page for page, read_from in last.items() if read_from not in (None, "", content_id))
        )

    def drop(self, pages: Collection[int]) -> None:
        """Rewrite the file without these pages. Raises OutputError."""
        self._rewrite({page: at for page, at in self.positions().items() if page not in pages})

    def is_compact(self) -> bool:
        """Whether there is nothing to compact."""
        return self._is_compact(self.positions())

    def _is_compact(self, positions: Mapping[int, Position]) -> bool:
        end = 0
        for offset, length in positions.values():
            if offset != end:
                return False
            end = offset + length
        return end == (self._lines.path.stat().st_size if self._lines.path.exists() else 0)


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
        "content_id": record.content_id,
        "size": _size_values(geometry) if geometry else None,
        "blocks": [_block_values(block, geometry) for block in record.blocks],
        "figure_texts": [asdict(text) for text in record.figure_texts],
    }


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
    }


def _box_values(box: Box, geometry: PageGeometry | None) -> dict[str, Any]:
    values: dict[str, Any] = {"norm": [box.x1, box.y1, box.x2, box.y2]}
    if geometry is not None:
        values["px"] = list(box.to_px(geometry.width_px, geometry.height_px))
        sizes = (geometry.width_pt, geometry.height_pt) * 2
        values["pt"] = [round(n / BOX_SCALE * size, 2) for n, size in zip(values["norm"], sizes, strict=True)]
    return values


def from_values(values: Mapping[str, Any]) -> PageRecord | None:
    """The record of a line; None when the line is not one of ours."""
    try:
        return PageRecord(
            page=_page_number(values["page"]),
            status=PageStatus(values["status"]),
            reason=values["reason"],
            fingerprint=values["fingerprint"],
            mode=values["mode"],
            prompt=values["prompt"],
            blocks=tuple(map(_block, values["blocks"])),
            geometry=_geometry(values["size"]),
            finish_reason=values["finish_reason"],
            vision_tokens=values["vision_tokens"],
            text_tokens=values["text_tokens"],
            repairs=values["repairs"],
            attempts=values["attempts"],
            tried=tuple(map(_attempt, values.get("tried", ()))),
            recall=values.get("recall"),
            suspect=values.get("suspect", False),
            turned_deg=values.get("turned_deg", 0),
            from_text_layer=values.get("from_text_layer", False),
            content_id=str(values.get("content_id", "")),
            figure_texts=tuple(map(_figure_text, values.get("figure_texts", ()))),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _attempt_values(attempt: Attempt) -> dict[str, Any]:
    return {
        "settings": attempt.settings,
        "status": attempt.status.value,
        "reason": attempt.reason,
        "output_tokens": attempt.output_tokens,
        "recall": attempt.recall,
    }


def _attempt(values: Mapping[str, Any]) -> Attempt:
    return Attempt(
        settings=dict(values["settings"]),
        status=PageStatus(values["status"]),
        reason=values["reason"],
        output_tokens=values["output_tokens"],
        recall=values["recall"],
    )


def _geometry(size: Mapping[str, Any] | None) -> PageGeometry | None:
    if size is None:
        return None
    (width_px, height_px), (width_pt, height_pt) = size["px"], size["pt"]
    return PageGeometry(width_px, height_px, width_pt, height_pt, size["dpi"])


def _page_number(value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(value)
    return value


def _figure_text(values: Mapping[str, Any]) -> FigureText:
    return FigureText(**{**values, "status": PageStatus(values["status"])})


def _block(values: Mapping[str, Any]) -> Block:
    boxes = tuple(Box(*box["norm"]) for box in values["boxes"])
    return Block(values["label"], boxes, values["content"], tuple(values["figures"]))
