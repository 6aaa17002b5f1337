"""Samples are spread and nested; runs that the engine made stand side by side."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.evaluation.report import Report
from ocr_engine.evaluation.request import MadePredictions, Request, Run
from ocr_engine.evaluation.sampling import sampled
from ocr_engine.evaluation.sweep import Score, with_sweep
from ocr_engine.evaluation.wanted import wanted_pages

MADE = MadePredictions(
    "nano", "tiny", "markdown", 4, {"done": 1, "truncated": 2, "no input": 1}, 73.0, 64, 500.0, 2.0
)


@given(st.integers(1, 200), st.integers(1, 100))
def test_a_sample_is_spread_and_held_by_twice_as_large_a_one(count: int, limit: int) -> None:
    items = list(range(count))
    chosen = sampled(items, limit)
    assert len(chosen) == len(set(chosen)) == min(count, limit)
    assert chosen == sorted(chosen)
    assert set(chosen) <= set(sampled(items, 2 * limit))
    gaps = [b - a for a, b in zip(chosen, chosen[1:], strict=False)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_the_sweep_s_table_and_plots() -> None:
    report = Report("t", [], {"x": 1})
    runs = [Run("a", Path(), MADE), Run("given", Path())]
    found = with_sweep(report, Score("score", {"a": 0.5, "given": 0.9}), runs)
    (table,) = found.tables
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert len(table.rows) == 1 and row["score"] == 0.5 and row["vision tokens"] == 73.0
    assert row["truncated rate"] == 0.5 and row["no input rate"] == 0.25 and row["looped rate"] == 0
    assert list(found.plots) == ["score against vision tokens a page", "score against pages a second"]
    assert found.details["made"]["a"]["pages_per_s"] == 2.0


def test_runs_of_others_leave_the_report_as_it_is() -> None:
    report = Report("t", [], {})
    assert with_sweep(report, Score("score", {"a": 0.5}), [Run("a", Path())]) is report


def test_a_run_without_speed_or_score_is_in_no_plot() -> None:
    made = MadePredictions("nano", "tiny", "markdown", 0)
    found = with_sweep(Report("t", [], {}), Score("score", {"a": None}), [Run("a", Path(), made)])
    assert not found.plots and found.tables[0].rows[0][2] is None


@pytest.mark.parametrize("name", ["../a.pdf", "/a.pdf", "a/../../b.pdf", "x" * 300 + ".pdf", "a\0.pdf"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    import json

    test = {"pdf": name, "page": 1, "id": "1", "type": "present", "text": "a"}
    (tmp_path / "t.jsonl").write_text(json.dumps(test))
    pages = wanted_pages("olmocr-bench", Request(tmp_path / "t.jsonl", ()))
    assert all(page.problem for page in pages) and pages[0].source == name
