"""`alto/0001.xml`: ALTO 4.4, a file a page, in pixels of the page's picture: what libraries' tools read.

Ids and places are those of `laid_blocks`. Text is written by lxml, without what XML 1.0 forbids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ocr_engine import __version__
from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports.block_words import Rectangle
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.laid_blocks import MAX_BLOCKS, LaidBlock, LaidLine, laid_blocks
from ocr_engine.outputs.exports.page_files import remove_folder, remove_pages, write_files
from ocr_engine.outputs.files import output_errors
from ocr_engine.outputs.xml_text import xml_text
from ocr_engine.records import PageRecord, page_stem

VERSION = "4.4"
NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = f"{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SUFFIX = ".xml"
_ESTIMATED = "estimated"


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
    """Writes the blocks of one page."""

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
        for block in laid_blocks(record, texts):
            self._add_block(space, block)

    def _add_block(self, space: Any, block: LaidBlock) -> None:
        common = {"TAGREFS": self.labels[block.label]} if block.label else {}
        for figure in block.figures:
            file = {"TYPE": block.label, "FILEID": f"../figures/{figure.name}"}
            _add(space, "Illustration", ID=figure.identity, **_place(figure.box_px), **common, **file)
        if block.is_table:
            place = _place(block.box_px)
            table = _add(space, "ComposedBlock", ID=block.identity, **place, **common, TYPE="table")
            space, common = table, {}
        for part in block.parts:
            text = _add(space, "TextBlock", ID=part.identity, **_place(part.box_px), **common)
            for line in part.lines:
                _add_line(text, line)


def _add_line(parent: Any, laid: LaidLine) -> None:
    way = {"BASEDIRECTION": "rtl"} if laid.runs_leftwards else {}
    line = _add(parent, "TextLine", ID=laid.identity, **_place(laid.box_px), **way)
    for word in laid.words:
        if word is not laid.words[0]:
            _add(line, "SP")
        mark = {"TAGREFS": _ESTIMATED} if word.box_px and not word.is_exact else {}
        _add(line, "String", ID=word.identity, **_place(word.box_px), **mark, CONTENT=word.text)


def _place(box: Rectangle | None) -> dict[str, str]:
    if box is None:
        return {}
    left, top, right, bottom = box
    names, numbers = ("HPOS", "VPOS", "WIDTH", "HEIGHT"), (left, top, right - left, bottom - top)
    return {name: f"{number:.1f}" for name, number in zip(names, numbers, strict=True)}


def _add(parent: Any, name: str, **attributes: str) -> Any:
    from lxml import etree

    safe = {key: xml_text(value) for key, value in attributes.items()}
    return etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", safe)


def _text(parent: Any, name: str, text: str) -> None:
    _add(parent, name).text = xml_text(text)
