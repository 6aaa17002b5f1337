"""PDF/A of original pages: the same look, links and text by the standard's rules, or pictures and why."""

import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pypdfium2
import pytest
from PIL import Image, ImageChops

from ocr_engine.errors import DocumentError, OutputError
from ocr_engine.outputs.exports import ghostscript, original_pdfa, searchable_pdf
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.processes.confined import Bounds
from ocr_engine.records import Block, Box, PageRecord
from tests.outputs.exports.test_original_pdf import ACTS, hostile, scan, size_of
from tests.pdfa_rules import broken_rules

MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
Archive = Callable[..., tuple[Path, list[str]]]
needs_ghostscript = pytest.mark.skipif(not ghostscript.program(), reason="needs ghostscript")
TEXT = "needle in a haystack \u6f22\u5b57 \U0001f600"


@pytest.fixture
def archived(tmp_path: Path, finished: Finished, record: MakeRecord) -> Archive:
    """Saves a PDF and writes the searchable PDF/A of it, with text in a block of its first page."""

    def make(source: Any) -> tuple[Path, list[str]]:
        source.save(tmp_path / "source.pdf", no_new_id=True)
        page = record(blocks=(Block("text", (Box(0, 500, 999, 600),), TEXT),), geometry=size_of(source[0]))
        document = replace(finished([(page, "")], pictures=(60, 30)), is_pdfa=True)
        document = replace(document, original=lambda: tmp_path / "source.pdf")
        made = tmp_path / "made.pdf"
        return made, searchable_pdf.write(document, made)

    return make


def looks(path: Path) -> Image.Image:
    with pypdfium2.PdfDocument(path) as pdf:
        return pdf[0].render(scale=1, may_draw_forms=True).to_pil().convert("RGB").reduce(4)


def texts(path: Path) -> tuple[str, str]:
    with pymupdf.open(path) as pdf, pypdfium2.PdfDocument(path) as other:
        return pdf[0].get_text(), other[0].get_textpage().get_text_range()


@needs_ghostscript
def test_the_original_page_stays_and_its_text_is_found(archived: Archive, tmp_path: Path) -> None:
    source = scan()
    source[0].insert_text((40, 60), "Own words, \u00e4rger", fontsize=14)
    uri = {"kind": pymupdf.LINK_URI, "from": pymupdf.Rect(10, 10, 60, 30), "uri": "https://good.example/"}
    source[0].insert_link(uri)
    source.set_toc([[1, "Chapter", 1]])
    source.set_metadata({"title": "Of bees & trees"})
    made, notes = archived(source)
    assert notes == [] and broken_rules(made) == []
    for text in texts(made):
        assert "Own words, \u00e4rger" in text and TEXT in text
    assert (
        max(
            most
            for _, most in ImageChops.difference(looks(made), looks(tmp_path / "source.pdf")).getextrema()
        )
        < original_pdfa.MAX_CELL_CHANGE
    )
    with pymupdf.open(made) as pdf:
        assert [link["uri"] for link in pdf[0].get_links()] == ["https://good.example/"]
        assert pdf.get_toc() == [[1, "Chapter", 1]] and "Of bees &amp; trees" in pdf.get_xml_metadata()
        assert pdf[0].get_drawings() and {span["type"] for span in pdf[0].get_texttrace()} == {0, 3}
    first = made.read_bytes()
    archived(source)
    assert made.read_bytes() == first, "no time of today is in it"


@needs_ghostscript
def test_nothing_of_a_hostile_source_acts(archived: Archive) -> None:
    made, notes = archived(hostile())
    assert notes == [] and broken_rules(made) == []
    with pymupdf.open(made) as pdf:
        links = sorted(str(link.get("uri", link["kind"])) for link in pdf[0].get_links())
        assert links == [str(pymupdf.LINK_GOTO), "https://good.example/"]
        assert "filled in" in pdf[0].get_text() and not list(pdf[0].annots())
        objects = "\n".join(pdf.xref_object(number) for number in range(1, pdf.xref_length()))
        assert ACTS.search(objects.encode()) is None
        assert not any(b"evil" in (pdf.xref_stream(n) or b"") for n in range(1, pdf.xref_length()))


