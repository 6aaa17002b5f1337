"""`NAME.docling.json`: a DoclingDocument, the form that Docling and what reads it keep documents in.

Written as JSON by its schema, so that `docling-core` and all that it needs are not needed here. Items have
their page and the boxes of their block. Memory holds one page; the parts wait in temporary files.
"""

import json
import mimetypes
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from ocr_engine.outputs.exports.block_words import Rectangle, WordRun, runs_of
from ocr_engine.outputs.exports.captions import FIGURE, TABLE, owners_of
from ocr_engine.outputs.exports.docling_items import Item, items_of
from ocr_engine.outputs.exports.docling_tables import MAX_GRID, box_of, table_data, table_slots
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.nested_lists import nested
from ocr_engine.outputs.exports.places import boxes_pt
from ocr_engine.outputs.files import atomic_file, output_errors, whole
from ocr_engine.records import A4, Block, OutlineEntry, PageGeometry, PageRecord

VERSION = "1.5.0"
"""Of the schema. Later readers take it."""
_IN_MEMORY_BYTES = 1 << 20
_LABELS = {
    "image_caption": "caption", "table_caption": "caption", "figure_title": "caption", "caption": "caption",
    "header": "page_header", "page_header": "page_header",
    "footer": "page_footer", "page_footer": "page_footer", "page_number": "page_footer",
    "footnote": "footnote", "page_footnote": "footnote", "table_footnote": "footnote",
    "image_footnote": "footnote", "reference": "reference", "references": "reference",
}  # fmt: skip
_FURNITURE = frozenset({"page_header", "page_footer"})
_Reference = dict[str, str]
_BODY: _Reference = {"$ref": "#/body"}


