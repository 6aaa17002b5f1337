"""`NAME.hocr`: hOCR 1.2, XHTML of the whole document, in pixels of its pages' pictures, `pages/0001.jpg`.

Ids and places are those of `laid_blocks`. Lines and words are elements where they have places; elsewhere a
paragraph holds its text, so that no reader looks for a box that is not there. Memory holds one page.
"""

from collections.abc import Iterator
from itertools import groupby
from math import ceil, floor
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from ocr_engine import __version__
from ocr_engine.outputs.exports.block_words import Rectangle
from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.outputs.exports.laid_blocks import LaidBlock, LaidLine, LaidPart, LaidWord, laid_blocks
from ocr_engine.outputs.files import atomic_file, output_errors
from ocr_engine.outputs.xml_text import xml_text
from ocr_engine.records import PageGeometry, page_stem

CLASSES = {
    "header": "ocr_header", "page_header": "ocr_header",
    "footer": "ocr_footer", "page_footer": "ocr_footer", "page_number": "ocr_pageno",
    "image_caption": "ocr_caption", "table_caption": "ocr_caption", "figure_title": "ocr_caption",
    "caption": "ocr_caption",
    "equation": "ocr_display", "formula": "ocr_display", "isolate_formula": "ocr_display",
}  # fmt: skip
"""What hOCR calls blocks of these labels; others are `ocr_carea`."""
_CAPABILITIES = (
    "ocr_page", "ocr_carea", "ocr_par", "ocr_line", "ocrx_word", "ocr_table", "ocr_image",
    *sorted(set(CLASSES.values())),
)  # fmt: skip
_DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
    ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'
)


def write(document: SourceDocument, path: Path) -> None:
    """Write the document page by page. Raises OutputError."""
    with output_errors(path), atomic_file(path) as temporary, temporary.open("wb") as file:
        for piece in _pieces(document):
            file.write(piece.encode("utf-8", "replace"))


def _pieces(document: SourceDocument) -> Iterator[str]:
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{_DOCTYPE}\n'
    yield '<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
    yield f"<title>{_text(document.name)}</title>\n"
    yield '<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />\n'
    about = {
        "ocr-system": f"deepseek-ocr-batch {__version__}",
        "ocr-capabilities": " ".join(_CAPABILITIES),
        "ocr-number-of-pages": str(len(document.positions)),
    }
    for name, content in about.items():
        yield f"<meta name={_quoted(name)} content={_quoted(content)} />\n"
    yield "</head>\n<body>\n"
    for page in document.pages():
        yield from page_pieces(document, page)
    yield "</body>\n</html>\n"


def page_pieces(document: SourceDocument, page: SourcePage) -> Iterator[str]:
    """One page: what it is, and its blocks in reading order."""
    record = page.record
    said = {"data-status": record.status.value, "data-reason": record.reason}
    own = "".join(f" {name}={_quoted(value)}" for name, value in said.items() if value)
    yield f"<div class='ocr_page' id='page{record.page}' title={_quoted(_page_title(page))}{own}>\n"
    for block in laid_blocks(record, document.block_texts(record)):
        yield from _block(block, _Title(record.geometry))
    yield "</div>\n"


def _page_title(page: SourcePage) -> str:
    record, size = page.record, page.record.geometry
    parts = [
        f'image "pages/{page_stem(record.page)}.jpg"' if page.image else "",
        f"bbox 0 0 {size.width_px} {size.height_px}" if size else "bbox 0 0 0 0",
        f"ppageno {record.page - 1}",
        f"scan_res {round(size.dpi)} {round(size.dpi)}" if size else "",
    ]
    return "; ".join(filter(None, parts))


class _Title:
    """Writes the title of an element: its box in whole pixels within its page."""

    def __init__(self, size: PageGeometry | None) -> None:
        self._size = size

    def of(self, box: Rectangle | None) -> str:
        """The attribute with a blank before it; "" where nothing is known."""
        if box is None or self._size is None:
            return ""
        width, height = self._size.width_px, self._size.height_px
        sides = floor(box[0]), floor(box[1]), ceil(box[2]), ceil(box[3])
        most = width, height, width, height
        within = (str(max(0, min(side, end))) for side, end in zip(sides, most, strict=True))
        return f" title='bbox {' '.join(within)}'"


def _block(block: LaidBlock, title: _Title) -> Iterator[str]:
    for figure in block.figures:
        file = f" data-file={_quoted(f'figures/{figure.name}')}"
        yield f"<div class='ocr_image' id='{figure.identity}'{title.of(figure.box_px)}{file}></div>\n"
    if not block.parts:
        return
    kind = "ocr_table" if block.is_table else CLASSES.get(block.label, "ocr_carea")
    label = f" data-label={_quoted(block.label)}" if block.label else ""
    yield f"<div class='{kind}' id='{block.identity}'{title.of(block.box_px)}{label}>\n"
    for table, parts in groupby(block.parts, key=lambda part: part.table):
        if table < 0:
            yield from (_paragraph(part, title, part.identity + "_par") for part in parts)
        else:
            yield from _table(parts, title)
    yield "</div>\n"


def _table(parts: Iterator[LaidPart], title: _Title) -> Iterator[str]:
    yield "<table>\n"
    for _, row in groupby(parts, key=lambda part: part.cell.row if part.cell else 0):
        yield "<tr>\n"
        for part in row:
            yield _cell(part, title)
        yield "</tr>\n"
    yield "</table>\n"


def _cell(part: LaidPart, title: _Title) -> str:
    cell = part.cell
    assert cell is not None, "parts of a table are cells"
    name = "th" if cell.is_header else "td"
    spans = {"rowspan": cell.rows, "colspan": cell.columns}
    span = "".join(f" {key}='{value}'" for key, value in spans.items() if value > 1)
    inside = _paragraph(part, title, part.identity + "_par") if part.lines else ""
    return f"<{name} id='{part.identity}'{span}{title.of(part.box_px)}>{inside}</{name}>\n"


def _paragraph(part: LaidPart, title: _Title, identity: str) -> str:
    lines = [_line(line, title) for line in part.lines]
    has_places = any(line.box_px for line in part.lines)
    inside = "\n".join(lines) if has_places else "<br />\n".join(lines)
    return f"<p class='ocr_par' id='{identity}'{title.of(part.box_px)}>{inside}</p>\n"


def _line(line: LaidLine, title: _Title) -> str:
    way = " dir='rtl'" if line.runs_leftwards else ""
    if line.box_px is None:
        words = " ".join(_text(word.text) for word in line.words)
        return f"<span{way}>{words}</span>" if way else words
    words = " ".join(_word(word, title) for word in line.words)
    return f"<span class='ocr_line' id='{line.identity}'{way}{title.of(line.box_px)}>{words}</span>"


def _word(word: LaidWord, title: _Title) -> str:
    mark = "" if word.is_exact else " data-place='estimated'"
    where = title.of(word.box_px)
    return f"<span class='ocrx_word' id='{word.identity}'{where}{mark}>{_text(word.text)}</span>"


def _text(text: str) -> str:
    return escape(xml_text(text))


def _quoted(text: str) -> str:
    return quoteattr(xml_text(text))