@needs_ghostscript
def test_a_program_in_a_page_reads_no_file(archived: Archive, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the secret")
    source = scan()
    number = source.get_new_xref()
    source.update_object(number, "<< /Type /XObject /Subtype /PS >>")
    source.update_stream(number, f"({tmp_path}/secret.txt) (r) file 99 string readstring pop show".encode())
    sheet = source.new_page()
    source.xref_set_key(sheet.xref, "Resources", f"<< /XObject << /Evil {number} 0 R >> >>")
    pymupdf.TOOLS._insert_contents(sheet, b"\n/Evil Do\n", True)
    source.move_page(1, 0)
    made, _ = archived(source)
    assert broken_rules(made) == [] and not any("secret" in text for text in texts(made))


@needs_ghostscript
def test_pages_that_would_change_are_pictures(archived: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Japanese font that is not in the file, and Ghostscript has none, also where the machine has."""
    nowhere = ("-sCIDFSubstPath=/nowhere/", "-sCIDFSubstFont=none.ttf")
    monkeypatch.setattr(ghostscript, "_OPTIONS", (*ghostscript._OPTIONS, *nowhere))
    source = scan()
    source[0].insert_text(
        (40, 200), "\u7b2c\u4e00\u7ae0 \u3053\u3093\u306b\u3061\u306f" * 4, fontname="japan", fontsize=20
    )
    made, notes = archived(source)
    assert len(notes) == 1 and notes[0].startswith("its pages are pictures: the original cannot be used:")
    assert broken_rules(made) == [] and all("needle" in text for text in texts(made))


def blank(text: str = "", width: float = 200) -> Any:
    pdf = pymupdf.open()
    pdf.new_page(width=width, height=200)
    if text:
        pdf[0].insert_text((20, 50), text, fontsize=12)
    return pdf


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (blank("some words"), "makes no PDF/A of it: it does not say so"),
        (pymupdf.open(), "makes 0 pages of 1"),
        (blank("some other words"), "page 1 would look otherwise"),
        (blank("some words", 220), "page 1 would look otherwise"),
    ],
)
def test_what_is_another_document_is_not_taken(
    after: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "does not say" not in reason:
        monkeypatch.setattr(original_pdfa, "problems", lambda _: iter(()))
    with pytest.raises(DocumentError, match=reason):
        original_pdfa.check(blank("some words"), after)


def test_letters_that_are_lost_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_pdfa, "problems", lambda _: iter(()))
    monkeypatch.setattr(original_pdfa, "MAX_CELL_CHANGE", 255)
    original_pdfa.check(blank("a" * 60, 900), blank("a" * 59, 900))
    with pytest.raises(DocumentError, match="page 1 would have other letters"):
        original_pdfa.check(blank("a" * 60, 900), blank("a" * 56, 900))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 3", "exit code 3"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("sleep 60 & sleep 60", "took longer than 0.5 s"),
        ("head -c 3000000 /dev/zero > made.pdf", "more than 1 MB"),
        ("ln -s /etc/passwd made.pdf", "exit code 0"),
        (
            "touch made.pdf; echo Widths differ, reverting to normal PDF output!",
            "makes no PDF/A of it: Widths",
        ),
        ("echo no PDF > made.pdf", "it cannot be opened"),
    ],
)
def test_a_program_that_fails_leaves_pictures(
    archived: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(ghostscript, "program", lambda: str(program))
    monkeypatch.setattr(ghostscript, "Bounds", lambda *_: Bounds(0.5, 500, 1))
    monkeypatch.setattr(ghostscript, "FILE_MB", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {path.name for path in tmp_path.iterdir()}
    start = time.monotonic()
    made, notes = archived(scan())
    assert time.monotonic() - start < 20
    assert len(notes) == 1 and reason in notes[0], notes
    assert broken_rules(made) == [] and all("needle" in text for text in texts(made))
    assert {path.name for path in tmp_path.iterdir()} - before <= {"source.pdf", "made.pdf", "a"}, (
        "nothing is left"
    )


def test_without_the_program_it_is_said_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ghostscript, "program", lambda: "")
    with pytest.raises(OutputError, match="apt install ghostscript, or set output.searchable_kind"):
        ghostscript.require()
