"""Searchable PDFs on the original page, read by two libraries: all is there, once, and nothing of it acts."""

import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pypdfium2
import pytest

from ocr_engine.config import InputConfig
from ocr_engine.conversion.originals import original_of
from ocr_engine.errors import DocumentError
from ocr_engine.outputs.exports import own_text, searchable_pdf
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.pages.backend import content_hash
from ocr_engine.records import Block, Box, LayerVerdict, PageAgreement, PageGeometry, PageRecord, PageStatus

MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
ACTS = re.compile(
    rb"/(JavaScript|JS|Launch|EmbeddedFiles?|FileAttachment|OpenAction|AA|SubmitForm|ImportData|GoToR|GoToE|RichMedia"
    rb"|Screen|Rendition|XFA|EF|AF|PieceInfo|Collection|Perms)\b|javascript:|file:|evil"
)


def size_of(sheet: Any) -> PageGeometry:
    width, height = sheet.rect.width, sheet.rect.height
    return PageGeometry(round(width), round(height), width, height, 72.0)


def box_of(sheet: Any, rect: Any) -> Box:
    """Of a rectangle of the page as it is written, on the page as it is shown."""
    shown = (pymupdf.Rect(rect) * sheet.rotation_matrix).normalize()
    return Box(
        *(
            round(n / side * 999)
            for n, side in zip(shown, (sheet.rect.width, sheet.rect.height) * 2, strict=True)
        )
    )


@pytest.fixture
def searchable(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> Callable[..., tuple[Any, list[str]]]:
    """Saves a PDF, writes the searchable one of it with these blocks on its first page, and opens that."""

    def make(source: Any, blocks: tuple[Block, ...], **other: object) -> tuple[Any, list[str]]:
        path, size = tmp_path / "source.pdf", size_of(source[0])
        source.save(path)
        document = finished([(record(blocks=blocks, geometry=size, **other), "")], pictures=(60, 30))
        given = replace(document, original=lambda: original_of(str(path), content_hash(path), InputConfig()))
        notes = searchable_pdf.write(given, tmp_path / "made.pdf")
        return pymupdf.open(tmp_path / "made.pdf"), notes

    return make


def read_twice(pdf: Any) -> tuple[str, str]:
    with pypdfium2.PdfDocument(pdf.name) as other:
        return pdf[0].get_text(), other[0].get_textpage().get_text_range()


def scan(width: float = 500, height: float = 400) -> Any:
    """A page that is a picture of text, with a drawing."""
    source = pymupdf.open()
    sheet = source.new_page(width=width, height=height)
    picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 20, 20))
    picture.clear_with(200)
    sheet.insert_image(sheet.rect, pixmap=picture)
    sheet.draw_line((10, 10), (90, 90))
    return source


@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_text_stands_on_turned_and_cropped_pages(
    searchable: Callable[..., tuple[Any, list[str]]], rotation: int, cropped: bool
) -> None:
    source = scan()
    sheet = source[0]
    if cropped:
        sheet.set_mediabox(pymupdf.Rect(-50, -30, 450, 370))
        sheet.set_cropbox(pymupdf.Rect(0, 20, 440, 380))
    sheet.set_rotation(rotation)
    there = pymupdf.Rect(sheet.rect.width * 0.2, 60, sheet.rect.width * 0.7, 80)
    box = Box(
        *(
            round(n / side * 999)
            for n, side in zip(there, (sheet.rect.width, sheet.rect.height) * 2, strict=True)
        )
    )
    made, notes = searchable(source, (Block("text", (box,), "needle in a haystack"),))
    (found,) = made[0].search_for("needle in a haystack")
    found = (found * made[0].rotation_matrix).normalize()
    assert notes == [] and all(abs(a - b) < 6 for a, b in zip(found, there, strict=True)), (found, there)
    assert made[0].rotation == rotation and len(made[0].get_images()) == 1 and made[0].get_drawings()
    for text in read_twice(made):
        assert "needle in a haystack" in text, text


def test_a_page_keeps_its_own_text_and_gets_nothing_twice(
    searchable: Callable[..., tuple[Any, list[str]]],
) -> None:
    source = scan()
    sheet = source[0]
    sheet.insert_text((40, 60), "Its own words", fontsize=14)
    blocks = (
        Block("text", (box_of(sheet, (35, 45, 200, 65)),), "Its own words"),
        Block("text", (box_of(sheet, (35, 200, 300, 220)),), "Read in the picture"),
    )
    made, notes = searchable(source, blocks)
    for text in read_twice(made):
        assert text.count("Its own words") == text.count("Read in the picture") == 1
    assert notes == []