def write(document: SourceDocument, path: Path) -> None:
    """Write the document page by page. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary, ExitStack() as files:
        parts = _Parts(files)
        levels = {(entry.page, entry.block): entry for entry in reversed(document.outline())}
        for record in document.records():
            _Page(document, record, levels, parts).write()
        with temporary.open("wb") as file:
            _write(document, parts, file)


class _List:
    """A list of the file, item by item; `#/NAME/3` is its fourth."""

    def __init__(self, name: str, files: ExitStack) -> None:
        self.name = name
        self.count = 0
        self._file = files.enter_context(SpooledTemporaryFile(_IN_MEMORY_BYTES))  # noqa: SIM115 - closed with the others

    def next_reference(self) -> _Reference:
        return _reference(self.name, self.count)

    def add(self, values: Any, key: str = "") -> None:
        start = b"," if self.count else b""
        self._file.write(start + (_json(key) + b":" if key else b"") + _json(values))
        self.count += 1

    def copy_to(self, file: IO[bytes]) -> None:
        self._file.seek(0)
        while piece := self._file.read(_IN_MEMORY_BYTES):
            file.write(piece)


class _Parts:
    def __init__(self, files: ExitStack) -> None:
        names = ("children", "groups", "texts", "pictures", "tables", "pages")
        self.children, self.groups, self.texts, self.pictures, self.tables, self.pages = (
            _List(name, files) for name in names
        )


def _write(document: SourceDocument, parts: _Parts, file: IO[bytes]) -> None:
    head = {
        "schema_name": "DoclingDocument",
        "version": VERSION,
        "name": document.name,
        "origin": _origin(document),
        "furniture": _root("furniture"),
    }
    body = _json(_root("body")).removesuffix(b"}")
    file.write(_json(head).removesuffix(b"}") + b',"body":' + body + b',"children":[')
    parts.children.copy_to(file)
    file.write(b"]}")
    for one in (parts.groups, parts.texts, parts.pictures, parts.tables):
        file.write(b"," + _json(one.name) + b":[")
        one.copy_to(file)
        file.write(b"]")
    file.write(b',"key_value_items":[],"form_items":[],"pages":{')
    parts.pages.copy_to(file)
    file.write(b"}}\n")


def _origin(document: SourceDocument) -> dict[str, Any] | None:
    """The file that was read; its hash there is the start of ours."""
    kind, _ = mimetypes.guess_type(PurePosixPath(document.given).name)
    if not document.content_id or not kind:
        return None
    digest = int(document.content_id[:16], 16)
    return {"mimetype": kind, "binary_hash": digest, "filename": PurePosixPath(document.given).name}


def _root(name: str) -> dict[str, Any]:
    return {"self_ref": f"#/{name}", "content_layer": name, "name": "_root_", "label": "unspecified"}


class _Page:
    """Writes one page's items."""

    def __init__(
        self,
        document: SourceDocument,
        record: PageRecord,
        levels: dict[tuple[int, int], OutlineEntry],
        parts: _Parts,
    ) -> None:
        self.document, self.record, self.levels, self.parts = document, record, levels, parts
        self.size: PageGeometry = record.geometry or A4
        self.texts: list[str] = []
        self.items: list[list[Item]] = []
        self.owners: dict[int, int] = {}
        """Of a caption's block, that of its figure or table."""
        self.said: dict[int, list[int]] = {}
        """The other way round."""

    def write(self) -> None:
        """The page, why it has no text, and its blocks in reading order."""
        record = self.record
        size = {"width": round(self.size.width_pt, 2), "height": round(self.size.height_pt, 2)}
        self.parts.pages.add({"size": size, "page_no": record.page}, str(record.page))
        if not record.status.has_text:
            words = f"[page {record.page}: {record.status}: {record.reason}]"
            everywhere = [(0.0, 0.0, self.size.width_pt, self.size.height_pt)]
            self._add_text({"label": "text", "content_layer": "notes"}, words, everywhere)
        self._read()
        for at, (block, text) in enumerate(zip(record.blocks, self.texts, strict=True)):
            self._write_block(at, block, text)

    def _read(self) -> None:
        """Find the items of each block, and whose captions some are."""
        texts = self.document.block_texts(self.record)
        self.texts = list(texts)
        self.items = [
            list(items_of(text, block.label, self._levels(at)))
            for at, (block, text) in enumerate(zip(self.record.blocks, texts, strict=True))
        ]
        found = owners_of(self.record.blocks, self._kind)
        self.owners = {at: owner for at, owner in found.items() if _is_text(self.items[at])}
        for at, owner in self.owners.items():
            self.said.setdefault(owner, []).append(at)

    def _kind(self, at: int) -> str:
        """What a caption may be of: a block that is written as a figure or a table."""
        block = self.record.blocks[at]
        if block.figures and block.boxes:
            return FIGURE
        return TABLE if any(_fits(item) for item in self.items[at]) else ""

    def _write_block(self, at: int, block: Block, text: str) -> None:
        if at in self.owners:
            return  # it is written with its figure or table
        boxes, said = self._boxes(block), self.said.get(at, [])
        for box, name in zip(boxes, block.figures, strict=False):
            self._add_picture(box, name, text, said)
            said = []
        runs = runs_of(text, block, self.record.geometry)
        in_list: list[Item] = []
        for item in self.items[at]:
            if item.kind == "list_item":
                in_list.append(item)
                continue
            self._add_list(in_list, boxes)
            in_list = []
            if _fits(item):
                self._add_table(item, runs, boxes, said)
                said = []
            elif item.cells is not None:
                words = "\n".join(cell.text for cell in item.cells if cell.text)
                self._add_item(Item("text", words), block, boxes)
            else:
                self._add_item(item, block, boxes)
        self._add_list(in_list, boxes)

    def _boxes(self, block: Block) -> list[Rectangle]:
        return [(a, b, c, d) for a, b, c, d in boxes_pt(block, self.record.geometry)]

    def _levels(self, at: int) -> int:
        entry = self.levels.get((self.record.page, at))
        return entry.level if entry else 0

    def _add_item(
        self, item: Item, block: Block, boxes: Sequence[Rectangle],
        parent: _Reference = _BODY,
    ) -> None:  # fmt: skip
        label = _LABELS.get(block.label, "text") if item.kind == "text" else item.kind
        layer = "furniture" if label in _FURNITURE else "body"
        values: dict[str, Any] = {"label": label, "content_layer": layer}
        if item.kind == "section_header":
            values["level"] = item.level
        self._add_text(values, item.text, boxes, parent)

    def _add_text(
        self, values: dict[str, Any], text: str, boxes: Sequence[Rectangle],
        parent: _Reference = _BODY,
    ) -> None:  # fmt: skip
        texts = self.parts.texts
        reference = texts.next_reference()
        own = {"self_ref": reference["$ref"], "parent": parent, "orig": text, "text": text}
        texts.add(own | values | {"prov": self._provenance(boxes, text)})
        if parent is _BODY:
            self.parts.children.add(reference)

    def _add_list(self, items: Sequence[Item], boxes: Sequence[Rectangle]) -> None:
        """Lists within lists are groups of the item before them."""
        texts, groups = self.parts.texts.count, self.parts.groups.count
        lists, held = nested([item.depth for item in items])
        parents = {at: number for number, one in enumerate(lists) for at in one.items}
        for at, item in enumerate(items):
            values = {"label": "list_item", "enumerated": item.is_numbered, "marker": item.marker}
            inner = [_reference("groups", groups + number) for number in held[at]]
            values |= {"content_layer": "body"} | ({"children": inner} if inner else {})
            self._add_text(values, item.text, boxes, _reference("groups", groups + parents[at]))
        for one in lists:
            own = self.parts.groups.next_reference()
            parent = _BODY if one.within < 0 else _reference("texts", texts + one.within)
            children = [_reference("texts", texts + at) for at in one.items]
            values = {"self_ref": own["$ref"], "parent": parent, "children": children}
            self.parts.groups.add(values | {"content_layer": "body", "name": "list", "label": "list"})
            if parent is _BODY:
                self.parts.children.add(own)

    def _add_said(self, owner: _Reference, said: Sequence[int]) -> dict[str, list[_Reference]]:
        """Write the captions of a figure or table; returns what that says of them.

        Footnotes stay in the body: Docling's exports leave out those of a table.
        """
        first = self.parts.texts.count
        for at in said:
            block = self.record.blocks[at]
            for item in self.items[at]:
                self._add_item(item, block, self._boxes(block), owner)
        written = [_reference("texts", number) for number in range(first, self.parts.texts.count)]
        return {"children": written, "captions": written} if written else {}

    def _add_picture(self, box: Rectangle, name: str, text: str, said: Sequence[int]) -> None:
        pictures = self.parts.pictures
        reference = pictures.next_reference()
        values: dict[str, Any] = {"self_ref": reference["$ref"], "parent": _BODY, "label": "picture"}
        if name in text:  # its figure is kept
            x, y = self.size.width_px / self.size.width_pt, self.size.height_px / self.size.height_pt
            size = {"width": round((box[2] - box[0]) * x), "height": round((box[3] - box[1]) * y)}
            image = {"mimetype": "image/jpeg", "dpi": round(self.size.dpi), "size": size}
            values["image"] = image | {"uri": f"figures/{name}"}
        values |= self._add_said(reference, said) | {"prov": self._provenance([box], "")}
        pictures.add(values)
        self.parts.children.add(reference)

    def _add_table(
        self, item: Item, runs: Sequence[WordRun], boxes: Sequence[Rectangle], said: Sequence[int]
    ) -> None:
        reference = self.parts.tables.next_reference()
        own = {
            "self_ref": reference["$ref"],
            "parent": _BODY,
            "label": "table",
            "data": table_data(item, runs),
        }
        self.parts.tables.add(own | self._add_said(reference, said) | {"prov": self._provenance(boxes, "")})
        self.parts.children.add(reference)

    def _provenance(self, boxes: Sequence[Rectangle], text: str) -> list[dict[str, Any]]:
        span = [0, len(text)]
        return [{"page_no": self.record.page, "bbox": box_of(box), "charspan": span} for box in boxes]


def _reference(name: str, number: int) -> _Reference:
    return {"$ref": f"#/{name}/{number}"}


def _is_text(items: Sequence[Item]) -> bool:
    return bool(items) and all(item.kind in ("text", "formula") for item in items)


def _fits(item: Item) -> bool:
    """Whether it is a table that readers can hold."""
    return bool(item.cells) and table_slots(item) <= MAX_GRID


def _json(value: Any) -> bytes:
    """UTF-8 without half characters, which readers refuse."""
    return whole(json.dumps(value, ensure_ascii=False, separators=(",", ":"))).encode()
