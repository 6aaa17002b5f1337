"""Ground truth and a folder of predictions to an `Evaluation`: the whole benchmark, without printing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ocr_engine.errors import InputError
from ocr_engine.evaluation import predictions as files
from ocr_engine.evaluation.omnidocbench import ground_truth
from ocr_engine.evaluation.omnidocbench.ground_truth import TruthPage
from ocr_engine.evaluation.omnidocbench.matching import MatchOptions, PageRows, match_page
from ocr_engine.evaluation.omnidocbench.protocol import Protocol
from ocr_engine.evaluation.omnidocbench.scoring import (
    ElementScores,
    RowScores,
    order_sample,
    score,
    text_sample,
)
from ocr_engine.evaluation.omnidocbench.teds import teds
from ocr_engine.evaluation.predictions import Prediction
from ocr_engine.evaluation.sampling import sampled
from ocr_engine.evaluation.score_cache import map_cached

ELEMENTS = ("text_block", "display_formula", "table", "reading_order")


@dataclass(frozen=True, slots=True)
class Scores:
    """The four elements of the benchmark over one set of pages."""

    text_block: ElementScores
    display_formula: ElementScores
    table: ElementScores
    reading_order: ElementScores


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A finished evaluation. Page lists hold image names.

    `scores` is upstream's protocol, which leaves pages without a prediction out; `strict` scores
    them as empty. Pages whose scoring failed are in neither `scores`, and empty in `strict`.
    """

    protocol: Protocol
    scores: Scores
    strict: Scores
    pages: int
    missing: tuple[str, ...]
    empty: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    timed_out: tuple[str, ...]
    looping: tuple[str, ...]
    cut_in_table: tuple[str, ...]
    unused_files: tuple[str, ...]
    named_twice: tuple[str, ...] = ()
    pages_in_all: int = 0
    """More than `pages` where only a sample was scored."""


@dataclass(frozen=True, slots=True)
class _Task:
    page: TruthPage
    markdown: str
    options: MatchOptions


@dataclass(frozen=True, slots=True)
class _PageSamples:
    text: tuple[RowScores, ...]
    formula_as_text: tuple[RowScores, ...]
    formula: tuple[RowScores, ...]
    html_table: tuple[RowScores, ...]
    latex_table: tuple[RowScores, ...]
    order: RowScores | None
    timed_out: bool


def evaluate(
    ground_truth_file: Path,
    predictions_folder: Path,
    options: MatchOptions,
    *,
    page_filter: dict[str, str] | None = None,
    limit: int | None = None,
    cache: Path | None = None,
    workers: int | None = None,
    page_timeout_s: float | None = 600.0,
    quiet: bool = False,
) -> Evaluation:
    """Score `predictions_folder` against an OmniDocBench JSON file.

    Raises UsageError (no such folder) and InputError (unreadable ground truth, no prediction at all).
    `page_timeout_s` bounds a page in worker processes; a page that hits it is reported as failed.
    """
    every = ground_truth.load(ground_truth_file, page_filter)
    pages = sampled(every, limit)
    found = files.read_all(predictions_folder, [page.image_name for page in pages])
    tasks = [_Task(page, p.markdown or "", options) for page, p in zip(pages, found, strict=True)]
    limits: dict[str, Any] = {"workers": workers, "timeout_s": page_timeout_s, "quiet": quiet}
    outcomes = map_cached(_score_page, tasks, cache, _PageSamples, label="scoring", **limits)
    samples = [outcome.result for outcome in outcomes]
    failed = [(p.name, outcome.error) for p, outcome in zip(found, outcomes, strict=True) if outcome.error]
    unreadable = [(p.name, p.problem) for p in found if p.path and p.markdown is None]
    if all(result is None for result in samples):
        raise InputError(f"{predictions_folder}: no page could be scored ({failed[0][1]})")
    evaluation = Evaluation(
        protocol=options.protocol,
        scores=_aggregate(
            pages,
            [s if p.markdown is not None else None for s, p in zip(samples, found, strict=True)],
            options,
        ),
        strict=_aggregate(pages, _with_failed_as_empty(tasks, samples), options),
        pages=len(pages),
        missing=tuple(p.name for p in found if p.path is None),
        empty=tuple(p.name for p in found if p.markdown is not None and not p.markdown.strip()),
        failed=(*unreadable, *failed),
        timed_out=tuple(p.name for p, s in zip(found, samples, strict=True) if s and s.timed_out),
        looping=tuple(p.name for p in found if files.loops(p.markdown or "")),
        cut_in_table=tuple(p.name for p in found if files.is_cut_in_table(p.markdown or "")),
        unused_files=tuple(files.unused(predictions_folder, found, [page.image_name for page in every])),
        named_twice=tuple(name for name, times in Counter(p.image_name for p in pages).items() if times > 1),
        pages_in_all=len(every),
    )
    _warn(evaluation, found)
    return evaluation