def test_hidden_text_is_replaced_and_gives_ours_its_places(
    searchable: Callable[..., tuple[Any, list[str]]],
) -> None:
    source = scan()
    sheet = source[0]
    sheet.insert_text((40, 60), "0ld words 0f an OCR program", render_mode=3)
    sheet.insert_link(
        {"kind": pymupdf.LINK_URI, "from": pymupdf.Rect(0, 0, 50, 50), "uri": "https://a.example/"}
    )
    where = sheet.search_for("program")[0]
    box = box_of(sheet, (0, 0, 499, 300))
    made, notes = searchable(source, (Block("text", (box,), "Old words of an OCR program"),))
    for text in read_twice(made):
        assert " ".join(text.split()) == "Old words of an OCR program"
    (found,) = made[0].search_for("program")
    assert abs(found.x0 - where.x0) < 2 and abs(found.y1 - where.y1) < 4, "not spread over the block"
    assert [link["uri"] for link in made[0].get_links()] == ["https://a.example/"] and notes == []


def test_hidden_text_that_cannot_go_stays_and_is_said(
    searchable: Callable[..., tuple[Any, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes_looks(page: Any, **options: object) -> None:
        page.parent.xref_set_key(page.xref, "Contents", "null")

    monkeypatch.setattr(pymupdf.Page, "apply_redactions", changes_looks)
    source = scan()
    source[0].insert_text((40, 60), "old words", render_mode=3)
    blocks = (Block("text", (box_of(source[0], (35, 45, 200, 65)),), "old words"),)
    made, notes = searchable(source, blocks)
    assert made[0].get_text().split() == ["old", "words"] and len(made[0].get_images()) == 1
    assert notes == ["page 1: its hidden text cannot be removed without changing the page, and stays"]


def test_text_that_cannot_be_read_gets_ours_beside_it(
    searchable: Callable[..., tuple[Any, list[str]]],
) -> None:
    source = scan()
    source[0].insert_text((40, 60), "xqzjw kvbrp")
    broken = PageAgreement(LayerVerdict.BROKEN, "")
    blocks = (Block("text", (box_of(source[0], (35, 45, 200, 65)),), "What it says"),)
    made, notes = searchable(source, blocks, agreement=broken)
    assert "What it says" in " ".join(made[0].get_text().split())
    assert notes == ["page 1: its own text, which cannot be read, stays beside ours"]


def hostile() -> Any:
    source = scan()
    sheet = source[0]
    source.set_toc([[1, "Chapter", 1]])
    rect = pymupdf.Rect(10, 10, 60, 30)
    for link in (
        {"kind": pymupdf.LINK_URI, "from": rect, "uri": "https://good.example/"},
        {"kind": pymupdf.LINK_URI, "from": rect, "uri": "javascript:app.alert('evil')"},
        {"kind": pymupdf.LINK_URI, "from": rect, "uri": "file:///etc/evil"},
        {"kind": pymupdf.LINK_LAUNCH, "from": rect, "file": "evil.exe"},
        {"kind": pymupdf.LINK_GOTOR, "from": rect, "file": "evil.pdf", "page": 0, "to": pymupdf.Point(0, 0)},
        {"kind": pymupdf.LINK_GOTO, "from": rect, "page": 0, "to": pymupdf.Point(0, 0)},
    ):
        sheet.insert_link(link)
    source.embfile_add("evil.exe", b"evil")
    sheet.add_file_annot((100, 100), b"evil", "evil.js")
    script = "<< /S /JavaScript /JS (evil) /Next [<< /S /Launch /F (evil.exe) >>] >>"
    catalog = source.pdf_catalog()
    source.xref_set_key(catalog, "OpenAction", script)
    source.xref_set_key(catalog, "AA", f"<< /WC {script} >>")
    source.xref_set_key(catalog, "Collection", "<< /D (evil) >>")
    source.xref_set_key(sheet.xref, "AA", f"<< /O {script} >>")
    outline = int(source.xref_get_key(catalog, "Outlines")[1].split()[0])
    first = int(source.xref_get_key(outline, "First")[1].split()[0])
    source.xref_set_key(first, "Extra", f"[[{script}]]")
    number = source.get_new_xref()
    source.update_object(number, script)
    widget = pymupdf.Widget()
    widget.field_name, widget.field_type, widget.rect = "a", pymupdf.PDF_WIDGET_TYPE_TEXT, rect
    widget.field_value, widget.script = "filled in", "evil()"
    sheet.add_widget(widget)
    annotation = sheet.add_text_annot((200, 200), "a note")
    source.xref_set_key(annotation.xref, "A", f"{number} 0 R")
    return source


def test_nothing_of_a_hostile_source_acts(searchable: Callable[..., tuple[Any, list[str]]]) -> None:
    made, notes = searchable(hostile(), (Block("text", (Box(0, 500, 999, 600),), "read of it"),))
    assert notes == [] and made.embfile_count() == 0 and made.get_toc() == [[1, "Chapter", 1]]
    links = [link.get("uri", link["kind"]) for link in made[0].get_links()]
    assert sorted(map(str, links)) == sorted(["https://good.example/", str(pymupdf.LINK_GOTO)])
    assert [widget.field_value for widget in made[0].widgets()] == ["filled in"]
    assert [annotation.type[1] for annotation in made[0].annots()] == ["Text"]
    objects = "\n".join(made.xref_object(number) for number in range(1, made.xref_length()))
    assert ACTS.search(objects.encode()) is None, ACTS.search(objects.encode())
    raw = Path(made.name).read_bytes()
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL):
        raw += _unpacked(packed)
    assert b"evil" not in raw
    assert "read of it" in made[0].get_text()


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


def test_what_pages_inherit_stays(searchable: Callable[..., tuple[Any, list[str]]]) -> None:
    source = scan()
    sheet = source[0]
    resources = source.xref_get_key(sheet.xref, "Resources")[1]
    pages = int(source.xref_get_key(sheet.xref, "Parent")[1].split()[0])
    source.xref_set_key(pages, "Resources", resources)
    source.xref_set_key(sheet.xref, "Resources", "null")
    looks = sheet.get_pixmap(dpi=36).samples
    made, _ = searchable(source, (Block("text", (Box(0, 0, 999, 100),), "words"),))
    assert made[0].get_pixmap(dpi=36).samples == looks and made[0].get_text().split() == ["words"]


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("a.pdf", {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "owner_pw": "o"}, "it is encrypted"),
        ("a.pdf", {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "u"}, "it is encrypted"),
        ("a.docx", {}, "it is no PDF"),
    ],
)
def test_a_source_that_cannot_be_used_gives_pictures_and_why(
    tmp_path: Path, finished: Finished, record: MakeRecord, name: str, options: dict[str, Any], reason: str
) -> None:
    path = tmp_path / name
    scan().save(tmp_path / "x.pdf", **options)
    (tmp_path / "x.pdf").rename(path)
    assert pictures(finished, record, path) == [
        f"its pages are pictures: the original cannot be used: {reason}"
    ]


