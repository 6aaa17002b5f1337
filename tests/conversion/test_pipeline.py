"""From files to files on the replay engine: every input accounted for, resumable, comparable."""

import csv
import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from ocr_engine.cli.entries import batch_images, batch_pdf
from ocr_engine.errors import ExitCode

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
REPLAY = (
    "--config",
    str(ROOT / "config.yaml"),
    "--quiet",
    "--set",
    "engine.backend=replay",
    "--set",
    "render.workers=1",
)


def run_pdf(*args: str | Path) -> int:
    return batch_pdf([*map(str, args), *REPLAY])


def make_pdf(path: Path, pages: int, text: str = "page") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = pymupdf.open()
    for number in range(1, pages + 1):
        document.new_page(width=200, height=300).insert_text((20, 40), f"{text} {number}")
    document.save(path)
    return path


def rows(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "journal.jsonl").read_text().splitlines()]


def tree(output: Path) -> dict[str, bytes]:
    """Every file below a document's folder: what a run promises to be the same each time."""
    top = {
        "journal.jsonl", "checksums.jsonl", "run.json", "timings.csv", "failures.csv", "report.html", ".lock",
    }  # fmt: skip
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.relative_to(output).parts[0] not in top
    }


def test_samples_become_pages_figures_a_merged_file_and_a_journal(tmp_path: Path) -> None:
    extras = ("--set", "output.overlays=true", "--set", "output.tables_csv=true")
    assert run_pdf(SAMPLES, "--output", tmp_path, *extras) == ExitCode.OK
    folder = tmp_path / "handbook"
    assert (folder / "tables/0005-1.csv").read_text() == "Block,Count\ntable,1\nfigure,1\n"
    names = set(tree(tmp_path))
    for number in range(1, 6):
        expected = {f"pages/000{number}.md", f"pages/000{number}.raw.md", f"figures/000{number}-1.jpg"}
        assert {f"handbook/{name}" for name in (*expected, f"layout/000{number}.jpg")} <= names
    merged = (folder / "handbook.md").read_text()
    assert merged.count("# A page without a model") == 5
    assert "<!-- page 5 -->" in merged and "](figures/0005-1.jpg)" in merged and "<|ref|>" not in merged
    assert "](../figures/0001-1.jpg)" in (folder / "pages/0001.md").read_text()
    records = [json.loads(line) for line in (folder / "pages.jsonl").read_text().splitlines()]
    assert [record["page"] for record in records] == [1, 2, 3, 4, 5]
    assert {record["vision_tokens"] for record in records} == {903}
    assert sorted(row["page"] for row in rows(tmp_path)) == [1, 2, 3, 4, 5]
    assert {row["status"] for row in rows(tmp_path)} == {"done"}
    effective = json.loads((tmp_path / "run.json").read_text())
    assert effective["config"]["engine"]["backend"] == "replay"
    assert len((tmp_path / "timings.csv").read_text().splitlines()) == 6


def test_a_rerun_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if "handbook" in str(path)}
    journal = (tmp_path / "journal.jsonl").read_bytes()
    monkeypatch.setattr("ocr_engine.engine.replay.ReplayEngine.generate", None)
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    assert {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if "handbook" in str(path)
    } == before
    assert (tmp_path / "journal.jsonl").read_bytes() == journal


def test_an_output_key_rewrites_from_stored_text_without_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    monkeypatch.setattr("ocr_engine.engine.replay.ReplayEngine.generate", None)
    assert (
        run_pdf(SAMPLES, "--output", tmp_path, "--set", "output.page_separator=== {page} ==") == ExitCode.OK
    )
    assert "== 4 ==" in (tmp_path / "handbook/handbook.md").read_text()


def test_a_changed_page_selection_or_mode_redoes_just_that(tmp_path: Path) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path, "--pages", "1-2") == ExitCode.OK
    assert run_pdf(SAMPLES, "--output", tmp_path, "--pages", "2-3") == ExitCode.OK
    assert [row["page"] for row in rows(tmp_path)] == [1, 2, 3]
    assert run_pdf(SAMPLES, "--output", tmp_path, "--pages", "3", "--mode", "base") == ExitCode.OK
    assert [row["page"] for row in rows(tmp_path)] == [1, 2, 3, 3]
    merged = (tmp_path / "handbook/handbook.md").read_text()
    assert [f"<!-- page {n} -->" in merged for n in range(1, 6)] == [True, True, True, False, False]


