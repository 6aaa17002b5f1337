"""Fox scores of one or more runs as tables, JSON and the paper's figure. Scores come from `fox`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ocr_engine.errors import UsageError
from ocr_engine.evaluation import fox
from ocr_engine.evaluation.fox import PageScore
from ocr_engine.evaluation.meteor import available_mode
from ocr_engine.evaluation.metrics import mean
from ocr_engine.evaluation.plots import Axes, Series, draw
from ocr_engine.evaluation.report import Cell, Report, Table
from ocr_engine.families import MODES, queries

NOTES = (
    "Fox's script hands the model's output over as the reference: its precision is the share of the "
    "page's distinct words that the model wrote. `conventional` is the other way round.",
    "DeepSeek-OCR's paper does not define its precision; neither Fox's precision nor 1 - edit distance "
    "is known to be it.",
)


def vision_tokens(text: str | None) -> int | None:
    """A number, or that of a mode without tiles: patches only, as the paper counts (small: 100).

    Raises UsageError for anything else.
    """
    if text is None or text.isdigit():
        return int(text) if text else None
    mode = MODES.get(text)
    if mode is None or mode.crop:
        raise UsageError(f"--vision-tokens {text}: a number, or one of tiny, small, base, large")
    return queries(mode.base_size_px) ** 2


def summary(scores: Sequence[PageScore], tokens: int | None) -> dict[str, Any]:
    """Everything about one run, for JSON."""
    return {
        "pages": len(scores),
        "pages_missing": sum(page.is_missing for page in scores),
        "pages_empty": sum(page.is_empty for page in scores),
        "pages_looping": sum(page.is_looping for page in scores),
        "fox_official": asdict(fox.average([page.official for page in scores])),
        "conventional": asdict(fox.average([page.conventional for page in scores])),
        "edit_dist": mean(page.edit for page in scores),
        "precision_interval_95": fox.precision_interval(scores),
        "meteor_counts": available_mode().value,
        "vision_tokens": tokens,
        "bins": [asdict(one) for one in fox.in_bins(scores, tokens)],
        "per_page": {page.image_name: asdict(page) for page in scores},
    }


def report(runs: Sequence[tuple[str, Sequence[PageScore], int | None]]) -> Report:
    """Tables over labelled runs with their vision tokens, and precision against compression."""
    found = {label: summary(scores, tokens) for label, scores, tokens in runs}
    details = next(iter(found.values())) if len(found) == 1 else {"runs": found}
    tables = [_totals(found), *(_bins(label, one) for label, one in found.items())]
    return Report("Fox page OCR", tables, {"benchmark": "fox", **details}, NOTES, _figure(found))


_MEASURES = ("precision", "recall", "f_measure", "bleu", "meteor")


def _totals(found: Mapping[str, Mapping[str, Any]]) -> Table:
    rows: list[list[Cell]] = []
    for label, one in found.items():
        for order in ("fox_official", "conventional"):
            rows.append([label, order, *(one[order][name] for name in _MEASURES), one["edit_dist"]])
    columns = ("predictions", "arguments", *_MEASURES, "edit_dist")
    return Table("Mean over pages (missing ones as empty)", columns, rows)


def _bins(label: str, one: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [_range(b), b["pages"], b["precision"], b["one_minus_edit"], b["compression"]] for b in one["bins"]
    ]
    columns = ("text tokens", "pages", "precision (Fox)", "1 - edit", "compression")
    return Table(f"{label}: {one['vision_tokens'] or 'unknown'} vision tokens", columns, rows)


def _range(one: Mapping[str, Any]) -> str:
    return f"{one['low']}-{one['high']}" + ("" if one["in_paper"] else " (not in the paper)")


def _figure(found: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    series = []
    for label, one in found.items():
        bins = [b for b in one["bins"] if b["pages"] and one["vision_tokens"]]
        # The paper's own ranges where there is any page in them: the figure is to be held beside its.
        bins = [b for b in bins if b["in_paper"]] or bins
        if bins:
            names = [f"{b['low']}-{b['high']}" for b in bins]
            x, y = [b["compression"] for b in bins], [b["precision"] * 100 for b in bins]
            series.append(Series(label, x, y, names))
    if not series:
        return {}
    axes = Axes(
        "Fox: precision against compression", "text tokens / vision tokens", "precision, Fox's script (%)"
    )
    return {"Precision against compression": draw(axes, series)}
