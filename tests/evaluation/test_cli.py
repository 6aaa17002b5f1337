"""eval_batch.py from arguments to files, on two hand-made pages."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.benchmark.cli import main

TEXT = "The quick brown fox jumps over the lazy dog"


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    pages = [page("one.pdf_1.jpg", TEXT), page("two.jpg", "Another page with other words")]
    (tmp_path / "gt.json").write_text(json.dumps(pages))
    (tmp_path / "good").mkdir()
    (tmp_path / "good/one.pdf_1.md").write_text(TEXT)
    (tmp_path / "good/two.jpg.md").write_text("Another page with other words")
    (tmp_path / "half").mkdir()
    (tmp_path / "half/one.pdf_1.md").write_text(TEXT + " =cmd| <b>&" + " again and again" * 40)
    (tmp_path / "half/stranger.md").write_text("x")
    return tmp_path


def page(name: str, text: str) -> dict[str, Any]:
    box = {"anno_id": 1, "order": 1, "category_type": "text_block", "text": text}
    attributes = {"language": "english", "special_issue": ["watermark", "table_merge"]}
    info = {"image_path": f"images/{name}", "page_attribute": attributes}
    return {"page_info": info, "layout_dets": [box], "extra": {"relation": []}}


def run(folder: Path, *options: str, predictions: str = "good") -> int:
    where = ["--ground-truth", str(folder / "gt.json"), "--predictions", str(folder / predictions)]
    return main(["--benchmark", "omnidocbench", *where, "--quiet", *options])


def test_the_json_file(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = benchmark / "new/out.json"
    assert run(benchmark, "--json", str(out)) == 0
    found = json.loads(out.read_text())
    assert found["text_edit"] == found["reading_order_edit"] == 0.0
    assert found["table_teds"] is None
    assert found["overall"] is None
    assert found["pages_missing"] == 0
    assert found["per_page"]["two.jpg"] == {"text_edit": 0.0, "reading_order_edit": 0.0}
    pages = found["elements"]["text_block"]["page"]["Edit_dist"]
    assert pages == {"ALL": 0.0, "language: english": 0.0, "watermark": 0.0}
    assert "| good" in capsys.readouterr().out


def test_missing_looping_and_unused_predictions_are_counted(benchmark: Path) -> None:
    out = benchmark / "out.json"
    assert run(benchmark, "--json", str(out), predictions="half") == 0
    found = json.loads(out.read_text())
    assert (found["pages_missing"], found["pages_looping"]) == (1, 1)
    assert found["page_lists"]["missing"] == ["two.jpg"]
    assert found["unused_prediction_files"] == ["stranger.md"]
    assert found["strict"]["text_edit"] > found["text_edit"]


def test_several_runs_are_compared(benchmark: Path) -> None:
    files = {name: benchmark / f"out.{name}" for name in ("json", "csv", "html")}
    options = [text for name, path in files.items() for text in (f"--{name}", str(path))]
    labelled = ["--predictions", f"<i>={benchmark / 'half'}", str(benchmark / "good")]
    assert run(benchmark, *options, *labelled) == 0
    assert set(json.loads(files["json"].read_text())["runs"]) == {"<i>", "good"}
    assert "<i>" not in files["html"].read_text()
    rows = list(csv.reader(files["csv"].read_text().splitlines()))
    assert ["good", "0.0"] in [row[:2] for row in rows]


def test_official_files_and_cdm_go_out_and_come_back(benchmark: Path) -> None:
    gt = json.loads((benchmark / "gt.json").read_text())
    gt[0]["layout_dets"].append(
        {"anno_id": 2, "order": 2, "category_type": "equation_isolated", "latex": "$$x=1$$"}
    )
    gt[0]["layout_dets"].append(
        {"anno_id": 3, "order": 3, "category_type": "table", "html": "<table><tr><td>a</td></tr></table>"}
    )
    (benchmark / "gt.json").write_text(json.dumps(gt))
    markdown = f"{TEXT}\n\n$$x=2$$\n\n<table><tr><td>a</td></tr></table>"
    (benchmark / "good/one.pdf_1.md").write_text(markdown)
    assert run(benchmark, "--official-dir", str(benchmark / "result")) == 0
    export = json.loads((benchmark / "result/good_quick_match_display_formula_formula.json").read_text())
    assert [(row["img_id"], row["img_name"], row["gt"]) for row in export] == [("0", "one.pdf_1.jpg", "x=1")]
    scored = benchmark / "cdm.json"
    scored.write_text(json.dumps([{**export[0], "metric": {"CDM": 0.8}}]))
    out = benchmark / "out.json"
    assert run(benchmark, "--cdm", str(scored), "--json", str(out)) == 0
    assert json.loads(out.read_text())["overall"] == pytest.approx((100 + 100 + 80) / 3)
    scored.write_text(json.dumps({"mean_score": 0.5, "details": {"0": {"F1_score": 0.5}}}))
    assert run(benchmark, "--cdm", str(scored), "--json", str(out)) == 0
    assert json.loads(out.read_text())["formula_cdm"] == 0.5
    scored.write_text(json.dumps({"details": {"3": {"F1_score": 0.5}}}))
    assert run(benchmark, "--cdm", str(scored)) == 3
    scored.write_text("[]")
    assert run(benchmark, "--cdm", str(scored)) == 3


def test_a_latex_table_is_scored_as_missing_in_v1_5(benchmark: Path) -> None:
    gt = json.loads((benchmark / "gt.json").read_text())
    html = "<table><tr><td>a</td></tr></table>"
    gt[0]["layout_dets"].append(
        {"anno_id": 2, "order": 2, "category_type": "table", "html": html, "latex": "x"}
    )
    (benchmark / "gt.json").write_text(json.dumps(gt))
    (benchmark / "good/one.pdf_1.md").write_text(TEXT + "\n\n\\begin{tabular}{c}a\\end{tabular}\n")
    out = benchmark / "out.json"
    assert run(benchmark, "--json", str(out)) == 0
    found = json.loads(out.read_text())
    assert (found["table_teds"], found["table_edit"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--version", "2"], 2, "known: 1.0, 1.5"),
        (["--filter", "language"], 2, "KEY=VALUE"),
        (["--workers", "0"], 2, "at least 1"),
        (["--ground-truth", "missing.json"], 3, "missing.json"),
        (["--filter", "language=klingon"], 3, "no page to score is left by --filter; language is one of"),
        (["--filter", "tongue=english"], 3, "attributes are "),
        (["--predictions", "nowhere"], 2, "nowhere"),
        (["--json", "/proc/no/out.json"], 2, "cannot write"),
    ],
)
def test_input_errors_say_what_is_wrong(
    benchmark: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    assert run(benchmark, *options) == code
    assert words in capsys.readouterr().err


def test_predictions_of_other_names_are_refused(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (benchmark / "other").mkdir()
    (benchmark / "other/page1.md").write_text("x")
    assert run(benchmark, predictions="other") == 3
    message = capsys.readouterr().err
    assert "one.pdf_1.md" in message
    assert "page1.md" in message


def test_bytes_that_are_not_text_and_huge_files_do_not_end_the_run(benchmark: Path) -> None:
    (benchmark / "good/two.jpg.md").write_bytes(b"\xff\xfe" + b"x" * (17 << 20))
    out = benchmark / "out.json"
    assert run(benchmark, "--json", str(out)) == 0
    assert json.loads(out.read_text())["page_lists"]["failed"] == {"two.jpg": "larger than 16 MiB"}


def test_every_benchmark_has_an_entry(tmp_path: Path) -> None:
    for name in ("fox", "olmocr-bench"):
        where = ["--ground-truth", str(tmp_path / "gt.json"), "--predictions", str(tmp_path)]
        assert main(["--benchmark", name, *where, "--quiet"]) == 3


def test_help_loads_no_benchmark_and_every_name_has_one() -> None:
    from ocr_engine.evaluation.benchmarks import BENCHMARKS
    from ocr_engine.evaluation.request import BENCHMARK_NAMES

    assert tuple(BENCHMARKS) == BENCHMARK_NAMES
    code = "import sys, ocr_engine.benchmark.cli; print('scipy' in sys.modules or 'lxml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
