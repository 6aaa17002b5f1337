"""The official evaluator's own result files for its demo pages, reproduced to the last digit."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.evaluation.omnidocbench import official, summary
from ocr_engine.evaluation.omnidocbench.evaluate import ELEMENTS, Evaluation, evaluate
from ocr_engine.evaluation.omnidocbench.matching import MatchOptions
from ocr_engine.evaluation.omnidocbench.protocol import protocol
from ocr_engine.evaluation.report import finite


@pytest.fixture(scope="module")
def demo(shared_data: Path) -> Path:
    folder = shared_data / "omnidocbench_demo"
    if not folder.is_dir():
        pytest.skip("needs the OmniDocBench demo")
    return folder


def run(demo: Path, predictions: Path, version: str) -> Evaluation:
    options = MatchOptions(protocol(version))
    return evaluate(demo / "OmniDocBench_demo.json", predictions, options, workers=1, quiet=True)


@pytest.fixture(scope="module")
def v1_5(demo: Path) -> Evaluation:
    return run(demo, demo / "pred_end2end", "1.5")


@pytest.fixture(scope="module")
def v1_0(demo: Path) -> Evaluation:
    return run(demo, demo / "pred_end2end", "1.0")


@pytest.fixture(scope="module")
def empty(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    for path in (demo / "mds").glob("*.md"):
        (folder / path.name).touch()
    return folder


def stored(path: Path) -> Any:
    return finite(json.loads(path.read_text(encoding="utf-8")))


def test_v1_5_metric_results(demo: Path, v1_5: Evaluation) -> None:
    expected = stored(demo / "official_v1_5/v1_5_end2end_quick_match_metric_result.json")
    assert finite(official.metric_result(v1_5)) == expected


@pytest.mark.parametrize("element", ELEMENTS)
def test_v1_5_samples(demo: Path, v1_5: Evaluation, element: str) -> None:
    rows = [official.sample_row(sample) for sample in getattr(v1_5.scores, element).samples]
    assert rows == stored(demo / f"official_v1_5/v1_5_samples_end2end_{element}.json")


@pytest.mark.parametrize("element", ELEMENTS)
def test_v1_5_pages(demo: Path, v1_5: Evaluation, element: str) -> None:
    per_page = getattr(v1_5.scores, element).per_page
    assert per_page == stored(demo / f"official_v1_5/v1_5_per_page_end2end_{element}.json")


def test_v1_5_of_the_annotations_themselves(demo: Path) -> None:
    evaluation = run(demo, demo / "mds", "1.5")
    expected = stored(demo / "official_v1_5/v1_5_mds_quick_match_metric_result.json")
    assert finite(official.metric_result(evaluation)) == expected


def test_v1_5_of_empty_files(demo: Path, empty: Path) -> None:
    expected = stored(demo / "official_v1_5/v1_5_empty_quick_match_metric_result.json")
    assert finite(official.metric_result(run(demo, empty, "1.5"))) == expected


def test_v1_0_files(demo: Path, v1_0: Evaluation, tmp_path: Path) -> None:
    """Every file of upstream's result folder, BLEU, METEOR and the CDM export among them."""
    official.write(tmp_path, "end2end_quick_match", v1_0)
    for path in sorted((demo / "official_v1_0").iterdir()):
        ours, theirs = stored(tmp_path / path.name), stored(path)
        if path.name.endswith("metric_result.json"):
            ours = _as_without_wordnet(ours, theirs)
        assert ours == theirs, path.name


def _as_without_wordnet(ours: Any, theirs: Any) -> Any:
    """Synonyms never matter here: the strings have no spaces, so METEOR sees one word a row."""
    meteor = ours["text_block"]["all"]["METEOR"]
    assert math.isclose(meteor["all"], theirs["text_block"]["all"]["METEOR"]["all"], rel_tol=1e-12)
    ours["text_block"]["all"]["METEOR"] = theirs["text_block"]["all"]["METEOR"]
    return ours


def test_headline_numbers(v1_5: Evaluation, v1_0: Evaluation) -> None:
    assert summary.headlines(v1_5.scores) == {
        "text_edit": 0.3513169474289845,
        "formula_edit": 0.3189450665779052,
        "table_teds": 0.8001187319330195,
        "table_teds_s": 0.9145518147659233,
        "table_edit": 0.20271906338695658,
        "reading_order_edit": 0.16133705209047675,
    }
    assert summary.headlines(v1_0.scores)["formula_edit"] == 0.4928989426720449
    assert v1_5.scores.table.overall["TEDS"] == 0.7838125415599836


def test_v1_0_of_the_annotations_themselves(demo: Path) -> None:
    numbers = summary.headlines(run(demo, demo / "mds", "1.0").scores)
    assert round(numbers["text_edit"], 4) == 0.0013
    assert round(numbers["formula_edit"], 4) == 0.0403
    assert numbers["table_teds"] == 1.0
    assert numbers["reading_order_edit"] == 0.0


def test_workers_change_nothing(demo: Path, v1_5: Evaluation) -> None:
    options = MatchOptions(protocol("1.5"))
    both = evaluate(demo / "OmniDocBench_demo.json", demo / "pred_end2end", options, workers=2, quiet=True)
    assert official.metric_result(both) == official.metric_result(v1_5)


def test_missing_predictions_are_left_out_and_counted(demo: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (demo / "mds").glob("*.md"))
    for name in names[::2]:
        (tmp_path / name).write_text((demo / "mds" / name).read_text("utf-8"), "utf-8")
    evaluation = run(demo, tmp_path, "1.5")
    assert len(evaluation.missing) == len(names) // 2
    assert evaluation.scores.text_block.page_average == 0.0
    assert evaluation.strict.text_block.page_average > 0.4
    assert len(evaluation.strict.text_block.per_page) == 18
