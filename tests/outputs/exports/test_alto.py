"""ALTO files: valid, words where the page has them, and nothing that XML forbids, whatever a page says."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ocr_engine.outputs.exports import alto
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.records import Block, BlockLine, Box, Confidence, PageConfidence, PageRecord, PageStatus
from tests.outputs.conftest import GEOMETRY
from tests.outputs.exports.conftest import block_texts

MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
RULES = Path(__file__).parents[2] / "data/alto_page.rng"
NAMES = {"a": alto.NAMESPACE}


@lru_cache
def rules() -> Any:
    """Our own: the official schema says the same of these elements, and may not be copied here."""
    return etree.RelaxNG(etree.parse(RULES))


def read(written: bytes) -> Any:
    page = etree.fromstring(written)
    rules().assertValid(page)
    return page


def places(page: Any, path: str) -> list[tuple[str | None, ...]]:
    names = ("ID", "HPOS", "VPOS", "WIDTH", "HEIGHT")
    return [tuple(map(one.get, names)) for one in page.iterfind(path, NAMES)]


def test_words_stand_where_the_layer_has_them(finished: Finished, record: MakeRecord) -> None:
    there = (
        BlockLine(("One", "two"), (0, 99.9, 199.8, 299.7), 0, 99.9),
        BlockLine(("three",), (0, 99.9), 99.9, 199.8),
    )
    block = Block("text", (Box(0, 0, 999, 999),), "One two 2 three", (), there)
    sure = PageConfidence(Confidence(0.9, 0.1), (None,))
    page = read(alto.page_xml(finished([(record(), "")]), record(7, blocks=(block,), confidence=sure)))
    assert places(page, ".//a:String") == [
        ("page7_block0_word0", "0.0", "0.0", "20.0", "30.0"),
        ("page7_block0_word1", "40.0", "0.0", "20.0", "30.0"),
        ("page7_block0_word2", "60.0", "0.0", "0.0", "30.0"),
        ("page7_block0_word3", "0.0", "30.0", "20.0", "30.0"),
    ]
    assert places(page, ".//a:TextLine")[1] == ("page7_block0_line1", "0.0", "30.0", "20.0", "30.0")
    assert [one.get("TAGREFS") for one in page.iterfind(".//a:String", NAMES)] == [
        None,
        None,
        "estimated",
        None,
    ]
    assert page.find(".//a:Page", NAMES).get("PC") == "0.9"


def test_without_a_layer_nothing_is_made_up(finished: Finished, record: MakeRecord) -> None:
    table = "before\n\n<table><tr><td colspan='2'>a b</td></tr><tr><td>c</td><td></td></tr></table>"
    blocks = (
        Block("table", (Box(0, 0, 999, 500),), table),
        Block("image", (Box(0, 500, 500, 999), Box(500, 500, 999, 999)), "", ("0001-1.jpg", "0001-2.jpg")),
        Block("", (), "\u05d0\u05d1\u05d2"),
    )
    page = read(alto.page_xml(finished([(record(), "")]), record(blocks=blocks)))
    assert places(page, ".//a:ComposedBlock")[0][0] == "page1_block0"
    assert [one[0] for one in places(page, ".//a:TextBlock")] == [
        "page1_block0_part0", "page1_block0_cell0_0", "page1_block0_cell1_0", "page1_block0_cell1_1",
        "page1_block2",
    ]  # fmt: skip
    assert {one[1:] for one in places(page, ".//a:TextLine") + places(page, ".//a:String")} == {(None,) * 4}
    assert [one.get("FILEID") for one in page.iterfind(".//a:Illustration", NAMES)] == [
        "../figures/0001-1.jpg", "../figures/0001-2.jpg",
    ]  # fmt: skip
    assert page.findall(".//a:TextLine", NAMES)[-1].get("BASEDIRECTION") == "rtl"


def test_a_page_that_failed_says_so(finished: Finished, record: MakeRecord) -> None:
    failed = record(2, PageStatus.FAILED, "why\x00 <not>", blocks=(), geometry=None)
    page = read(alto.page_xml(finished([(record(), "")]), failed))
    assert page.find(".//a:Page", NAMES).get("QUALITY_DETAIL") == "failed: why\ufffd <not>"
    assert page.findtext(".//a:processingStepDescription", namespaces=NAMES) == "status: failed"


@given(st.text(), st.lists(st.text()))
def test_any_text_and_label_is_xml(label: str, texts: list[str]) -> None:
    blocks = tuple(Block(label, (Box(0, 0, 9, 9),), text) for text in ("]]>&<", *texts))
    record = PageRecord(1, PageStatus.DONE, label, "r.w", "gundam", label, blocks=blocks, geometry=GEOMETRY)
    document = SourceDocument(Path(), Path("a"), "a.pdf", "", block_texts)  # type: ignore[arg-type]
    read(alto.page_xml(document, record))


def test_what_is_no_longer_true_goes_and_what_is_not_ours_stays(
    finished: Finished, record: MakeRecord
) -> None:
    document = finished([(record(1), ""), (record(2), "")])
    folder = document.path / "alto"
    folder.mkdir()
    for name in ("0003.xml", "notes.xml", "0009.xml"):
        (folder / name).write_text("there")
    alto.write(replace(document, last_page=3), folder)
    names = ["0001.xml", "0002.xml", "0009.xml", "notes.xml"]
    assert sorted(path.name for path in folder.iterdir()) == names
    alto.remove(folder, 3)
    assert sorted(path.name for path in folder.iterdir()) == names[2:]