def _score_page(task: _Task) -> _PageSamples:
    """Everything about one page that takes time; runs in a worker."""
    rows = match_page(task.page, task.markdown, task.options)
    return _samples(rows)


def _samples(rows: PageRows) -> _PageSamples:
    def tables(found: Iterable) -> tuple[RowScores, ...]:  # type: ignore[type-arg]
        return tuple(text_sample(row, teds(row.compared[1], row.compared[0])) for row in found)

    return _PageSamples(
        text=tuple(text_sample(row) for row in rows.text),
        formula_as_text=tuple(text_sample(row) for row in rows.formula_as_text),
        formula=tuple(text_sample(row) for row in rows.formula),
        html_table=tables(rows.html_table),
        latex_table=tables(rows.latex_table),
        order=order_sample(rows.reading_order) if rows.reading_order else None,
        timed_out=rows.timed_out,
    )


def _with_failed_as_empty(
    tasks: Sequence[_Task], samples: Sequence[_PageSamples | None]
) -> list[_PageSamples | None]:
    """An empty prediction cannot fail: nothing is parsed."""
    return [
        result if result is not None else _score_page(replace(task, markdown=""))
        for task, result in zip(tasks, samples, strict=True)
    ]


def _aggregate(
    pages: Sequence[TruthPage], samples: Sequence[_PageSamples | None], options: MatchOptions
) -> Scores:
    scored = [page for page in samples if page is not None]
    attributes = {page.image_name: page.attributes for page in pages}
    text = [sample for page in scored for sample in page.text]
    # Upstream moves them only if there is text at all.
    moved = [sample for page in scored for sample in page.formula_as_text] if text else []
    return Scores(
        text_block=score([*text, *moved], attributes),
        display_formula=score([s for page in scored for s in page.formula], attributes),
        table=score(_tables(scored, options.protocol), attributes),
        reading_order=score([page.order for page in scored if page.order], attributes),
    )


def _tables(pages: Sequence[_PageSamples], protocol: Protocol) -> list[RowScores]:
    """v1.5 counts LaTeX pages among the HTML ones, after them; v1.0 drops the pages of the rarer format."""
    html = [sample for page in pages for sample in page.html_table]
    latex = [sample for page in pages for sample in page.latex_table]
    if protocol.hybrid:
        return [*html, *latex]
    return latex if len(latex) > len(html) else html


def _warn(evaluation: Evaluation, predictions: Sequence[Prediction]) -> None:
    counted = {
        "have no prediction file and are left out, as upstream does": evaluation.missing,
        "have an empty prediction": evaluation.empty,
        "could not be scored": [name for name, _ in evaluation.failed],
        "have an image name that stands more than once in the ground truth: all of these are scored with one "
        "prediction, and as one page": evaluation.named_twice,
        "hit the match time limit: their scores depend on this machine's speed": evaluation.timed_out,
    }
    files.warn(counted, evaluation.unused_files, predictions)
