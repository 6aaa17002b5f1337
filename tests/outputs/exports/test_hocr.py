"""hOCR files: XHTML whatever a page says, ids and places as ALTO has them, and no box that is made up."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ocr_engine.outputs.exports import alto, hocr
from ocr_engine.outputs.exports.document import SourceDocument, SourcePage
from ocr_engine.records import Block, BlockLine, Box, PageRecord, PageStatus
from tests.outputs.conftest import GEOMETRY
from tests.outputs.exports.conftest import block_texts
from tests.text.routes import ROUTES

MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
XHTML = "{http://www.w3.org/1999/xhtml}"
_TAGS = {"html", "head", "title", "meta", "body", "div", "p", "span", "br", "table", "tr", "td", "th"}
_ATTRIBUTES = {
    "class", "id", "title", "dir", "rowspan", "colspan", "name", "content", "http-equiv", "data-label",
    "data-file", "data-place", "data-status", "data-reason",
}  # fmt: skip
_BBOX = re.compile(r"\bbbox (\d+) (\d+) (\d+) (\d+)(?:$|;)")


def read(written: bytes) -> Any:
    """The file as XML, which holds only what hOCR knows and boxes that lie in their page."""
    root = etree.fromstring(written)
    said = root.find(f".//{XHTML}meta[@name='ocr-capabilities']").get("content").split()
    for one in root.iter():
        assert one.tag.removeprefix(XHTML) in _TAGS and set(one.attrib) <= _ATTRIBUTES, etree.tostring(one)
        assert one.get("class") in (None, *said)
        if one.get("class") in ("ocr_page", "ocr_line", "ocrx_word"):
            assert _BBOX.search(one.get("title")), "readers look for a box of these"
    for page in root.iterfind(".//*[@class='ocr_page']"):
        width, height = box(page)[2:]
        for one in page.iterfind(".//*[@title]"):
            left, top, right, bottom = box(one)
            assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
    return root


def box(one: Any) -> tuple[int, ...]:
    found = _BBOX.search(one.get("title"))
    assert found is not None
    return tuple(map(int, found.groups()))


def pages(root: Any, kind: str) -> list[Any]:
    return list(root.iterfind(f".//*[@class='{kind}']"))


def write(document: SourceDocument) -> Any:
    path = document.path / "a.hocr"
    hocr.write(document, path)
    return read(path.read_bytes())


def test_ids_and_places_are_those_of_alto(finished: Finished, record: MakeRecord) -> None:
    there = (
        BlockLine(("One", "two"), (0, 99.9, 199.8, 299.7), 0, 99.9),
        BlockLine(("three",), (0, 99.9), 99.9, 199.8),
    )
    block = Block("text", (Box(0, 0, 999, 999),), "One two 2 three", (), there)
    page = record(7, blocks=(block,))
    document = finished([(page, "One two 2 three")], pictures=(100, 300))
    root, other = write(document), etree.fromstring(alto.page_xml(document, page))
    names = {"a": alto.NAMESPACE}
    for kind, element in (("ocrx_word", "String"), ("ocr_line", "TextLine")):
        theirs = {}
        for one in other.iterfind(f".//a:{element}", names):
            x, y, width, height = (float(one.get(key)) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
            theirs[one.get("ID")] = (x, y, x + width, y + height)
        ours = {one.get("id"): box(one) for one in pages(root, kind)}
        assert ours.keys() == theirs.keys()
        for identity, sides in ours.items():
            assert all(abs(a - b) <= 1 for a, b in zip(sides, theirs[identity], strict=True))
    assert [one.text for one in pages(root, "ocrx_word")] == ["One", "two", "2", "three"]
    assert [one.get("data-place") for one in pages(root, "ocrx_word")] == [None, None, "estimated", None]
    (sheet,) = pages(root, "ocr_page")
    assert sheet.get("title").startswith('image "pages/0007.jpg"; bbox 0 0 200 300; ppageno 6; scan_res')


def test_without_a_layer_nothing_is_made_up(finished: Finished, record: MakeRecord) -> None:
    table = "before\n\n<table><tr><td colspan='2'>a b</td></tr><tr><td>c</td><td></td></tr></table>"
    blocks = (
        Block("table", (Box(0, 0, 999, 500),), table),
        Block("image", (Box(0, 500, 500, 999),), "", ("0001-1.jpg",)),
        Block("page_number", (Box(0, 900, 500, 999),), "12"),
        Block("", (), "\u05d0\u05d1\u05d2\n\nand more"),
    )
    root = write(finished([(record(blocks=blocks), "x")]))
    assert not pages(root, "ocr_line") and not pages(root, "ocrx_word")
    (found,) = pages(root, "ocr_table")
    assert [cell.get("colspan") for cell in found.iter(f"{XHTML}td")] == ["2", None, None]
    assert ["".join(cell.itertext()).strip() for cell in found.iter(f"{XHTML}td")] == ["a b", "c", ""]
    (figure,) = pages(root, "ocr_image")
    assert figure.get("data-file") == "figures/0001-1.jpg" and box(figure)[3] == 300
    assert ["".join(one.itertext()).strip() for one in pages(root, "ocr_pageno")] == ["12"]
    (last,) = pages(root, "ocr_carea")
    assert last.find(f".//{XHTML}span").get("dir") == "rtl" and last.find(f".//{XHTML}br") is not None


def test_a_page_that_failed_keeps_its_place(finished: Finished, record: MakeRecord) -> None:
    failed = record(2, PageStatus.FAILED, 'why\x00 "<not>"', blocks=(), geometry=None)
    root = write(finished([(record(1), "x"), (failed, "")]))
    last = pages(root, "ocr_page")[-1]
    assert (last.get("data-status"), last.get("data-reason")) == ("failed", 'why\ufffd "<not>"')
    assert root.find(f".//{XHTML}meta[@name='ocr-number-of-pages']").get("content") == "2"


@pytest.mark.parametrize("name", ROUTES)
def test_what_attacks_is_text(finished: Finished, record: MakeRecord, name: str) -> None:
    blocks = (Block(ROUTES[name], (Box(0, 0, 999, 999),), ROUTES[name]),)
    write(finished([(record(blocks=blocks), "x")]))


@given(st.text(), st.lists(st.text()))
def test_any_text_and_label_is_xhtml(label: str, texts: list[str]) -> None:
    blocks = tuple(Block(label, (Box(0, 0, 9, 9),), text) for text in ("]]>&<--", *texts))
    record = PageRecord(1, PageStatus.DONE, label, "r.w", "gundam", label, blocks=blocks, geometry=GEOMETRY)
    with tempfile.TemporaryDirectory() as folder:
        document = SourceDocument(Path(folder), Path("a"), "a.pdf", "", block_texts)  # type: ignore[arg-type]
        pieces = "".join(hocr.page_pieces(document, SourcePage(record, "", None)))
    etree.fromstring(pieces)
