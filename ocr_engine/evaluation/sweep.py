"""Runs that the engine made, side by side: score against what it cost, as a table and as plots."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ocr_engine.evaluation.plots import Axes, Series, draw
from ocr_engine.evaluation.report import Cell, Report, Table
from ocr_engine.evaluation.request import MadePredictions, Run
from ocr_engine.records import PageStatus

RATES = (*(status.value for status in PageStatus if status is not PageStatus.DONE), "no input")
_HEAD = ("vision tokens", "text tokens", "pages/s", "pages", "done")
_SPEED = (
    "Pages a second are of this machine and model, over all sessions of a run, without the engine's start."
)


@dataclass(frozen=True, slots=True)
class Score:
    """The number that stands for a run in the sweep."""

    name: str
    by_label: Mapping[str, float | None]


def with_sweep(report: Report, score: Score, runs: Sequence[Run]) -> Report:
    """`report` with the sweep's table first and its plots last; as it is where no run was made here."""
    made = [(run.label, run.made) for run in runs if run.made is not None]
    if not made:
        return report
    title = "Modes: " + score.name + " against what it costs"
    columns = ("run", "mode", score.name, *_HEAD, *(f"{status} rate" for status in RATES))
    table = Table(title, columns, [_row(label, score, one) for label, one in made])
    return replace(
        report,
        tables=[table, *report.tables],
        details={**report.details, "made": {label: asdict(one) for label, one in made}},
        notes=[*report.notes, _SPEED],
        plots={**report.plots, **_plots(score, made)},
    )


def _row(label: str, score: Score, made: MadePredictions) -> list[Cell]:
    shares = [made.statuses.get(status, 0) / made.pages if made.pages else None for status in RATES]
    head = (made.vision_tokens, made.text_tokens, made.pages_per_s, made.pages, made.statuses.get("done", 0))
    return [label, made.mode, score.by_label.get(label), *head, *shares]


def _plots(score: Score, made: Sequence[tuple[str, MadePredictions]]) -> dict[str, bytes]:
    costs: dict[str, Any] = {
        "vision tokens a page": [one.vision_tokens for _, one in made],
        "pages a second": [one.pages_per_s for _, one in made],
    }
    plots: dict[str, bytes] = {}
    for name, values in costs.items():
        points: list[tuple[Any, Any, Any]] = [
            (x, y, label)
            for x, (label, _) in zip(values, made, strict=True)
            if x is not None and (y := score.by_label.get(label)) is not None
        ]
        if points:
            title = f"{score.name} against {name}"
            xs, ys, labels = ([point[i] for point in points] for i in range(3))
            plots[title] = draw(Axes(title, name, score.name, line=False), [Series("runs", xs, ys, labels)])
    return plots