def test_a_damaged_or_other_file_gives_pictures_too(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    path = tmp_path / "a.pdf"
    scan().save(path)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"xref")])
    (note,) = pictures(finished, record, path)
    assert note.endswith("it is damaged")
    with pytest.raises(DocumentError, match="changed since"):
        original_of(str(path), "0a1b", InputConfig())
    with pytest.raises(DocumentError, match="No such file"):
        original_of(str(tmp_path / "gone.pdf"), "0a1b", InputConfig())
    with pytest.raises(DocumentError, match="cannot be fetched"):
        original_of("nostore://bucket/a.pdf", "0a1b", InputConfig())
    with pytest.raises(DocumentError, match="is no PDF"):
        original_of("s3://bucket/a.docx", "0a1b", InputConfig())
    assert original_of("s3://bucket/scans", "0a1b", InputConfig()) is None
    assert original_of(str(tmp_path / "a.png"), "0a1b", InputConfig()) is None


def pictures(finished: Finished, record: MakeRecord, path: Path) -> list[str]:
    document = finished([(record(), "")], pictures=(60, 30))
    document = replace(document, original=lambda: original_of(str(path), content_hash(path), InputConfig()))
    notes = searchable_pdf.write(document, path.parent / "made.pdf")
    with pymupdf.open(path.parent / "made.pdf") as made:
        assert made.page_count == 1 and len(made[0].get_images()) == 1
    return notes


def test_failed_pages_and_pages_that_were_not_read_stay(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    source = scan()
    source.new_page(width=100, height=150)
    source.new_page(width=100, height=150)
    source.save(tmp_path / "a.pdf")
    failed = record(1, PageStatus.FAILED, "why", blocks=(), geometry=None)
    records = [(failed, ""), (record(2), ""), (record(9), "")]
    document = replace(finished(records, pictures=(60, 30)), original=lambda: tmp_path / "a.pdf")
    notes = searchable_pdf.write(document, tmp_path / "made.pdf")
    with pymupdf.open(tmp_path / "made.pdf") as made:
        assert [bool(page.get_text().strip()) for page in made] == [False, True, False]
    assert notes == ["page 9: not in the source"]
    searchable_pdf.write(document, tmp_path / "again.pdf")
    assert (tmp_path / "made.pdf").read_bytes() == (tmp_path / "again.pdf").read_bytes()


def test_letters_without_opacity_are_hidden() -> None:
    source = scan()
    source[0].insert_text((40, 60), "ghost", fill_opacity=0)
    assert own_text.own_text(source[0]).is_hidden
