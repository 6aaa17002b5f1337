"""Ids and places of blocks, cells and words: what stands there in the page is what the file says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.errors import ExitCode
from ocr_engine.outputs.exports import places_file
from ocr_engine.outputs.exports.block_words import runs_of
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.table_cells import grid, tables_in
from ocr_engine.records import Block, BlockLine, Box, PageGeometry, PageRecord, PageStatus
from tests.conversion.test_pipeline import run_pdf

MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
PAGE = PageGeometry(width_px=999, height_px=999, width_pt=99.9, height_pt=999.0, dpi=72.0)
TABLE = (
    '<table><tr><th colspan="2">Both cells</th></tr><tr><td rowspan="2">one</td><td></td></tr>'
    "<tr><td>two</td></tr></table>"
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_pages_blocks_cells_and_words_have_ids_and_places(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    there = (
        BlockLine(("Both", "cells"), (10, 20, 30, 50), 100, 110),
        BlockLine(("one",), (10, 15), 200, 210),
    )
    blocks = (
        Block("text", (Box(0, 0, 500, 50),), "no layer here"),
        Block("table", (Box(0, 100, 999, 300),), TABLE, (), there),
    )
    failed = record(2, PageStatus.FAILED, "why", blocks=(), geometry=None)
    document = finished([(record(blocks=blocks, geometry=PAGE), "text"), (failed, "")], name="ä b")
    places_file.write(document, tmp_path / "p.jsonl")
    page, text, table, second = lines(tmp_path / "p.jsonl")
    assert (page["id"], page["size_pt"], page["text_layer"]) == ("%C3%A4%20b#page=1", [99.9, 999.0], None)
    assert (second["status"], second["reason"], second["size_pt"]) == ("failed", "why", None)
    assert text["boxes_pt"] == [[0.0, 0.0, 50.0, 50.0]] and text["words"] == [], "nothing is made up"
    cells = {cell["id"].rpartition("&")[2]: cell for cell in table["cells"]}
    assert list(cells) == ["cell=0,0", "cell=1,0", "cell=1,1", "cell=2,1"]
    assert (cells["cell=0,0"]["columns"], cells["cell=1,0"]["rows"], cells["cell=0,0"]["header"]) == (
        2,
        2,
        True,
    )
    assert cells["cell=0,0"]["box_pt"] == [1.0, 100.0, 5.0, 110.0] and cells["cell=1,1"]["box_pt"] is None
    assert [(word["text"], word["exact"]) for word in table["words"]] == [
        ("Both", True), ("cells", True), ("one", True), ("two", False),
    ]  # fmt: skip
    first = table["words"][0]
    assert first["id"] == "%C3%A4%20b#page=1&block=1&word=0" and first["box_pt"] == [1.0, 100.0, 2.0, 110.0]
    assert first["cell"] == "%C3%A4%20b#page=1&block=1&cell=0,0"


def test_words_of_a_run_stand_where_the_page_has_them(tmp_path: Path) -> None:
    source = tmp_path / "in/a.pdf"
    source.parent.mkdir()
    with pymupdf.open() as made:
        sheet = made.new_page(width=300, height=200)
        sheet.insert_text((30, 60), "Every word of this line has a place")
        sheet.insert_text((30, 80), "of its own upon the page it is on")
        there = {word[4]: word[:4] for word in sheet.get_text("words")}
        made.save(source)
    raw = tmp_path / "stored/a/pages/0001.raw.md"
    raw.parent.mkdir(parents=True)
    text = "Every word of this line has a place of its own upon the page it is on"
    raw.write_text(f"<|ref|>text<|/ref|><|det|>[[80, 200, 999, 450]]<|/det|>\n{text}\n")
    options = ("--set", f"engine.replay_from={tmp_path / 'stored'}", "--set", "output.places=true")
    assert run_pdf(source, "--output", tmp_path / "out", *options) == ExitCode.OK
    _, block = lines(tmp_path / "out/a/a.places.jsonl")
    assert " ".join(word["text"] for word in block["words"]) == text
    for word in block["words"]:
        if text.split().count(word["text"]) == 1:
            assert word["box_pt"] == pytest.approx(there[word["text"]], abs=1), word


@given(
    st.lists(
        st.sampled_from(
            [
                "<table>",
                "</table>",
                "<tr>",
                "<td>",
                "a b",
                "<td rowspan=3 colspan=2>",
                "\n\n",
                "| a | b |\n|-|-|\n",
            ]
        )
    )
)
def test_every_word_is_in_one_run_whatever_the_markup(parts: list[str]) -> None:
    block = Block("table", (Box(0, 0, 9, 9),), "", (), (BlockLine(("a", "b"), (0, 1, 2, 3), 0, 5),))
    words = [word for run in runs_of("".join(parts), block, PAGE) for word in run.words]
    assert [word.at for word in words] == list(range(len(words)))


def test_a_grid_is_bounded() -> None:
    wide = "<td colspan='999' rowspan='999'>x</td>" * 50
    (rows,) = tables_in(f"<table>{f'<tr>{wide}</tr>' * 50}</table>")
    assert len(list(grid(rows))) < 10
