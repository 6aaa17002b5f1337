"""Rows of all pages to numbers: page averages, attribute groups, TEDS. Mirrors `metrics/*.py` upstream.

Averages are taken in pandas' order and manner, because the official files are compared to the last digit.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ocr_engine.evaluation import metrics
from ocr_engine.evaluation.omnidocbench.matching import ReadingOrder
from ocr_engine.evaluation.omnidocbench.rows import MatchedRow
from ocr_engine.evaluation.omnidocbench.teds import Similarity

EDIT = "Edit_dist"
TEDS = "TEDS"
TEDS_STRUCTURE = "TEDS_structure_only"


@dataclass(frozen=True, slots=True)
class RowScores:
    """One row's scores. `edits` and `length` are characters (numbers for reading order)."""

    image_name: str
    edits: int
    length: int
    teds: Similarity | None = None
    gt_attributes: tuple[Mapping[str, Any], ...] = ()
    official: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """By upstream's metric names; a row with two empty strings has no edit distance."""
        found = {}
        if self.teds is not None:
            found = {TEDS: self.teds.full, TEDS_STRUCTURE: self.teds.structure}
        if self.length:
            found[EDIT] = self.edits / self.length
        return found


@dataclass(frozen=True, slots=True)
class ElementScores:
    """One of text_block, display_formula, table, reading_order; NaN where nothing could be scored."""

    samples: tuple[RowScores, ...]
    page_average: float
    pooled: float
    sample_average: float
    per_page: Mapping[str, float]
    overall: Mapping[str, float]
    """Mean over samples, of metrics other than the edit distance."""
    groups: Mapping[str, Mapping[str, float]]
    pages: Mapping[str, Mapping[str, float]]

    def page_metric(self, metric: str) -> float:
        """Mean over pages of the page's mean."""
        return self.pages.get(metric, {}).get("ALL", math.nan)


def text_sample(row: MatchedRow, teds: Similarity | None = None) -> RowScores:
    """Scores of a row, from the strings it is compared by."""
    gt, pred = row.compared
    edits, length = metrics.edit_distance(pred, gt), max(len(pred), len(gt))
    attributes = tuple(row.gt_attributes)
    return RowScores(row.image_name, edits, length, teds, attributes, row.official())


def order_sample(order: ReadingOrder) -> RowScores:
    """Scores of a page's reading order."""
    official = {
        "gt": list(order.gt),
        "pred": list(order.pred),
        "img_id": order.image_name,
        "edit": order.edits / order.longest,
    }
    return RowScores(order.image_name, order.edits, order.longest, official=official)


def score(samples: Sequence[RowScores], attributes: Mapping[str, Mapping[str, Any]]) -> ElementScores:
    """All averages of one element. `attributes` are those of each page, by image name."""
    per_page = {name: _pooled(page) for name, page in sorted(_by_page(samples).items())}
    ratios = [sample.edits / sample.length if sample.length else math.nan for sample in samples]
    teds = [sample.teds for sample in samples if sample.teds is not None]
    return ElementScores(
        samples=tuple(samples),
        page_average=metrics.pandas_series_mean(list(per_page.values())),
        pooled=_pooled(samples),
        sample_average=metrics.pandas_series_mean(ratios),
        per_page=per_page,
        overall={
            TEDS: metrics.mean(score.full for score in teds),
            TEDS_STRUCTURE: metrics.mean(score.structure for score in teds),
        }
        if teds
        else {},
        groups=_group_scores(samples),
        pages=_page_scores(samples, attributes),
    )


def _by_page(samples: Iterable[RowScores]) -> dict[str, list[RowScores]]:
    pages: dict[str, list[RowScores]] = defaultdict(list)
    for sample in samples:
        pages[sample.image_name].append(sample)
    return pages


def _pooled(samples: Iterable[RowScores]) -> float:
    """Sum of edits over sum of lengths."""
    counted = [(sample.edits, sample.length) for sample in samples]
    length = sum(length for _, length in counted)
    return sum(edits for edits, _ in counted) / length if length else math.nan


def _group_scores(samples: Sequence[RowScores]) -> dict[str, dict[str, float]]:
    """Mean of row scores by "key: value" of the annotations; a row counts once in each of its labels."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        labels = {f"{key}: {value}" for attribute in sample.gt_attributes for key, value in attribute.items()}
        for label in labels:
            for metric, value in sample.metrics.items():
                values[metric][label].append(value)
    scores = {
        metric: {label: metrics.mean(scores) for label, scores in sorted(labels.items())}
        for metric, labels in sorted(values.items())
    }
    counts = {label: len(scores) for labels in values.values() for label, scores in sorted(labels.items())}
    return {**scores, "sample_count": dict(sorted(counts.items()))} if counts else {"sample_count": {}}


def _page_scores(
    samples: Sequence[RowScores], attributes: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Page scores averaged over the pages of each attribute, and over ALL."""
    by_attribute: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, page in sorted(_by_page(samples).items()):
        for metric, value in _page_metrics(page).items():
            for label in dict.fromkeys(["ALL", *_page_labels(attributes.get(name, {}))]):
                by_attribute[metric][label].append(value)
    result = {
        metric: {label: metrics.pandas_group_mean(values) for label, values in sorted(labels.items())}
        for metric, labels in by_attribute.items()
    }
    if EDIT in by_attribute:
        edits = sorted(by_attribute[EDIT].items())
        result[EDIT + "_var"] = {label: metrics.pandas_group_variance(values) for label, values in edits}
    return dict(sorted(result.items()))


def _page_labels(attributes: Mapping[str, Any]) -> list[str]:
    """Items of a list stand alone; those about tables repeat the tables' own attributes and are left out."""
    labels: list[str] = []
    for key, value in attributes.items():
        if isinstance(value, list):
            labels += [str(item) for item in value if "table" not in str(item)]
        else:
            labels.append(f"{key}: {value}")
    return labels


def _page_metrics(samples: Sequence[RowScores]) -> dict[str, float]:
    """A page's edit distance weighted by length, and the plain mean of its other scores."""
    found: dict[str, float] = {}
    scored = [sample for sample in samples if sample.metrics]
    edited = [sample for sample in scored if sample.length]
    if edited:
        weighted = [sample.edits / sample.length * sample.length for sample in edited]
        found[EDIT] = metrics.pandas_sum(weighted) / sum(sample.length for sample in edited)
    for metric in (TEDS, TEDS_STRUCTURE):
        values = [sample.metrics[metric] for sample in scored if metric in sample.metrics]
        if values:
            found[metric] = metrics.pandas_series_mean(values)
    return found
