"""Runs that read dense tables alone: stored answers with files, counts and report; and nano on vLLM."""

import json
from pathlib import Path

import pymupdf
import pytest

from ocr_engine.cli.entries import batch_pdf
from ocr_engine.errors import ExitCode
from tests.conversion.test_pipeline import REPLAY, ROOT, rows
from tests.forked_runs import ForkedRun
from tests.text.test_better_table import GRID, html

AUTO = ("--mode", "base", "--set", "quality.dense_tables=auto", "--set", "quality.retries=[]")
BOX = [100, 100, 420, 180]
RUN_S = 240


def dense_pdf(path: Path) -> Path:
    """An A4 page with a table in type of 4 points, which base shows 5 px high."""
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    for at, row in enumerate(GRID * 4):
        for over, cell in enumerate(row):
            page.insert_text((65 + 60 * over, 92 + 5 * at), cell, fontsize=4)
    document.save(path)
    return path


def test_the_better_table_is_written_counted_shown_and_kept(tmp_path: Path) -> None:
    stored = tmp_path / "stored/a"
    for folder in ("pages", "tables"):
        (stored / folder).mkdir(parents=True)
    rows_read = [*GRID * 4]
    first = html([*rows_read[:-1], ["2O24", "1,68O", "6O %"]])
    (stored / "pages/0001.raw.md").write_text(f"<|ref|>table<|/ref|><|det|>[{BOX}]<|/det|>\n{first}\n")
    (stored / "tables/0001-1.raw.md").write_text(html(rows_read))
    options = ("--set", f"engine.replay_from={stored.parent}", "--set", "text_layer.repair=off")
    command = [str(dense_pdf(tmp_path / "a.pdf")), "--output", str(tmp_path / "out"), *REPLAY, *options]
    assert batch_pdf([*command, *AUTO]) == ExitCode.OK
    out = tmp_path / "out"
    assert (out / "a/pages/0001.md").read_text().strip() == html(rows_read)
    assert html(rows_read) in (out / "a/pages/0001.raw.md").read_text()
    record = json.loads((out / "a/pages.jsonl").read_text())
    [done] = record["table_readings"]
    assert done["replaced"] and done["dpi"] > 144 and done["box"] == BOX
    counts = json.loads((out / "run.json").read_text())["counts"]
    assert (counts["tables_again"], counts["tables_replaced"]) == (1, 1)
    assert rows(out)[0]["tables_replaced"] == 1 and rows(out)[0]["seconds"]["tables"] >= 0
    assert "dense tables read again alone <b>1</b>" in (out / "report.html").read_text()
    # The same command has nothing to do; what is written otherwise keeps the table and asks for nothing.
    before = (out / "a/pages.jsonl").read_bytes()
    assert batch_pdf([*command, *AUTO]) == ExitCode.OK and (out / "a/pages.jsonl").read_bytes() == before
    (stored / "pages/0001.raw.md").unlink()
    assert batch_pdf([*command, *AUTO, "--set", "text.tables=markdown"]) == ExitCode.OK
    assert "| 2024 | 1,680 | 60 % |" in (out / "a/pages/0001.md").read_text().splitlines()[-1]


def test_nano_reads_a_dense_table_alone_on_vllm(tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="needs vllm")
    handbook = str(ROOT / "samples/handbook.pdf")
    output = tmp_path / "out"
    command = [handbook, "--config", str(ROOT / "config.yaml"), "--output", output, "--quiet"]
    options = ("--pages", "3", "--model", "nano", "--mode", "small", "--set", "quality.dense_tables=auto")
    assert ForkedRun([*command, *options], tmp_path / "stderr").wait(RUN_S) == ExitCode.OK
    record = json.loads((output / "handbook/pages.jsonl").read_text())
    [done] = record["table_readings"]
    assert done["why"] == "type of 14.0 pt by the text layer: 11 px in small, 24 px alone"
    assert record["status"] == done["status"] == "done" and "words of the text layer" in done["reason"]
    assert done["text_tokens"] > 0 and done["vision_tokens"] == 111
    assert "<table>" in (output / "handbook/pages/0003.md").read_text()