def test_a_changed_document_is_read_again(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "in/a.pdf", 2)
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out") == ExitCode.OK
    make_pdf(source, 3, "other")
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out") == ExitCode.OK
    assert sorted(row["page"] for row in rows(tmp_path / "out")) == [1, 1, 2, 2, 3]


def test_bad_inputs_are_recorded_and_do_not_stop_the_others(tmp_path: Path) -> None:
    inputs = tmp_path / "in"
    make_pdf(inputs / "good.pdf", 1)
    (inputs / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (inputs / "page.pdf").write_text("<html><body>sign in</body></html>")
    code = run_pdf(inputs, tmp_path / "missing.pdf", "--output", tmp_path / "out")
    assert code == ExitCode.PAGES_FAILED
    by_name = {Path(row["document"]).name: row for row in rows(tmp_path / "out")}
    assert set(by_name) == {"good.pdf", "broken.pdf", "page.pdf", "missing.pdf"}
    assert by_name["good.pdf"]["status"] == "done"
    for name in ("broken.pdf", "page.pdf", "missing.pdf"):
        assert by_name[name]["status"] == "failed" and by_name[name]["page"] is None
        assert by_name[name]["reason"]
    failures = (tmp_path / "out/failures.csv").read_text()
    assert "broken.pdf" in failures and "good.pdf" not in failures
    lines = len(rows(tmp_path / "out"))
    assert run_pdf(inputs, tmp_path / "missing.pdf", "--output", tmp_path / "out") == ExitCode.PAGES_FAILED
    assert len(rows(tmp_path / "out")) == lines


def test_a_failed_page_keeps_its_slot_and_is_retried_on_request(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run_pdf(SAMPLES, "--output", first) == ExitCode.OK
    raw = first / "handbook/pages/0003.raw.md"
    kept = raw.read_bytes()
    raw.unlink()
    replay = ("--output", second, "--set", f"engine.replay_from={first}")
    assert run_pdf(SAMPLES, *replay) == ExitCode.PAGES_FAILED
    merged = (second / "handbook/handbook.md").read_text()
    assert "<!-- page 3 -->" in merged and "failed" in merged
    assert run_pdf(SAMPLES, *replay) == ExitCode.PAGES_FAILED
    raw.write_bytes(kept)
    assert run_pdf(SAMPLES, *replay, "--retry", "failed") == ExitCode.OK
    assert [row["page"] for row in rows(second)].count(3) == 2
    assert tree(second)["handbook/handbook.md"] == tree(first)["handbook/handbook.md"]


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run_pdf(SAMPLES, "--output", tmp_path / name) == ExitCode.OK
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_removed_file_is_made_again(tmp_path: Path) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    before = tree(tmp_path)
    (tmp_path / "handbook/pages/0002.md").unlink()
    (tmp_path / "handbook/handbook.md").unlink()
    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    assert tree(tmp_path) == before


def test_inputs_that_would_collide_get_names_of_their_own(tmp_path: Path) -> None:
    inputs = tmp_path / "in"
    make_pdf(inputs / "report.pdf", 1)
    shutil.copy(inputs / "report.pdf", inputs / "report.PDF")
    make_pdf(inputs / "sub/report.pdf", 1)
    assert run_pdf(inputs, inputs / "sub/report.pdf", "--output", tmp_path / "out") == ExitCode.OK
    folders = {str(Path(row["outputs"][0]).parent.parent) for row in rows(tmp_path / "out")}
    assert len(folders) == 3 and {"report", "sub/report"} <= folders


def test_images_become_documents(tmp_path: Path) -> None:
    assert batch_images([str(SAMPLES), "--output", str(tmp_path), *REPLAY]) == ExitCode.OK
    assert {row["document"].rpartition("/")[2] for row in rows(tmp_path)} == {"note.png", "letter.jpg"}
    assert (tmp_path / "images/note/note.md").is_file()


def test_official_layout_writes_the_official_names(tmp_path: Path) -> None:
    assert run_pdf(SAMPLES, "--output", tmp_path, "--set", "output.layout=official") == ExitCode.OK
    names = {str(Path(name).name) for name in tree(tmp_path)}
    assert {"handbook.mmd", "handbook_det.mmd", "handbook_layouts.pdf", "0_0.jpg", "4_0.jpg"} <= names
    det = next(tmp_path.rglob("handbook_det.mmd")).read_text()
    assert det.count("<--- Page Split --->") == 5 and det.count("<|det|>") == 30


def test_a_layout_is_written_from_what_another_read_and_never_from_an_older_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(layout: str, mode: str) -> int:
        options = ("--mode", mode, "--set", f"output.layout={layout}")
        return run_pdf(SAMPLES, "--output", tmp_path, *options)

    def vision_tokens() -> set[int]:
        records = (tmp_path / "handbook/pages.jsonl").read_text().splitlines()
        return {json.loads(line)["vision_tokens"] for line in records}

    assert convert("tree", "gundam") == convert("official", "base") == ExitCode.OK
    assert vision_tokens() == {903}
    monkeypatch.setattr("ocr_engine.engine.replay.ReplayEngine.generate", None)
    assert convert("tree", "base") == ExitCode.OK
    assert vision_tokens() == {273}, "the tree's own records are of an older reading"
    for layout in ("page-folders", "official-image", "official-eval", "tree", "official"):
        assert convert(layout, "base") == ExitCode.OK
    assert (tmp_path / "handbook/page_4/result.mmd").read_text().strip()


@pytest.mark.parametrize("layout", ["official", "page-folders", "official-image", "official-eval"])
def test_every_layout_counts_characters_and_keeps_the_times_of_the_reading(
    tmp_path: Path, layout: str
) -> None:
    def timings() -> dict[str, tuple[float, int]]:
        with (tmp_path / "timings.csv").open() as file:
            return {row["page"]: (float(row["seconds"]), int(row["chars"])) for row in csv.DictReader(file)}

    assert run_pdf(SAMPLES, "--output", tmp_path) == ExitCode.OK
    read = timings()
    assert run_pdf(SAMPLES, "--output", tmp_path, "--set", f"output.layout={layout}") == ExitCode.OK
    rewritten = timings()
    for page, (seconds, chars) in read.items():
        assert rewritten[page][0] == seconds > 0
        # The same text, with links and caption tags as that layout writes them.
        assert abs(rewritten[page][1] - chars) < 60 < chars


def test_text_options_rewrite_stored_text_and_join_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = "<|det|>[[1, 2, 30, 40]]<|/det|>"
    row = "<tr><td>{}</td><td>{}</td></tr>"
    table = "<table>" + row.format("Kind", "Count")
    answers = {
        1: f"<|ref|>text<|/ref|>{box}\nA \\(x\\)\n\n"
        f"<|ref|>table<|/ref|>{box}\n{table}{row.format('Maps', 3)}</table>",
        2: f"<|ref|>table<|/ref|>{box}\n{table}{row.format('Plans', 4)}</table>\n\n"
        f"<|ref|>text<|/ref|>{box}\nThe end goes",
        3: f"<|ref|>header<|/ref|>{box}\nhead\n\n<|ref|>text<|/ref|>{box}\non here.",
    }
    stored = tmp_path / "raw/a/pages"
    stored.mkdir(parents=True)
    for number, text in answers.items():
        (stored / f"{number:04d}.raw.md").write_text(text)
    source = make_pdf(tmp_path / "a.pdf", 3)
    replay = ("--set", f"engine.replay_from={tmp_path / 'raw'}")
    run = partial(run_pdf, source, "--output", tmp_path / "out", *replay)
    assert run() == ExitCode.OK
    merged = tmp_path / "out/a/a.md"
    assert merged.read_text().count("<table>") == 2 and "\\(x\\)" in merged.read_text()
    monkeypatch.setattr("ocr_engine.engine.replay.ReplayEngine.generate", None)
    options = ("tables=markdown", "math_delimiters=dollar", "headers_footers=drop", "merge_tables=true")
    sets = [word for option in (*options, "join_paragraphs=true") for word in ("--set", f"text.{option}")]
    assert run(*sets) == ExitCode.OK
    pipes = "| Kind | Count |\n| --- | --- |\n| Maps | 3 |\n| Plans | 4 |"
    assert merged.read_text() == (
        f"<!-- page 1 -->\n\nA $x$\n\n{pipes}\n\n"
        "<!-- page 2 -->\n\nThe end goes on here.\n\n<!-- page 3 -->\n"
    )
    assert "on here" in (tmp_path / "out/a/pages/0003.md").read_text()
    assert "head" in (tmp_path / "out/a/pages.jsonl").read_text()


def test_a_looping_page_is_read_again_and_a_rerun_gives_the_same(tmp_path: Path) -> None:
    first = tmp_path / "first"
    assert run_pdf(SAMPLES, "--output", first) == ExitCode.OK
    pages = first / "handbook/pages"
    (pages / "0002.raw.md").write_text("# Start\n" + "the same line of words comes again and again\n" * 900)
    (pages / "0003.raw.md").write_text("# Other\n" + "one more line of words that never, ever ends\n" * 900)
    (pages / "0002+3.raw.md").write_text("The answer under a wider guard.")
    replay = ("--set", f"engine.replay_from={first}", "--set", "quality.text_layer_fallback=true")
    for name in ("one", "two"):
        assert run_pdf(SAMPLES, "--output", tmp_path / name, *replay) == ExitCode.PAGES_FAILED
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    records = [json.loads(line) for line in (tmp_path / "one/handbook/pages.jsonl").read_text().splitlines()]
    second, third = records[1], records[2]
    assert (second["status"], second["attempts"]) == ("done", 2)
    assert second["tried"][1]["settings"] == {"ngram_window": 1024}
    assert (third["status"], third["attempts"], third["from_text_layer"]) == ("looped", 3, True)
    merged = (tmp_path / "one/handbook/handbook.md").read_text()
    assert "The answer under a wider guard." in merged and "What was found" in merged
    assert "never, ever" not in merged and "text layer" in merged
    counts = json.loads((tmp_path / "one/run.json").read_text())["counts"]
    assert (counts["looped"], counts["retried"], counts["from_text_layer"]) == (1, 2, 1)
    rows_by_page = {row["page"]: row for row in rows(tmp_path / "one")}
    assert rows_by_page[2]["attempts"] == 2 and rows_by_page[3]["from_text_layer"] is True


def test_headings_of_a_document_are_rewritten_from_stored_text_with_the_pdfs_outline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, stored, out = make_pdf(tmp_path / "in/a.pdf", pages=3), tmp_path / "stored", tmp_path / "out"
    with pymupdf.open(path) as made:
        made.set_toc([[1, "One", 1], [2, "Two", 2], [3, "Three", 3]])
        made.saveIncr()
    (stored / "a/pages").mkdir(parents=True)
    for number, title in enumerate(("One", "Two", "Three"), 1):
        text = f"<|ref|>sub_title<|/ref|><|det|>[[10, 10, 300, 40]]<|/det|>\n## {title}\n"
        (stored / f"a/pages/{number:04d}.raw.md").write_text(text)
    command = (path.parent, "--output", out, "--set", f"engine.replay_from={stored}")
    assert run_pdf(*command, "--set", "output.jsonl=true") == ExitCode.OK
    merged = out / "a/a.md"
    assert re.findall("^#+ .*", merged.read_text(), re.M) == ["## One", "## Two", "## Three"]
    assert "bookmarks" not in (out / "a/pages.jsonl").read_text()
    for file in (stored / "a/pages").iterdir():
        file.write_text("the model was asked again")
    command += tuple(
        f"--set={key}" for key in ("text.headings=document", "text.contents=true", "output.jsonl=true")
    )
    assert run_pdf(*command) == ExitCode.OK
    assert re.findall("^#+ .*", merged.read_text(), re.M) == ["# One", "## Two", "### Three"]
    assert merged.read_text().startswith(
        "- One (1)\n  - Two (2)\n    - Three (3)\n\n<!-- page 1 -->\n\n# One\n"
    )
    assert (out / "a/pages/0003.md").read_text() == "## Three\n"
    (line,) = map(json.loads, (out / "documents.jsonl").read_text().splitlines())
    assert [entry["level"] for entry in line["outline"]] == [1, 2, 3] and "### Three" in line["text"]
    before = tree(out)
    (out / "a/pages.jsonl").unlink()
    assert run_pdf(*command) == ExitCode.OK
    assert tree(out) == before, "made again from the journal, bookmarks included"
