"""An evaluation to the numbers that are reported: OUT.json, tables and what must be said beside them."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ocr_engine.errors import InputError
from ocr_engine.evaluation.malformed import malformed
from ocr_engine.evaluation.omnidocbench import official
from ocr_engine.evaluation.omnidocbench.evaluate import ELEMENTS, Evaluation, Scores
from ocr_engine.evaluation.omnidocbench.scoring import (
    EDIT,
    TEDS,
    TEDS_STRUCTURE,
    ElementScores,
)
from ocr_engine.evaluation.report import Cell, Report, Table
from ocr_engine.log import logger

HEADLINES = (
    "text_edit",
    "formula_edit",
    "table_teds",
    "table_teds_s",
    "table_edit",
    "reading_order_edit",
)
_LANGUAGES = {"EN": "language: english", "CH": "language: simplified_chinese"}
_NO_CDM = (
    "No formula CDM: export with --official-dir, run the official CDM tool, hand its scores back with --cdm"
)


def headlines(scores: Scores) -> dict[str, float]:
    """The official page averages, unrounded; NaN where no page has such an element."""
    return {
        "text_edit": scores.text_block.page_average,
        "formula_edit": scores.display_formula.page_average,
        "table_teds": scores.table.page_metric(TEDS),
        "table_teds_s": scores.table.page_metric(TEDS_STRUCTURE),
        "table_edit": scores.table.page_average,
        "reading_order_edit": scores.reading_order.page_average,
    }


def load_cdm(path: Path, scores: ElementScores) -> float:
    """Page-averaged CDM from a file of the official tools, for the formulas of our export.

    Either `metrics_res.json` of CDM's own script, or rows in the order of the export with the score as
    `metric.CDM` or `cdm`, as the evaluator writes them. InputError unless it fits these formulas.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = _cdm_by_id(content, len(scores.samples)) if isinstance(content, dict) else _cdm_rows(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no CDM scores can be read ({malformed(error)})") from error
    if len(values) != len(scores.samples):
        raise InputError(
            f"{path}: {len(values)} CDM scores for {len(scores.samples)} formulas of these predictions"
        )
    pages: dict[str, list[float]] = {}
    for sample, value in zip(scores.samples, values, strict=True):
        pages.setdefault(sample.image_name, []).append(value)
    return sum(sum(page) / len(page) for page in pages.values()) / len(pages) if pages else math.nan


def _cdm_rows(rows: Any) -> list[float]:
    return [float(row["metric"]["CDM"] if "metric" in row else row["cdm"]) for row in rows]


def _cdm_by_id(content: Mapping[str, Any], count: int) -> list[float]:
    """Scores by `img_id`, which our export numbers. What the tool could not render has none, and counts 0."""
    found = {int(key): float(value["F1_score"]) for key, value in content["details"].items()}
    if not found or max(found) >= count:
        raise ValueError(f"formulas 0 to {count - 1} were expected, not {sorted(found)[-1:]}")
    if len(found) < count:
        logger.warning("%d of %d formulas have no CDM score: they count 0", count - len(found), count)
    return [found.get(index, 0.0) for index in range(count)]


def overall(evaluation: Evaluation, cdm: float | None) -> float | None:
    """v1.5: mean of (1 - text edit), TEDS and CDM in percent, each part rounded to 3 digits first.

    v1.0 has one for each language instead, see `by_language`. None without CDM: nothing replaces it.
    """
    if cdm is None or not evaluation.protocol.hybrid:
        return None
    numbers = headlines(evaluation.scores)
    text, teds = round(numbers["text_edit"], 3), round(numbers["table_teds"] * 100, 3)
    return ((1 - text) * 100 + teds + round(cdm * 100, 3)) / 3


def by_language(scores: Scores) -> dict[str, dict[str, float]]:
    """English and Chinese pages apart (mixed ones in neither); `overall_edit` is the mean of four."""
    found = {}
    for name, label in _LANGUAGES.items():
        edits = {
            element: getattr(scores, element).pages.get(EDIT, {}).get(label, math.nan) for element in ELEMENTS
        }
        teds = scores.table.pages.get(TEDS, {}).get(label, math.nan)
        found[name] = {**edits, "table_teds": teds, "overall_edit": sum(edits.values()) / len(edits)}
    return found


def details(evaluation: Evaluation, cdm: float | None = None, *, samples: bool = False) -> dict[str, Any]:
    """OUT.json. `samples` adds every compared pair."""
    text = evaluation.scores.text_block
    meteor, meteor_mode = official.mean_meteor(text)
    found = {
        "benchmark": "omnidocbench",
        "version": evaluation.protocol.version,
        **headlines(evaluation.scores),
        "formula_cdm": cdm,
        "overall": overall(evaluation, cdm),
        "text_bleu": official.bleu(text),
        "text_meteor": meteor,
        "text_meteor_counts": meteor_mode.value,
        **_page_counts(evaluation),
        "strict": headlines(evaluation.strict),
        "by_language": by_language(evaluation.scores),
        "elements": official.metric_result(evaluation),
        "per_page": per_page(evaluation.scores),
    }
    if samples:
        found["samples"] = {
            element: [official.sample_row(s) for s in getattr(evaluation.scores, element).samples]
            for element in ELEMENTS
        }
    return found


def _page_counts(evaluation: Evaluation) -> dict[str, Any]:
    lists: dict[str, Sequence[str]] = {
        "missing": evaluation.missing,
        "empty": evaluation.empty,
        "named_twice": evaluation.named_twice,
        "failed": [name for name, _ in evaluation.failed],
        "match_timeout": evaluation.timed_out,
        "looping": evaluation.looping,
        "cut_in_table": evaluation.cut_in_table,
    }
    counts: dict[str, Any] = {f"pages_{name}": len(names) for name, names in lists.items()}
    return {
        "pages": evaluation.pages,
        **counts,
        "page_lists": {**lists, "failed": dict(evaluation.failed)},
        "unused_prediction_files": evaluation.unused_files,
    }


def per_page(scores: Scores) -> dict[str, dict[str, float]]:
    """Scores of each page by image name; a page lacks the keys of what it does not hold."""
    pages: dict[str, dict[str, float]] = {}
    elements: Mapping[str, ElementScores] = {
        "text_edit": scores.text_block,
        "formula_edit": scores.display_formula,
        "table_edit": scores.table,
        "reading_order_edit": scores.reading_order,
    }
    for name, element in elements.items():
        for image_name, value in element.per_page.items():
            pages.setdefault(image_name, {})[name] = value
    for image_name, values in _teds_by_page(scores.table).items():
        pages[image_name] |= {
            "table_teds": sum(full for full, _ in values) / len(values),
            "table_teds_s": sum(structure for _, structure in values) / len(values),
        }
    return dict(sorted(pages.items()))


def _teds_by_page(table: ElementScores) -> dict[str, list[tuple[float, float]]]:
    pages: dict[str, list[tuple[float, float]]] = {}
    for sample in table.samples:
        if sample.teds is not None:
            pages.setdefault(sample.image_name, []).append((sample.teds.full, sample.teds.structure))
    return pages


def report(runs: Sequence[tuple[str, Evaluation, float | None]], details: Mapping[str, Any]) -> Report:
    """Tables over labelled evaluations of one ground truth, with their CDM where there is one."""
    version = runs[0][1].protocol.version
    columns = ["predictions", *HEADLINES, "formula_cdm", "overall"]
    main: list[list[Cell]] = [
        [label, *headlines(e.scores).values(), cdm, overall(e, cdm)] for label, e, cdm in runs
    ]
    strict: list[list[Cell]] = [[label, *headlines(e.strict).values()] for label, e, _ in runs]
    tables = [
        Table("Official protocol (pages without a prediction left out)", columns, main),
        Table("Strict (those pages scored as empty)", columns[:7], strict),
        Table("Pages", _COUNTED, [[label, *_counts(e)] for label, e, _ in runs]),
        _language_table(runs),
    ]
    notes = [] if all(cdm is not None for _, _, cdm in runs) else [_NO_CDM]
    return Report(f"OmniDocBench v{version}", tables, details, notes)


_COUNTED = ("predictions", "pages", "missing", "empty", "failed", "looping", "cut in a table")


def _counts(evaluation: Evaluation) -> list[int]:
    lists = (
        evaluation.missing,
        evaluation.empty,
        evaluation.failed,
        evaluation.looping,
        evaluation.cut_in_table,
    )
    return [evaluation.pages, *map(len, lists)]


def _language_table(runs: Sequence[tuple[str, Evaluation, float | None]]) -> Table:
    rows: list[list[Cell]] = [
        [label, language, *numbers.values()]
        for label, evaluation, _ in runs
        for language, numbers in by_language(evaluation.scores).items()
    ]
    columns = ("predictions", "language", *ELEMENTS, "table_teds", "overall_edit")
    return Table("By language (edit distances)", columns, rows)
