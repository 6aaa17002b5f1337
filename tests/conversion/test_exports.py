"""Exports at the end of a run: made once, again when something changed, gone when no longer true."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest

from ocr_engine.errors import ExitCode
from ocr_engine.formats import EXPORTS
from ocr_engine.outputs.exports import ghostscript
from tests import realistic
from tests.conversion.test_pipeline import REPLAY, ROOT, SAMPLES, make_pdf, run_pdf
from tests.pdfa_rules import broken_rules

ALL = ("review", "html", "searchable_pdf", "alto", "hocr", "places", "docling", "jsonl", "parquet", "zip")
EXPORTED = ("review", "html", "searchable_pdf", "alto", "hocr", "places", "docling", "jsonl")
FILES = (
    "survey/review/index.html", "survey/survey.html", "survey/survey.pdf", "survey/alto/0001.xml",
    "survey/survey.places.jsonl", "documents.jsonl", "pages.parquet", "outputs.zip",
)  # fmt: skip


def keys(*names: str) -> list[str]:
    return [word for name in names for word in ("--set", f"output.{name}=true")]


def stamps(output: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (output / "exports.jsonl").read_text().splitlines()]


def times(output: Path) -> dict[str, int]:
    return {name: (output / name).stat().st_mtime_ns for name in FILES}


def test_all_exports_of_a_realistic_document(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path, stored = realistic.make(tmp_path)
    out = tmp_path / "out"
    command = (path.parent, "--output", out, "--set", f"engine.replay_from={stored}", *keys(*ALL))
    assert run_pdf(*command) == ExitCode.OK
    before = times(out)
    assert len(stamps(out)) == len(ALL)
    assert run_pdf(*command) == ExitCode.OK
    assert times(out) == before and len(stamps(out)) == len(ALL)
    changed = {FILES[1], "survey/alto/0001.xml"}
    (out / FILES[1]).unlink()
    (out / "survey/alto/0001.xml").write_text("edited")
    assert run_pdf(*command) == ExitCode.OK
    assert {name for name, when in times(out).items() if before[name] != when} == changed
    assert run_pdf(*command, "--set", "text.tables=markdown") == ExitCode.OK
    assert all(when > before[name] for name, when in times(out).items())
    assert "| Meadow" not in (out / "survey/survey.html").read_text()


def test_two_runs_export_the_same_bytes(tmp_path: Path) -> None:
    path, stored = realistic.make(tmp_path)
    found = []
    for name in ("one", "two"):
        out = tmp_path / name / "out"
        # Processes of their own: a random order of hashes would differ between them.
        words = [path, "--output", out, "--set", f"engine.replay_from={stored}", *REPLAY, *keys(*EXPORTED)]
        subprocess.run([sys.executable, ROOT / "batch_pdf.py", *words], check=True)
        files = [*(out / "survey").rglob("*"), out / "documents.jsonl"]
        found.append({str(file.relative_to(out)): file.read_bytes() for file in files if file.is_file()})
    assert [name for name in found[0] if found[0][name] != found[1].get(name)] == []
    assert found[0].keys() == found[1].keys() and "survey/review/0005.html" in found[0]


def test_only_the_document_that_changed_is_exported_again(tmp_path: Path) -> None:
    make_pdf(tmp_path / "in/a.pdf", 1)
    second = make_pdf(tmp_path / "in/b.pdf", 1)
    command = (tmp_path / "in", "--output", tmp_path / "out", *keys("html", "jsonl"))
    assert run_pdf(*command) == ExitCode.OK
    make_pdf(second, 2, "other")
    assert run_pdf(*command) == ExitCode.OK
    assert [(row["folder"], row["export"]) for row in stamps(tmp_path / "out")] == [
        ("a", "html"), ("b", "html"), ("", "jsonl"), ("b", "html"), ("", "jsonl"),
    ]  # fmt: skip
    lines = (tmp_path / "out/documents.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["pages"]) for line in lines] == [1, 2]


def test_an_export_that_is_no_longer_true_is_taken_away(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "in/a.pdf", 1)
    command = (tmp_path / "in", "--output", tmp_path / "out")
    assert run_pdf(*command, *keys("html", "review", "jsonl")) == ExitCode.OK
    assert run_pdf(*command) == ExitCode.OK
    assert (tmp_path / "out/a/a.html").exists()  # switched off, but still what the pages are
    make_pdf(path, 1, "other")
    assert run_pdf(*command) == ExitCode.OK
    left = {str(found.relative_to(tmp_path / "out")) for found in (tmp_path / "out").rglob("*")}
    assert left.isdisjoint({"a/a.html", "a/review", "documents.jsonl"})


def test_exports_come_later_without_reading_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    monkeypatch.setattr("ocr_engine.engine.replay.ReplayEngine.generate", None)
    assert run_pdf(SAMPLES, "--output", tmp_path, *keys("searchable_pdf", "zip")) == ExitCode.OK
    assert (tmp_path / "handbook/handbook.pdf").is_file() and (tmp_path / "outputs.zip").is_file()


def test_an_export_that_fails_is_one_line_and_the_rest_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    capsys.readouterr()
    (tmp_path / "handbook/handbook.html").mkdir(parents=True)
    assert run_pdf(SAMPLES, "--output", tmp_path, *keys("html", "jsonl")) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "output.html" in error and "a folder stands where a file is needed" in error
    assert "Traceback" not in error and error.count("\n") == 1
    assert (tmp_path / "documents.jsonl").exists() and (tmp_path / "report.html").exists()


def test_an_export_that_dies_or_hangs_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ocr_engine.conversion import export_workers

    for key, bad in (("html", "die"), ("review", "hang")):
        monkeypatch.setitem(EXPORTS, key, replace(EXPORTS[key], write=f"tests.bad_exports:{bad}"))
    monkeypatch.setattr(export_workers, "BASE_TIMEOUT_S", 1.0)
    monkeypatch.setattr(export_workers, "PAGE_TIMEOUT_S", 0.0)
    assert run_pdf(SAMPLES, "--output", tmp_path, *keys("html", "review", "jsonl")) == ExitCode.USAGE
    assert "2 exports failed" in capsys.readouterr().err
    assert (tmp_path / "documents.jsonl").exists()
    monkeypatch.undo()
    assert run_pdf(SAMPLES, "--output", tmp_path, *keys("html")) == ExitCode.OK


def test_official_layout_has_no_such_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    official = ("--set", "output.layout=official")
    assert run_pdf(SAMPLES, "--output", tmp_path, *official, *keys("html")) == ExitCode.USAGE
    assert "output.html: needs output.layout: tree" in capsys.readouterr().err
    assert run_pdf(SAMPLES, "--output", tmp_path, *official, *keys("zip")) == ExitCode.OK


def test_a_missing_pyarrow_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert run_pdf(SAMPLES, "--output", tmp_path / "out", *keys("parquet")) == ExitCode.USAGE
    assert "pip install pyarrow" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_search_finds_text_where_the_source_has_it(tmp_path: Path, rotation: int) -> None:
    source = tmp_path / "in/turned.pdf"
    source.parent.mkdir()
    document = pymupdf.open()
    sheet = document.new_page(width=500, height=400)
    sheet.set_mediabox(pymupdf.Rect(-50, -30, 450, 370))
    sheet.set_cropbox(pymupdf.Rect(0, 20, 440, 380) if rotation != 90 else sheet.cropbox)
    sheet.insert_text((250, 180), "needle in a haystack", fontsize=16, rotate=rotation)
    sheet.set_rotation(rotation)
    there = (sheet.search_for("needle in a haystack")[0] * sheet.rotation_matrix).normalize()
    width, height = sheet.rect.width, sheet.rect.height
    document.save(source)
    box = [round(n / side * 999) for n, side in zip(there, (width, height) * 2, strict=True)]
    raw = tmp_path / "stored/turned/pages/0001.raw.md"
    raw.parent.mkdir(parents=True)
    raw.write_text(f"<|ref|>text<|/ref|><|det|>[{box}]<|/det|>\nneedle in a haystack\n")
    stored = ("--set", f"engine.replay_from={tmp_path / 'stored'}")
    assert run_pdf(source, "--output", tmp_path / "out", *stored, *keys("searchable_pdf")) == ExitCode.OK
    with pymupdf.open(tmp_path / "out/turned/turned.pdf") as made:
        assert made[0].rect.width == pytest.approx(width, abs=0.5)
        (found,) = made[0].search_for("needle in a haystack")
        pixels = made[0].get_pixmap(clip=found).samples
    assert abs(found.x0 - there.x0) < 3 and abs(found.x1 - there.x1) < 3
    assert abs(found.y0 - there.y0) < 8 and abs(found.y1 - there.y1) < 8
    assert min(pixels) < 100  # what is marked is the drawn text, not paper


def test_review_pages_switched_off_take_no_other_documents_results_along(tmp_path: Path) -> None:
    make_pdf(tmp_path / "in/a.pdf", 2)
    make_pdf(tmp_path / "in/a/review/b.pdf", 2)
    command = (tmp_path / "in", "--output", tmp_path / "out")
    assert run_pdf(*command, *keys("review")) == ExitCode.OK
    (kept,) = (tmp_path / "out/a").glob("review~*/b/b.md")
    (tmp_path / "out/a/review/notes.html").write_text("theirs")
    (tmp_path / "out/a/review/2024.html").write_text("theirs")
    before = {path: path.read_bytes() for path in kept.parent.rglob("pages/*.raw.md")}
    assert run_pdf(*command, "--set", "text.tables=markdown") == ExitCode.OK
    assert kept.is_file() and before and {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in (tmp_path / "out/a/review").iterdir()) == ["2024.html", "notes.html"]


def test_review_pages_of_pages_that_are_gone_go_and_nothing_else(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "in/a.pdf", 3)
    command = (tmp_path / "in", "--output", tmp_path / "out", *keys("review"))
    assert run_pdf(*command) == ExitCode.OK
    for name in ("notes.html", "2024.html", "1.html"):
        (tmp_path / "out/a/review" / name).write_text("theirs")
    make_pdf(path, 1, "other")
    assert run_pdf(*command) == ExitCode.OK
    assert sorted(path.name for path in (tmp_path / "out/a/review").iterdir()) == [
        "0001.html", "1.html", "2024.html", "index.html", "notes.html",
    ]  # fmt: skip


def test_results_of_an_earlier_version_in_a_review_folder_stay(tmp_path: Path) -> None:
    make_pdf(tmp_path / "in/a.pdf", 1)
    make_pdf(tmp_path / "in/a/review/b.pdf", 1)
    command = (tmp_path / "in", "--output", tmp_path / "out")
    assert run_pdf(*command, *keys("review")) == ExitCode.OK
    (given,) = (tmp_path / "out/a").glob("review~*/b")
    given.rename(tmp_path / "out/a/review/b")
    for name in ("journal.jsonl", "exports.jsonl"):
        path = tmp_path / "out" / name
        # Lines of then have no checksum.
        lines = re.sub(r', "crc32": "[0-9a-f]{8}"', "", path.read_text())
        path.write_text(lines.replace(given.parent.name, "review"))
    assert run_pdf(*command, "--set", "text.tables=markdown") == ExitCode.OK
    assert sorted(path.name for path in (tmp_path / "out/a/review").iterdir()) == ["b"]
    assert (tmp_path / "out/a/review/b/b.md").is_file() and not list((tmp_path / "out/a").glob("review~*/b"))


def test_a_folder_in_place_of_an_export_is_not_removed(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "in/a.pdf", 1)
    command = (tmp_path / "in", "--output", tmp_path / "out")
    assert run_pdf(*command, *keys("html")) == ExitCode.OK
    (tmp_path / "out/a/a.html").unlink()
    (tmp_path / "out/a/a.html").mkdir()
    (tmp_path / "out/a/a.html/mine").write_text("theirs")
    make_pdf(path, 1, "other")
    assert run_pdf(*command) == ExitCode.OK
    assert (tmp_path / "out/a/a.html/mine").read_text() == "theirs"


def test_chunks_of_a_run_hold_the_document_and_link_to_its_review_pages(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path, stored = realistic.make(tmp_path)
    out = tmp_path / "out"
    command = (path.parent, "--output", out, "--set", f"engine.replay_from={stored}")
    assert run_pdf(*command, *keys("chunks", "chunks_parquet")) == ExitCode.OK
    chunks = [json.loads(line) for line in (out / "chunks.jsonl").read_text().splitlines()]
    pages = [
        (out / "survey/pages" / file.name).read_text()
        for file in sorted((out / "survey/pages").glob("????.md"))
    ]
    letters = "".join(filter(str.isalnum, re.sub("<!--.*?-->|figures", "", "".join(pages))))
    said = "".join(filter(str.isalnum, re.sub("figures", "", "".join(chunk["text"] for chunk in chunks))))
    assert said == letters and len(chunks) > 1 and not any(chunk["review"] for chunk in chunks)
    rows = pq.read_table(out / "chunks.parquet").to_pylist()
    assert [(row["id"], row["text"]) for row in rows] == [(chunk["id"], chunk["text"]) for chunk in chunks]
    assert run_pdf(*command, *keys("chunks", "review"), "--set", "output.chunk_tokens=50") == ExitCode.OK
    again = [json.loads(line) for line in (out / "chunks.jsonl").read_text().splitlines()]
    assert len(again) > len(chunks)
    for chunk in again:
        file, _, anchor = chunk["review"].partition("#")
        assert f'id="{anchor}"' in (out / file).read_text()


def test_a_searchable_pdf_is_the_original_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_pdf(tmp_path / "in/a.pdf", 1)
    command = (source, "--output", tmp_path / "out", *keys("searchable_pdf"))
    original = ("--set", "output.searchable_kind=original")
    assert run_pdf(*command, *original) == ExitCode.OK
    made = tmp_path / "out/a/a.pdf"
    with pymupdf.open(made) as pdf:
        assert not pdf[0].get_images() and pdf[0].get_text().split()[:2] == ["page", "1"]
    before = made.stat().st_mtime_ns
    assert run_pdf(*command, *original) == ExitCode.OK
    assert made.stat().st_mtime_ns == before
    assert run_pdf(*command) == ExitCode.OK
    with pymupdf.open(made) as pdf:
        assert pdf[0].get_images()
    bad = replace(EXPORTS["searchable_pdf"], write="tests.bad_exports:die_with_original")
    monkeypatch.setitem(EXPORTS, "searchable_pdf", bad)
    assert run_pdf(*command, *original) == ExitCode.OK
    assert made.read_text() == "pictures", "what a hostile original kills is made of pictures"


def test_a_searchable_pdf_is_for_archives_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_pdf(tmp_path / "in/a.pdf", 1)
    command = (source, "--output", tmp_path / "out", *keys("searchable_pdf", "searchable_pdfa"))
    original = ("--set", "output.searchable_kind=original")
    made = tmp_path / "out/a/a.pdf"
    assert run_pdf(*command) == ExitCode.OK
    with pymupdf.open(made) as pdf:
        assert pdf[0].get_images() and broken_rules(made) == []
    monkeypatch.setattr(ghostscript, "program", lambda: "")
    assert run_pdf(*command, *original) == ExitCode.USAGE
    assert "needs Ghostscript, which is not installed; apt install ghostscript" in capsys.readouterr().err
    monkeypatch.undo()
    if not ghostscript.program():
        pytest.skip("needs ghostscript")
    assert run_pdf(*command, *original, "--set", "render.worker_memory_mb=600") == ExitCode.OK
    with pymupdf.open(made) as pdf:
        assert not pdf[0].get_images() and broken_rules(made) == []
        assert pdf[0].get_text().split()[:2] == ["page", "1"]
