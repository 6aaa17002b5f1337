"""An evaluation in the files and keys of the official evaluator, its export for CDM included."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocr_engine.evaluation.bleu import corpus_bleu
from ocr_engine.evaluation.meteor import MeteorMode, available_mode, meteor
from ocr_engine.evaluation.metrics import mean
from ocr_engine.evaluation.omnidocbench.evaluate import ELEMENTS, Evaluation
from ocr_engine.evaluation.omnidocbench.scoring import EDIT, TEDS, TEDS_STRUCTURE, ElementScores, RowScores
from ocr_engine.evaluation.report import finite, write_text

VARIANCE = EDIT + "_var"


def write(folder: Path, name: str, evaluation: Evaluation) -> None:
    """`<name>_*.json` as upstream's `result/` holds them; `name` is there `<predictions>_<match method>`."""
    for element in ELEMENTS:
        scores: ElementScores = getattr(evaluation.scores, element)
        prefix = f"{name}_{element}"
        _dump(folder / f"{prefix}_result.json", [sample_row(sample) for sample in scores.samples])
        _dump(folder / f"{prefix}_per_page_edit.json", scores.per_page)
    _dump(folder / f"{name}_table_per_table_TEDS.json", _per_table(evaluation.scores.table))
    _dump(folder / f"{name}_display_formula_formula.json", cdm_export(evaluation.scores.display_formula))
    _dump(folder / f"{name}_metric_result.json", metric_result(evaluation))


def _dump(path: Path, content: Any) -> None:
    write_text(path, json.dumps(finite(content), ensure_ascii=False, indent=4))


def metric_result(evaluation: Evaluation) -> dict[str, Any]:
    """`*_metric_result.json`: all, group and page of each element."""
    return {element: _element(evaluation, element) for element in ELEMENTS}


def _element(evaluation: Evaluation, element: str) -> dict[str, Any]:
    scores: ElementScores = getattr(evaluation.scores, element)
    edit: dict[str, float] = {"ALL_page_avg": scores.page_average}
    if evaluation.protocol.hybrid:
        edit |= {"edit_whole": scores.pooled, "edit_sample_avg": scores.sample_average}
    found: dict[str, Mapping[str, float]] = {}
    for metric in (TEDS, TEDS_STRUCTURE):
        if metric in scores.overall:
            found[metric] = {"all": scores.overall[metric]}
    if element == "text_block" and not evaluation.protocol.hybrid and scores.samples:
        found |= {"BLEU": {"all": bleu(scores)}, "METEOR": {"all": mean_meteor(scores)[0]}}
    keep_variance = not evaluation.protocol.hybrid
    pages = {m: values for m, values in scores.pages.items() if keep_variance or m != VARIANCE}
    return {"all": {**found, EDIT: edit}, "group": scores.groups, "page": pages}


def sample_row(sample: RowScores) -> dict[str, Any]:
    """A row of `*_result.json`."""
    row = {
        **sample.official,
        "image_name": sample.image_name,
        "upper_len": sample.length,
        "metric": sample.metrics,
    }
    return {**row, "Edit_num": sample.edits} if sample.length else row


def _per_table(scores: ElementScores) -> dict[str, dict[str, float]]:
    return {
        f"{sample.image_name}_{sample.official['gt_idx']}": {
            TEDS: sample.teds.full,
            TEDS_STRUCTURE: sample.teds.structure,
        }
        for sample in scores.samples
        if sample.teds is not None
    }


def cdm_export(scores: ElementScores) -> list[dict[str, Any]]:
    """Formula pairs for the official CDM tool (`call_CDM_plain`): raw LaTeX without `$` and code fences."""
    rows = []
    for index, sample in enumerate(scores.samples):
        row = sample_row(sample)
        row["gt"] = row["gt"].strip("$").strip()
        row["pred"] = row["pred"].split("```latex")[-1].split("```")[0].strip("$").strip()
        rows.append({**row, "img_id": str(index), "img_name": sample.image_name})
    return rows


def bleu(scores: ElementScores) -> float:
    """Corpus BLEU with ground truth as hypothesis: upstream hands the two over the wrong way round."""
    pairs = [_compared(sample) for sample in scores.samples]
    return corpus_bleu([gt for gt, _ in pairs], [pred for _, pred in pairs])


def mean_meteor(scores: ElementScores) -> tuple[float, MeteorMode]:
    """Mean METEOR, ground truth and prediction swapped as in `bleu`; NaN without rows."""
    from nltk.tokenize import NLTKWordTokenizer

    tokenize, mode = NLTKWordTokenizer().tokenize, available_mode()
    values = [meteor(tokenize(pred), tokenize(gt), mode) for gt, pred in map(_compared, scores.samples)]
    return (mean(values) if values else math.nan), mode


def _compared(sample: RowScores) -> tuple[str, str]:
    row = sample.official
    return row["norm_gt"] or row["gt"], row["norm_pred"] or row["pred"]
