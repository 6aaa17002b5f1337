"""`chunks.jsonl`: documents in pieces to search in and to cite, each with its place.

A chunk is of one section: a heading starts a new one. Blocks are put together up to `output.chunk_tokens`, to
which headings above a long one come on top; only a longer block of prose is cut, at a sentence's end where
one is near.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocr_engine.outputs.exports.cutting import count_tokens, cut
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.places import block_id, boxes_pt
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.jsonl import encode
from ocr_engine.outputs.writer import FIGURE_LINK
from ocr_engine.records import OutlineEntry, PageRecord, page_stem

GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A block, or a part of a long one."""

    text: str
    tokens: int
    record: PageRecord
    block: int
    part: int
    """From 0."""
    headings: tuple[OutlineEntry, ...]
    """The headings in it."""


@dataclass(slots=True)
class _Chunk:
    path: list[OutlineEntry]
    """The headings above it, and its own first ones."""
    units: list[_Unit] = field(default_factory=list)
    tokens: int = 0

    def ends_before(self, unit: _Unit, limit: int) -> bool:
        """Whether the next unit starts another chunk. Short headings stay with what follows them."""
        only_headings = all(one.headings for one in self.units)
        if not self.units or (only_headings and not unit.headings and 2 * self.tokens <= limit):
            return False
        return bool(unit.headings and not only_headings) or self.tokens + unit.tokens > limit

    def add(self, unit: _Unit) -> None:
        self.units.append(unit)
        self.tokens += unit.tokens


def write(documents: Iterable[SourceDocument], path: Path) -> None:
    """Write one line a chunk. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
        for document in documents:
            for chunk in chunks_of(document):
                file.write(encode(chunk))


def chunks_of(document: SourceDocument) -> Iterator[dict[str, Any]]:
    """The chunks of a document in order, one at a time."""
    path: list[OutlineEntry] = []
    chunk = _Chunk(path)
    for unit in _units(document):
        if chunk.ends_before(unit, document.chunk_tokens):
            yield _values(document, chunk)
            chunk = _Chunk(path)
        path = _below(path, unit.headings)
        if not chunk.units or unit.headings:
            chunk.path = path
        chunk.add(unit)
    if chunk.units:
        yield _values(document, chunk)


def _below(path: list[OutlineEntry], headings: Iterable[OutlineEntry]) -> list[OutlineEntry]:
    """The headings in force after these."""
    path = list(path)
    for heading in headings:
        path = [*(above for above in path if above.level < heading.level), heading]
    return path


def _units(document: SourceDocument) -> Iterator[_Unit]:
    headings: dict[tuple[int, int], list[OutlineEntry]] = {}
    for entry in document.outline():
        headings.setdefault((entry.page, entry.block), []).append(entry)
    for record in document.leveled_records():
        for at, text in enumerate(document.block_texts(record)):
            text = FIGURE_LINK.sub(r"\1\2", text).strip()
            own = tuple(headings.get((record.page, at), ()))
            for part, piece in enumerate(_pieces(text, document.chunk_tokens)):
                yield _Unit(piece, count_tokens(piece), record, at, part, () if part else own)


def _pieces(text: str, limit: int) -> Iterator[str]:
    if text and count_tokens(text) <= limit:
        yield text
    else:
        yield from cut(text, limit)


def _values(document: SourceDocument, chunk: _Chunk) -> dict[str, Any]:
    first = chunk.units[0]
    part = f"&part={first.part}" if first.part else ""
    pages = {unit.record.page: unit.record for unit in chunk.units}
    return {
        "id": block_id(document, first.record.page, first.block) + part,
        "document": str(document.folder),
        "source": document.given,
        "content_id": document.content_id,
        "text": GAP.join(unit.text for unit in chunk.units),
        "tokens": chunk.tokens,
        "headings": [entry.title for entry in chunk.path],
        "pages": [_page_values(record) for record in pages.values()],
        "blocks": [_block_values(document, unit) for unit in chunk.units],
        "review": _review(document, first),
    }


def _page_values(record: PageRecord) -> dict[str, Any]:
    return {
        "page": record.page,
        "status": record.status.value,
        "reason": record.reason,
        "suspect": record.suspect,
        "from_text_layer": record.from_text_layer,
    }


def _block_values(document: SourceDocument, unit: _Unit) -> dict[str, Any]:
    block = unit.record.blocks[unit.block]
    return {
        "id": block_id(document, unit.record.page, unit.block),
        "part": unit.part,
        "page": unit.record.page,
        "label": block.label,
        "boxes_pt": boxes_pt(block, unit.record.geometry),
    }


def _review(document: SourceDocument, unit: _Unit) -> str:
    """Where the review page shows the chunk's start, from the output folder; "" without review pages."""
    file = f"review/{page_stem(unit.record.page)}.html"
    there = (document.path / file).is_file()
    return f"{document.folder}/{file}#block-{unit.block}" if there else ""
