"""Each export of a finished document, read back with another program."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest

from ocr_engine.errors import OutputError
from ocr_engine.outputs.exports import archive, html, jsonl, parquet, review, searchable_pdf
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.invisible_font import InvisibleFont
from ocr_engine.outputs.exports.plain_rows import plain_rows
from ocr_engine.outputs.exports.text_layer import Line, Rectangle, lay_out, operators
from ocr_engine.outputs.page_store import PageStore
from ocr_engine.records import (
    Block,
    Box,
    Confidence,
    PageConfidence,
    PageGeometry,
    PageRecord,
    PageStatus,
)

MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
LANDSCAPE = PageGeometry(width_px=600, height_px=300, width_pt=400.0, height_pt=200.0, dpi=108.0)


def test_jsonl_spans_are_the_pages(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    failed = record(2, PageStatus.FAILED, "a -- reason", blocks=(), geometry=None)
    document = finished(
        [(record(1), "# Ü 漢 \U0001f600\n\n![](../figures/0001-1.jpg)"), (failed, ""), (record(3), "end\n")]
    )
    jsonl.write([document, document], tmp_path / "d.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "d.jsonl").read_text("utf-8").splitlines())
    assert first == second and (first["id"], first["source"]) == ("0a1b", "in/a.pdf")
    spans = [first["text"][page["start"] : page["end"]] for page in first["pages"]]
    assert spans == ["# Ü 漢 \U0001f600\n\n![](figures/0001-1.jpg)", "", "end"]
    assert first["text"] == f"{spans[0]}\n\nend"
    assert [page["status"] for page in first["pages"]] == ["done", "failed", "done"]
    assert first["pages"][1]["reason"] == "a -- reason"
    assert first["metadata"] == {
        "folder": "a", "pages": 3, "characters": len(first["text"]), "statuses": {"done": 2, "failed": 1},
    }  # fmt: skip


def test_jsonl_takes_names_that_are_no_text(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    document = finished([(record(1), "x")])
    odd = SourceDocument(document.root, document.folder, "in/\udcff.pdf", "", document.block_texts)
    jsonl.write([odd], tmp_path / "d.jsonl")
    assert json.loads((tmp_path / "d.jsonl").read_bytes())["source"] == "in/\udcff.pdf"


def test_parquet_has_a_row_a_page(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    table = pytest.importorskip("pyarrow.parquet")
    document = finished([(record(n), f"page {n}") for n in range(1, 4)])
    parquet.write([document], tmp_path / "p.parquet")
    rows = table.read_table(tmp_path / "p.parquet").to_pylist()
    assert [row["page"] for row in rows] == [1, 2, 3] and rows[1]["text"] == "page 2"
    assert rows[0]["labels"] == ["title", "image"] and rows[0]["source"] == "in/a.pdf"
    assert (rows[0]["vision_tokens"], rows[0]["status"]) == (903, "done")


SURE = PageConfidence(Confidence(0.91, 0.2), (Confidence(0.97, 0.9), None))
UNSURE = PageConfidence(Confidence(0.4, 0.1), (Confidence(0.88, 0.1), Confidence(0.0, 0.0)))


def test_parquet_says_how_sure_the_model_was(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    table = pytest.importorskip("pyarrow.parquet")
    document = finished([(record(1, confidence=SURE), "a"), (record(2), "b")])
    parquet.write([document], tmp_path / "p.parquet")
    rows = table.read_table(tmp_path / "p.parquet").to_pylist()
    assert [row["confidence"] for row in rows] == [pytest.approx(0.91), None]


def test_review_shades_boxes_by_how_sure_the_model_was(finished: Finished, record: MakeRecord) -> None:
    known = (SURE, UNSURE, None)
    pages = [(record(n, confidence=one), f"text {n}") for n, one in enumerate(known, 1)]
    document = finished(pages, pictures=(200, 300))
    review.write(document, document.path / "review")
    sure, unsure, silent = ((document.path / f"review/000{n}.html").read_text() for n in (1, 2, 3))
    assert "97 % sure" in sure and 'class="doubt-' not in sure, "3 % less than sure is no doubt"
    assert "88 % sure" in unsure and "0 % sure" in unsure
    assert unsure.count('class="doubt-2"') == unsure.count('class="doubt-4"') == 1
    assert "% sure" not in silent and 'class="doubt-' not in silent


def test_parquet_without_pyarrow_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(OutputError, match="pip install pyarrow"):
        parquet.require()


def test_a_zip_of_the_same_files_is_the_same_bytes(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    document = finished([(record(1), "text")], pictures=(20, 30))
    (tmp_path / "timings.csv").write_text("a\n")
    (tmp_path / "journal.jsonl").write_text("{}\n")
    archive.write(tmp_path, [document.path], tmp_path / "one.zip")
    (document.path / "pages/0001.md").touch()
    (document.path / ".0123.ocr-tmp").write_text("left by a crash")
    (document.path / "link").symlink_to("/etc/passwd")
    archive.write(tmp_path, [document.path], tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as file:
        assert file.testzip() is None
        names = file.namelist()
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert [name.removeprefix("a/") for name in names] == [
        "a.md", "pages/0001.jpg", "pages/0001.md", "pages/0001.raw.md", "pages.jsonl", "timings.csv",
    ]  # fmt: skip
    assert "a/pages/0001.jpg" in names and "journal.jsonl" not in names


def test_html_holds_every_page_and_its_note(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    failed = record(2, PageStatus.FAILED, "<b>why</b>", blocks=())
    document = finished(
        [(record(1), "# One \\(x^2\\)\n\n![](../figures/0001-1.jpg)"), (failed, "")], name="<a>"
    )
    html.write(document, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    assert "<h1>One <math" in text and 'src="figures/0001-1.jpg"' in text
    assert "page 2: failed: &lt;b&gt;why&lt;/b&gt;" in text
    assert "default-src 'none'" in text and "script-src" not in text


def grounded(record: MakeRecord, blocks: list[tuple[str, Box, str]], **other: object) -> PageRecord:
    return record(blocks=tuple(Block(label, (box,), text) for label, box, text in blocks), **other)


def test_text_of_a_pdf_is_found_where_it_stands(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    page = grounded(
        record,
        [
            ("title", Box(100, 100, 900, 200), "# Ünïcode and 漢字 \U0001f600"),
            (
                "table",
                Box(0, 500, 999, 999),
                "<table><tr><td>left</td><td>right</td></tr><tr><td>below</td></tr></table>",
            ),
        ],
        geometry=LANDSCAPE,
    )
    document = finished([(page, "text")], pictures=(600, 300))
    searchable_pdf.write(document, tmp_path / "a.pdf")
    with pymupdf.open(tmp_path / "a.pdf") as pdf:
        sheet = pdf[0]
        assert (sheet.rect.width, sheet.rect.height) == (400, 200)
        assert len(sheet.get_images()) == 1
        for words, place in (
            ("Ünïcode", (40, 20, 360, 41)),
            ("漢字", (40, 20, 360, 41)),
            ("left", (0, 100, 200, 151)),
            ("right", (199, 100, 400, 151)),
            ("below", (0, 149, 400, 201)),
        ):
            (found,) = sheet.search_for(words)
            assert pymupdf.Rect(place).contains(found), (words, found)
        assert "😀" in sheet.get_text() and "left right" in " ".join(sheet.get_text().split())
        assert sheet.get_texttrace()[0]["type"] == 3  # invisible


@pytest.mark.parametrize(
    "text",
    [
        "الحقل يسمع أكثر", "في عام 2026 سمع DeepSeek الطيور", "Then הציפורים sing",
        "מחיר 1,234.50 ש\"ח", "שיעור של 12-14 (בערך) נמדד", "جدول (١): القيم 3.5 و 4.5",
    ],
)  # fmt: skip
def test_text_from_right_to_left_is_found(
    tmp_path: Path, finished: Finished, record: MakeRecord, text: str
) -> None:
    page = grounded(record, [("text", Box(0, 0, 999, 100), text)], geometry=LANDSCAPE)
    searchable_pdf.write(finished([(page, text)]), tmp_path / "a.pdf")
    with pymupdf.open(tmp_path / "a.pdf") as pdf:
        assert all(pdf[0].search_for(word) for word in text.split())


def _hebrew(text: str) -> str:
    """Capitals as Hebrew letters, as the standard writes its examples."""
    return "".join(chr(ord(c) - ord("A") + 0x05D0) if c.isupper() else c for c in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("car is THE CAR in arabic", "car is RAC EHT in arabic"),
        ("CAR IS the car IN ENGLISH", "HSILGNE NI the car SI RAC"),
        ('he said "IT IS 123, 456, OK".', 'he said "KO ,456 ,123 SI TI".'),
        ('he said "IT IS 123,456, OK".', 'he said "KO ,123,456 SI TI".'),
        # A bracket is the same character, drawn the other way round: the character of the text is found.
        ('he said "IT IS (123, 456), OK".', 'he said "KO ,)456 ,123( SI TI".'),
        ("AB(CD[&ef]!)gh", "gh)!]ef&[DC(BA"),
        ("IT COSTS $25%", "$25% STSOC TI"),
        ("A-12 x", "x 12-A"),
        ("A 1,234.5 x", "x 1,234.5 A"),
        ("no letter of the other direction (1).", "no letter of the other direction (1)."),
    ],
)
def test_letters_are_written_in_their_order_on_the_page(text: str, shown: str) -> None:
    line = Line(_hebrew(text), Rectangle(0, 0, 10, 10))
    written = operators([line], LANDSCAPE, InvisibleFont())
    codes = written[written.index(b"<") + 1 : written.index(b">")]
    assert bytes.fromhex(codes.decode()).decode("utf-16-be") == _hebrew(shown)


def test_a_pdf_has_every_page_also_those_without_picture_or_text(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    failed = record(2, PageStatus.FAILED, "no", blocks=(), geometry=None)
    searchable_pdf.write(finished([(record(1), "x"), (failed, "")]), tmp_path / "a.pdf")
    with pymupdf.open(tmp_path / "a.pdf") as pdf:
        assert [round(page.rect.width) for page in pdf] == [100, 595]


def test_a_pdf_is_the_same_bytes_twice(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    document = finished([(grounded(record, [("text", Box(1, 1, 9, 9), "a b")]), "x")])
    for name in ("1.pdf", "2.pdf"):
        searchable_pdf.write(document, tmp_path / name)
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "2.pdf").read_bytes()


def test_lines_stay_in_their_box_and_hold_all_words() -> None:
    text = " ".join(f"word{n}" for n in range(60))
    lines = lay_out(text, Rectangle(10, 20, 210, 120))
    assert 4 <= len(lines) <= 9
    assert " ".join(line.text for line in lines).split() == text.split()
    assert all(10 <= line.place.left < line.place.right <= 210.01 for line in lines)
    assert [line.place.top for line in lines] == sorted(line.place.top for line in lines)
    assert lines[-1].place.bottom == pytest.approx(120)


@pytest.mark.parametrize("text", ["", "   ", "漢" * 3000, "x" * 3000, "<table></table>", "a\n" * 500])
def test_any_text_can_be_laid_out(text: str) -> None:
    for line in lay_out(text, Rectangle(0, 0, 0, 0)):
        assert line.text and line.place.width > 0


def test_rows_of_plain_text() -> None:
    table = "<table><tr><td>1</td><td>2<br>3</td></tr><tr><td></td></tr></table>"
    markup = f"<h1>A</h1><p>b <b>c</b><br>d</p>{table}x &lt;"
    assert plain_rows(markup) == [["A"], ["b c"], ["d"], ["1", "2 3"], ["x <"]]


def test_review_has_a_file_a_page_and_takes_old_ones_away(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    statuses = (PageStatus.DONE, PageStatus.LOOPED, PageStatus.DONE, PageStatus.LOOPED)
    pages = [(record(n, status), f"text {n}") for n, status in enumerate(statuses, 1)]
    document = finished(pages, pictures=(200, 300))
    folder = document.path / "review"
    folder.mkdir()
    theirs = ("0010.html", "9.html", "notes.html", "٣.html")
    for name in ("0009.html", *theirs):
        (folder / name).write_text("old")
    review.write(replace(document, last_page=9), folder)
    ours = [*(f"000{n}.html" for n in range(1, 5)), "index.html"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*ours, *theirs])
    second = (folder / "0002.html").read_text()
    assert (
        'src="../pages/0002.jpg"' in second and 'href="0003.html"' in second and 'href="0001.html"' in second
    )
    assert "&#34;looped&#34;: {&#34;next&#34;: &#34;0004.html&#34;}" in second
    assert '<rect x="10" y="20" width="290" height="380"/>' in second
    index = (folder / "index.html").read_text()
    assert index.count("<li class=") == 4 and "looped 2" in index
    review.remove(folder, 9)
    assert sorted(path.name for path in folder.iterdir()) == sorted(theirs)
    for name in theirs:
        (folder / name).unlink()
    review.write(document, folder)
    review.remove(folder, 9)
    assert not folder.exists()


def test_a_document_is_read_back_in_order(finished: Finished, record: MakeRecord) -> None:
    document = finished([(record(n), f"# {n}\n") for n in (2, 1, 3)])
    assert [(page.record.page, page.text) for page in document.pages()] == [
        (1, "# 1"),
        (2, "# 2"),
        (3, "# 3"),
    ]
    assert list(PageStore(document.path).positions()) == [1, 2, 3]
