"""Pass rates of one or more runs as tables and JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ocr_engine.evaluation.olmocr_bench.evaluate import CaseResult, PassRates, rates
from ocr_engine.evaluation.report import Cell, Report, Table

_NOT_RUN = (
    "Tests that were not run (math without a browser to render it: --katex) count in no rate: scores with "
    "any of them are not the benchmark's official ones."
)


def report(runs: Sequence[tuple[str, Sequence[CaseResult]]]) -> Report:
    """Tables over labelled runs of the same tests."""
    rated = [(label, results, rates(results)) for label, results in runs]
    found = {label: _details(results, rate) for label, results, rate in rated}
    details = next(iter(found.values())) if len(found) == 1 else {"runs": found}
    tables = [
        _overall([(label, rate) for label, _, rate in rated]),
        *(_groups(label, rate) for label, _, rate in rated),
    ]
    notes = [_NOT_RUN] if any(rate.not_run for _, _, rate in rated) else []
    return Report("olmOCR-bench", tables, {"benchmark": "olmocr-bench", **details}, notes)


def _details(results: Sequence[CaseResult], rate: PassRates) -> dict[str, Any]:
    return {
        **asdict(rate),
        "tests": len(results),
        "is_official": not rate.not_run,
        "results": {
            r.case.id: "not run" if r.share is None else "passed" if r.passed else "failed" for r in results
        },
    }


def _overall(rated: Sequence[tuple[str, PassRates]]) -> Table:
    rows: list[list[Cell]] = [
        [label, rate.overall, *rate.interval, rate.not_run, len(rate.missing_pages)] for label, rate in rated
    ]
    columns = ("predictions", "score", "95% from", "95% to", "tests not run", "pages missing")
    return Table("Mean of the files' pass rates", columns, rows)


def _groups(label: str, rate: PassRates) -> Table:
    rows: list[list[Cell]] = [[group, score] for group, score in rate.by_group.items()]
    rows += [[f"type {kind}", f"{passed}/{total}"] for kind, (passed, total) in rate.by_type.items()]
    return Table(label, ("tests", "passed"), rows)
