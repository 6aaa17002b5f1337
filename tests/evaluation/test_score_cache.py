"""Kept scores are equal to fresh ones, and are dropped when anything they depend on changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.evaluation import score_cache
from ocr_engine.evaluation.omnidocbench import official
from ocr_engine.evaluation.omnidocbench.evaluate import Evaluation, evaluate
from ocr_engine.evaluation.omnidocbench.matching import MatchOptions
from ocr_engine.evaluation.omnidocbench.protocol import V1_0, V1_5, Protocol
from ocr_engine.evaluation.report import finite

GOLDEN = Path(__file__).parent / "omnidocbench/golden/pages.json"


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    content = json.loads(GOLDEN.read_text(encoding="utf-8"))
    (tmp_path / "gt.json").write_text(json.dumps(content["ground_truth"]))
    (tmp_path / "pred").mkdir()
    for name, markdown in content["predictions"].items():
        (tmp_path / "pred" / name).write_bytes(markdown.encode())
    return tmp_path


def run(folder: Path, protocol: Protocol = V1_5) -> Evaluation:
    options, cache = MatchOptions(protocol), folder / "scores.cache"
    return evaluate(folder / "gt.json", folder / "pred", options, cache=cache, workers=1, quiet=True)


def numbers(evaluation: Evaluation) -> Any:
    rows = [official.sample_row(s) for s in evaluation.scores.text_block.samples]
    return json.dumps(finite([official.metric_result(evaluation), rows]))


def test_kept_scores_are_the_same(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = numbers(run(golden))
    monkeypatch.setattr("ocr_engine.evaluation.omnidocbench.evaluate.match_page", None)
    assert numbers(run(golden)) == first


def test_only_what_changed_is_scored_again(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocr_engine.evaluation.omnidocbench import evaluate as module

    run(golden)
    scored = []
    match_page = module.match_page

    def spy(page: Any, *rest: Any) -> Any:
        scored.append(page.image_name)
        return match_page(page, *rest)

    monkeypatch.setattr(module, "match_page", spy)
    (golden / "pred/plain.md").write_text("something else")
    changed = run(golden)
    assert scored == ["plain.jpg"]
    assert changed.scores.text_block.per_page["plain.jpg"] > 0.5
    run(golden, V1_0)
    assert len(scored) > 20


def test_new_code_or_libraries_score_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = score_cache.keys(["a", "b"])
    assert before == score_cache.keys(["a", "b"]) and before[0] != before[1]
    monkeypatch.setattr(score_cache, "_code_stamp", lambda: "other")
    assert score_cache.keys(["a"]) != before[:1]


@pytest.mark.parametrize("content", [b"", b"junk", b"\x81\xa1a\xc4\x01x", b"\xc0"])
def test_a_broken_file_counts_as_empty(golden: Path, content: bytes) -> None:
    first = numbers(run(golden))
    (golden / "scores.cache").write_bytes(content)
    assert numbers(run(golden)) == first


def test_a_result_of_another_kind_is_not_taken(tmp_path: Path) -> None:
    score_cache.ScoreCache[Any](tmp_path / "c", str).replace({"k": "text"})
    assert score_cache.ScoreCache[Any](tmp_path / "c", str).get("k") == "text"
    assert score_cache.ScoreCache[Any](tmp_path / "c", float).get("k") is None
