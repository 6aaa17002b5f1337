"""Whole runs over a born-digital page: what its own text mends, written anew and healed without the model."""

import json
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from ocr_engine.cli.entries import batch_pdf
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.errors import ExitCode

WRITTEN = "Published on 2025-02-18 by the group, and read by GetItemAttributes in the end"
READ = "Published on 2025-02-18 by the gro up, and read by Getltem Attributes in the end"
LINES = (
    "The first of seven lines that the page holds of its text",
    "and the second, which is read as it stands on the page.",
)
RAW = f"<|ref|>text<|/ref|><|det|>[[60, 60, 990, 200]]<|/det|>\n{READ}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    document = pymupdf.open()
    document.new_page(width=600, height=200).insert_text((50, 30), WRITTEN, fontsize=12)
    document.save(tmp_path / "a.pdf")
    (tmp_path / "raw/a/pages").mkdir(parents=True)
    (tmp_path / "raw/a/pages/0001.raw.md").write_text(RAW)
    return tmp_path


def run(folder: Path, *options: str, output: str = "out") -> dict[str, Any]:
    keys = ("engine.backend=replay", f"engine.replay_from={folder / 'raw'}", "render.workers=1", *options)
    arguments = [str(folder / "a.pdf"), "--output", str(folder / output)]
    for key in keys:
        arguments += ["--set", key]
    assert batch_pdf(arguments) == ExitCode.OK
    found: dict[str, Any] = json.loads((folder / output / "a/pages.jsonl").read_text())
    return found


def markdown(folder: Path) -> str:
    return (folder / "out/a/pages/0001.md").read_text().strip()


def test_a_page_is_mended_and_each_change_is_recorded(folder: Path) -> None:
    record = run(folder)
    assert markdown(folder) == WRITTEN
    assert (folder / "out/a/pages/0001.raw.md").read_text() == RAW
    assert {one["reason"] for one in record["text_repairs"]} >= {"no blank on the page"}
    assert record["agreement"]["layer"] == "born-digital" and record["agreement"]["blocks"] == ["few"]
    assert record["repairs"] == 0 and not record["suspect"]


def test_a_changed_key_writes_anew_without_the_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mended = run(folder)
    before = (folder / "out/a/pages.jsonl").read_bytes()

    async def refuse(*_: object) -> None:
        raise AssertionError("the model was asked")

    monkeypatch.setattr(ReplayEngine, "generate", refuse)
    record = run(folder, "text_layer.repair=off")
    assert markdown(folder) == READ and record["text_repairs"] == []
    assert record["agreement"] == mended["agreement"]
    record = run(folder, "text_layer.repair=spacing")
    assert markdown(folder) == READ.replace("gro up", "group").replace("ltem A", "ltemA")
    run(folder)
    assert (folder / "out/a/pages.jsonl").read_bytes() == before


def test_a_lost_record_is_made_again_with_its_repairs(folder: Path) -> None:
    run(folder)
    records = folder / "out/a/pages.jsonl"
    before = records.read_bytes()
    records.unlink()
    (folder / "raw/a/pages/0001.raw.md").write_text("never read again")
    run(folder)
    assert records.read_bytes() == before


def test_records_say_where_lines_stand_for_what_asks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lines" not in run(folder)["blocks"][0]

    async def refuse(*_: object) -> None:
        raise AssertionError("the model was asked")

    monkeypatch.setattr(ReplayEngine, "generate", refuse)
    (line,) = run(folder, "output.searchable_pdf=true")["blocks"][0]["lines"]
    assert line["words"] == WRITTEN.split() and len(line["sides"]) == 2 * len(line["words"])
    with pymupdf.open(folder / "a.pdf") as given, pymupdf.open(folder / "out/a/a.pdf") as ours:
        for word in ("2025-02-18", "GetItemAttributes"):
            (there,), (here,) = given[0].search_for(word), ours[0].search_for(word)
            assert abs(there.x0 - here.x0) < 0.5 and abs(there.x1 - here.x1) < 0.5 and there.intersects(here)
    records = folder / "out/a/pages.jsonl"
    before = records.read_bytes()
    records.unlink()
    run(folder, "output.searchable_pdf=true")
    assert records.read_bytes() == before
    run(folder, "output.searchable_pdf=true", "text_layer.repair=off")
    with pymupdf.open(folder / "out/a/a.pdf") as ours:
        assert "gro up" in ours[0].get_text(), "an export of other text is made anew"


def test_what_is_still_unlike_the_page_is_in_report_and_review(folder: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=600, height=200)
    for at, line in enumerate(LINES):
        page.insert_text((50, 22 + 14 * at), line, fontsize=12)
    document.save(folder / "a.pdf")
    read = " ".join(LINES).replace("seven", "<script>alphabet</script>")
    (folder / "raw/a/pages/0001.raw.md").write_text(RAW.replace(READ, read))
    assert "differences" not in run(folder, "text_layer.repair=off")
    report = (folder / "out/report.html").read_text()
    assert "<ins>seven</ins>" in report and report.count('<div class="group unlike">\n<img src="data:') == 1
    (one,) = run(folder, "text_layer.repair=off", "output.review=true")["differences"]
    assert one == {"block": 0, "text": "\n".join(LINES)}
    review = (folder / "out/a/review/0001.html").read_text()
    assert "<mark>differs</mark>" in review and "<ins>seven</ins>" in review
    assert "<script>alphabet" not in review + report
    records = folder / "out/a/pages.jsonl"
    before = records.read_bytes()
    records.unlink()
    run(folder, "text_layer.repair=off", "output.review=true")
    assert records.read_bytes() == before


def test_paragraphs_are_joined_by_the_lines_of_both_pages(folder: Path) -> None:
    pages = (
        ("All of these lines are as wide as the column is", "and the second one ends with the name of the"),
        ("Bluetooth group that wrote it down in the end", "and of nobody else, as far as the page tells."),
    )
    document = pymupdf.open()
    for number, lines in enumerate(pages, 1):
        page = document.new_page(width=600, height=200)
        for at, line in enumerate(lines):
            page.insert_text((50, 22 + 14 * at), line, fontsize=12, fontname="cour")
        raw = RAW.replace(READ, " ".join(lines))
        (folder / f"raw/a/pages/000{number}.raw.md").write_text(raw)
    document.save(folder / "a.pdf")
    keys = (f"engine.replay_from={folder / 'raw'}", "engine.backend=replay", "render.workers=1")
    arguments = [str(folder / "a.pdf"), "--output", str(folder / "out")]
    for key in (*keys, "text.join_paragraphs=true"):
        arguments += ["--set", key]
    assert batch_pdf(arguments) == ExitCode.OK
    merged = (folder / "out/a/a.md").read_text()
    assert "with the name of the Bluetooth group that wrote it" in merged
    assert (folder / "out/a/pages/0002.md").read_text().startswith("Bluetooth"), "page files stay as read"


@pytest.mark.parametrize("options", [("output.layout=official",), ("preset=pdf",)])
def test_official_layouts_hold_the_models_own_text(folder: Path, options: tuple[str, ...]) -> None:
    keys = ("engine.backend=replay", f"engine.replay_from={folder / 'raw'}", *options)
    arguments = [str(folder / "a.pdf"), "--output", str(folder / "out")]
    for key in keys:
        arguments += ["--set", key]
    assert batch_pdf(arguments) == ExitCode.OK
    written = [path.read_text() for path in (folder / "out").rglob("*") if path.suffix in (".mmd", ".jsonl")]
    assert any("the gro up" in text for text in written)
    assert not any("the group" in text for text in written)
