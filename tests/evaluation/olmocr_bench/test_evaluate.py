import json
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.errors import InputError, UsageError
from ocr_engine.evaluation.olmocr_bench import summary
from ocr_engine.evaluation.olmocr_bench.evaluate import CaseResult, evaluate, load, rates


def written(folder: Path, name: str, *cases: dict[str, Any]) -> None:
    lines = [json.dumps({"pdf": "a.pdf", "page": 1, **case}) for case in cases]
    (folder / name).write_text("\n".join(lines) + "\n")


def predicted(folder: Path, **pages: str) -> Path:
    predictions = folder / "candidate"
    predictions.mkdir(exist_ok=True)
    for name, markdown in pages.items():
        (predictions / f"{name}.md").write_text(markdown)
    return predictions


def results(folder: Path, predictions: Path, **options: Any) -> list[CaseResult]:
    return evaluate(load(folder), predictions, workers=1, quiet=True, **options)


PRESENT = {"type": "present", "text": "hello"}


def test_the_score_is_the_mean_over_files_and_baseline_is_one(tmp_path: Path) -> None:
    written(tmp_path, "one.jsonl", {"id": "1", **PRESENT}, {"id": "2", "type": "present", "text": "absent"})
    written(tmp_path, "two.jsonl", {"id": "3", **PRESENT})
    rate = rates(results(tmp_path, predicted(tmp_path, a_pg1_repeat1="hello")))
    assert rate.by_group == {"baseline": 1.0, "one.jsonl": 0.5, "two.jsonl": 1.0}
    assert rate.overall == pytest.approx(2.5 / 3)
    assert rate.by_type == {"baseline": (1, 1), "present": (2, 3)}


def test_more_than_half_of_the_repeats_must_pass(tmp_path: Path) -> None:
    written(tmp_path, "t.jsonl", {"id": "1", **PRESENT})
    half = predicted(tmp_path, a_pg1_repeat1="hello", a_pg1_repeat2="nothing")
    assert not results(tmp_path, half)[0].passed
    most = predicted(tmp_path, a_pg1_repeat3="hello")
    assert results(tmp_path, most)[0].passed


def test_what_cannot_be_rendered_counts_nowhere_and_is_counted(tmp_path: Path) -> None:
    written(tmp_path, "t.jsonl", {"id": "1", "type": "math", "math": "x=1"}, {"id": "2", **PRESENT})
    found = results(tmp_path, predicted(tmp_path, a_pg1_repeat1="hello $y$"))
    assert (rates(found).not_run, rates(found).by_group["t.jsonl"]) == (1, 1.0)
    report = summary.report([("run", found)])
    assert report.details["is_official"] is False
    assert report.details["results"]["1"] == "not run"
    assert report.notes


def test_missing_pages_stop_the_run_unless_forced(tmp_path: Path) -> None:
    written(tmp_path, "t.jsonl", {"id": "1", **PRESENT}, {"id": "2", "pdf": "d/b.pdf", **PRESENT})
    predictions = predicted(tmp_path, a_pg1_repeat1="hello")
    with pytest.raises(InputError, match=r"d/b\.pdf page 1"):
        results(tmp_path, predictions)
    found = results(tmp_path, predictions, force=True)
    assert rates(found).missing_pages == ("d/b.pdf page 1",)
    assert not found[1].passed


def test_predictions_of_other_names_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "t.jsonl", {"id": "1", **PRESENT})
    with pytest.raises(InputError, match="a_pg1_repeat1.md"):
        results(tmp_path, predicted(tmp_path, a="hello"), force=True)
    with pytest.raises(UsageError, match="nowhere"):
        results(tmp_path, tmp_path / "nowhere")


def test_predictions_are_read_from_their_folder_alone(tmp_path: Path) -> None:
    written(tmp_path, "t.jsonl", {"id": "1", **PRESENT}, {"id": "2", "pdf": "../b.pdf", **PRESENT})
    (tmp_path / "b_pg1_repeat1.md").write_text("hello")
    found = results(tmp_path, predicted(tmp_path, a_pg1_repeat1="hello"), force=True)
    assert [result.is_missing for result in found if result.case.id == "2"] == [True]


def test_tests_of_a_file_keep_its_own_baseline(tmp_path: Path) -> None:
    written(tmp_path, "t.jsonl", {"id": "1", "type": "baseline", "max_length": 0})
    assert [grouped.group for grouped in load(tmp_path)] == ["t.jsonl"]


@pytest.mark.parametrize("content", ["{", '{"id": 1}', "", '{"id":"1","pdf":"a","page":1,"type":"x"}'])
def test_broken_test_files_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"t\.jsonl"):
        load(tmp_path)


def test_an_id_is_used_once(tmp_path: Path) -> None:
    written(tmp_path, "t.jsonl", {"id": "1", **PRESENT}, {"id": "1", **PRESENT})
    with pytest.raises(InputError, match="id 1"):
        load(tmp_path)
