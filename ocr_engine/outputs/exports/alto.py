"""`alto/0001.xml`: ALTO 4.4, a file a page, in pixels of the page's picture: what libraries' tools read.

Words have places where the page's text layer tells. Elsewhere the model gives a box a block: lines and words
are then without places, in a block that has one. Text is written by lxml, without what XML 1.0 forbids.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bidi import get_base_level

from ocr_engine import __version__
from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports.block_words import (
    BlockWord,
    Rectangle,
    WordRun,
    around,
    runs_of,
)
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.page_files import remove_folder, remove_pages, write_files
from ocr_engine.outputs.exports.places import boxes_pt
from ocr_engine.outputs.files import output_errors
from ocr_engine.records import Block, PageRecord, page_stem

VERSION = "4.4"
NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = f"{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SUFFIX = ".xml"
MAX_BLOCKS = 20_000
"""Blocks written of one page; more is a loop."""
_ESTIMATED = "estimated"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def require() -> None:
    """Raises OutputError where lxml is not there."""
    try:
        import lxml  # noqa: F401 - asked for before an hour of reading, not after
    except ImportError:
        raise OutputError("output.alto: lxml is not installed; pip install lxml") from None


def write(document: SourceDocument, folder: Path) -> None:
    """Write a file a page, take away files of pages that are gone. Raises OutputError."""
    pages: set[int] = set()
    with output_errors(folder):
        write_files(_files(document, folder, pages))
        remove_pages(folder, _SUFFIX, document.last_page, kept=pages)


def remove(folder: Path, last_page: int) -> None:
    """Take away what `write` has written of pages 1 to `last_page`. Raises OSError."""
    remove_pages(folder, _SUFFIX, last_page)
    remove_folder(folder)


def _files(document: SourceDocument, folder: Path, pages: set[int]) -> Iterator[tuple[Path, bytes]]:
    for record in document.records():
        pages.add(record.page)
        yield folder / (page_stem(record.page) + _SUFFIX), page_xml(document, record)


def page_xml(document: SourceDocument, record: PageRecord) -> bytes:
    """One page as a file of its own."""
    from lxml import etree

    root = etree.Element(f"{{{NAMESPACE}}}alto", nsmap={None: NAMESPACE, "xsi": _XSI})
    root.set(f"{{{_XSI}}}schemaLocation", _SCHEMA)
    root.set("SCHEMAVERSION", VERSION)
    _describe(root, document, record)
    page = _AltoPage(record)
    page.tag(_add(root, "Tags"))
    page.lay_out(_add(root, "Layout"), document.block_texts(record))
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _describe(root: Any, document: SourceDocument, record: PageRecord) -> None:
    about = _add(root, "Description")
    _text(about, "MeasurementUnit", "pixel")
    source = _add(about, "sourceImageInformation")
    _text(source, "fileName", f"../pages/{page_stem(record.page)}.jpg")
    _text(source, "fileIdentifier", document.content_id)
    _text(source, "documentIdentifier", quote(str(document.folder), errors="surrogateescape"))
    step = _add(about, "Processing", ID="reading")
    _text(step, "processingStepDescription", f"status: {record.status.value}")
    if record.reason:
        _text(step, "processingStepDescription", f"reason: {record.reason}")
    _text(step, "processingStepSettings", f"mode: {record.mode}; prompt: {record.prompt}")
    software = _add(step, "processingSoftware")
    _text(software, "softwareName", "deepseek-ocr-batch")
    _text(software, "softwareVersion", __version__)


@dataclass(slots=True)
class _AltoPage:
    """Writes the blocks of one page; places are scaled from points to pixels."""

    record: PageRecord
    labels: dict[str, str] = field(default_factory=dict)
    """The id of each label's tag."""

    def tag(self, tags: Any) -> None:
        """The labels of blocks, and the mark of words whose place was worked out."""
        for block in self.record.blocks[:MAX_BLOCKS]:
            if block.label and block.label not in self.labels:
                self.labels[block.label] = identity = f"label{len(self.labels)}"
                _add(tags, "LayoutTag", ID=identity, LABEL=block.label)
        about = "the page's own text has another word here: the place is worked out from its neighbours"
        _add(tags, "OtherTag", ID=_ESTIMATED, LABEL="place worked out", DESCRIPTION=about)

    def lay_out(self, layout: Any, texts: Sequence[str]) -> None:
        """The page with its blocks in reading order."""
        record, size = self.record, self.record.geometry
        pixels = {"WIDTH": str(size.width_px), "HEIGHT": str(size.height_px)} if size else {}
        quality = ": ".join(filter(None, (record.status.value, record.reason)))
        sure = {"PC": str(record.confidence.page.mean)} if record.confidence else {}
        number = {"PHYSICAL_IMG_NR": str(record.page), "QUALITY_DETAIL": quality, "PROCESSINGREFS": "reading"}
        page = _add(layout, "Page", ID=f"page{record.page}", **pixels, **number, **sure)
        space = _add(page, "PrintSpace", **({"HPOS": "0", "VPOS": "0"} | pixels if size else {}))
        for at, (block, text) in enumerate(zip(record.blocks[:MAX_BLOCKS], texts, strict=False)):
            self._add_block(space, f"page{record.page}_block{at}", block, text)

    def _add_block(self, space: Any, identity: str, block: Block, text: str) -> None:
        boxes = [(a, b, c, d) for a, b, c, d in boxes_pt(block, self.record.geometry)]
        common = {"TAGREFS": self.labels[block.label]} if block.label else {}
        runs = runs_of(text, block, self.record.geometry)
        if block.figures:
            self._add_figures(space, identity, block, boxes, common)
            identity += "_text"
        place = self._place(around(boxes))
        if any(run.cell for run in runs):
            table = _add(space, "ComposedBlock", ID=identity, **place, **common, TYPE="table")
            self._add_parts(table, identity, block, runs)
        elif runs or not block.figures:
            self._add_lines(_add(space, "TextBlock", ID=identity, **place, **common), identity, block, runs)

    def _add_figures(
        self, space: Any, identity: str, block: Block, boxes: Sequence[Rectangle], common: dict[str, str]
    ) -> None:
        for at, (box, name) in enumerate(zip(boxes, block.figures, strict=False)):
            place = self._place(box)
            file = {"TYPE": block.label, "FILEID": f"../figures/{name}"}
            _add(space, "Illustration", ID=f"{identity}_figure{at}", **place, **common, **file)

    def _add_parts(self, table: Any, identity: str, block: Block, runs: Sequence[WordRun]) -> None:
        """A text block for each cell, and for each stretch of text around tables."""
        texts = 0
        for cell, group in groupby(runs, key=lambda run: (run.table, run.cell)):
            some = list(group)
            if place := cell[1]:
                part = f"table{cell[0]}_cell{place.row}_{place.column}" if cell[0] else ""
                name = f"{identity}_{part or f'cell{place.row}_{place.column}'}"
            else:
                name, texts = f"{identity}_part{texts}", texts + 1
            where = self._place(around([run.box_pt for run in some if run.box_pt]))
            self._add_lines(_add(table, "TextBlock", ID=name, **where), name, block, some, identity)

    def _add_lines(
        self, parent: Any, identity: str, block: Block, runs: Sequence[WordRun], of: str = ""
    ) -> None:
        """Lines of the page where the layer tells, else a line a line of the text. Words count over `of`."""
        lines = (list(words) for run in runs for _, words in groupby(run.words, key=lambda word: word.line))
        for at, words in enumerate(lines):
            where = self._place(around([word.box_pt for word in words if word.box_pt]))
            leftwards = get_base_level(" ".join(word.text for word in words))
            way = {"BASEDIRECTION": "rtl"} if leftwards else {}
            line = _add(parent, "TextLine", ID=f"{identity}_line{at}", **where, **way)
            for word in words:
                if word is not words[0]:
                    _add(line, "SP")
                self._add_word(line, of or identity, word)

    def _add_word(self, line: Any, identity: str, word: BlockWord) -> None:
        mark = {"TAGREFS": _ESTIMATED} if word.box_pt and not word.is_exact else {}
        name = f"{identity}_word{word.at}"
        _add(line, "String", ID=name, **self._place(word.box_pt), **mark, CONTENT=word.text)

    def _place(self, box: Rectangle | None) -> dict[str, str]:
        size = self.record.geometry
        if box is None or size is None:
            return {}
        x, y = size.width_px / max(size.width_pt, 0.01), size.height_px / max(size.height_pt, 0.01)
        left, top, right, bottom = box
        numbers = left * x, top * y, max(right - left, 0.0) * x, max(bottom - top, 0.0) * y
        names = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
        return {name: f"{number:.1f}" for name, number in zip(names, numbers, strict=True)}


def _add(parent: Any, name: str, **attributes: str) -> Any:
    from lxml import etree

    safe = {key: _NO_XML.sub("\ufffd", value) for key, value in attributes.items()}
    return etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", safe)


def _text(parent: Any, name: str, text: str) -> None:
    _add(parent, name).text = _NO_XML.sub("\ufffd", text)
