"""Each benchmark behind one signature: a `Request` in, a `Report` out; no printing, no arguments."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ocr_engine.evaluation import fox, fox_report, sampling
from ocr_engine.evaluation.olmocr_bench import evaluate as tests
from ocr_engine.evaluation.olmocr_bench import summary as test_report
from ocr_engine.evaluation.omnidocbench import official, summary
from ocr_engine.evaluation.omnidocbench.evaluate import Evaluation, evaluate
from ocr_engine.evaluation.omnidocbench.matching import MatchOptions
from ocr_engine.evaluation.omnidocbench.protocol import MatchMethod, protocol
from ocr_engine.evaluation.report import Report, write_text
from ocr_engine.evaluation.request import Request, Run
from ocr_engine.evaluation.sweep import Score, with_sweep


def omnidocbench(request: Request) -> Report:
    """OmniDocBench end to end; with one run the JSON holds its numbers at the top level."""
    options = MatchOptions(
        protocol(request.version), MatchMethod(request.match_method), request.match_timeout_s
    )
    scored = [(run, _evaluate(run, options, request)) for run in request.runs]
    if request.official_dir is not None:
        for run, evaluation in scored:
            official.write(request.official_dir, f"{run.label}_{options.method.value}", evaluation)
    labelled = [(run.label, e, _cdm(request, e)) for run, e in scored]
    found = {label: summary.details(e, cdm, samples=request.samples) for label, e, cdm in labelled}
    report = summary.report(labelled, _flat(found))
    score = Score(
        "1 - text edit distance", {run.label: 1 - e.scores.text_block.page_average for run, e in scored}
    )
    first = scored[0][1]
    return with_sweep(_of_sample(report, first.pages, first.pages_in_all), score, request.runs)


def _flat(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if len(found) == 1:
        return dict(next(iter(found.values())))
    return {"runs": found}


def _evaluate(run: Run, options: MatchOptions, request: Request) -> Evaluation:
    return evaluate(
        request.ground_truth,
        run.predictions,
        options,
        page_filter=dict(request.page_filter),
        limit=request.limit,
        cache=run.cache,
        workers=request.workers,
        quiet=request.quiet,
    )


def _cdm(request: Request, evaluation: Evaluation) -> float | None:
    if request.cdm is None:
        return None
    return summary.load_cdm(request.cdm, evaluation.scores.display_formula)


def _of_sample(report: Report, pages: int, pages_in_all: int) -> Report:
    """`report` saying so where it is of a sample: in its title, its notes and its JSON."""
    if pages >= pages_in_all:
        return report
    return replace(
        report,
        title=f"{report.title}: sample of {pages:,} of {pages_in_all:,} pages",
        details={**report.details, "sample": {"pages": pages, "pages_in_all": pages_in_all}},
        notes=[sampling.note(pages, pages_in_all), *report.notes],
    )


def fox_pages(request: Request) -> Report:
    """Fox page OCR. `--vision-tokens` holds for runs that do not bring their own number."""
    every = fox.load(request.ground_truth)
    pages = sampling.sampled(every, request.limit)
    count = fox.token_counter(request.tokenizer) if request.tokenizer else None
    options: dict[str, Any] = {"workers": request.workers, "quiet": request.quiet}
    runs = []
    for run in request.runs:
        scores = fox.evaluate(pages, run.predictions, count, known=every, cache=run.cache, **options)
        runs.append((run.label, scores, _fox_vision_tokens(run, request)))
        if request.official_dir is not None:
            rows = json.dumps(fox.script_rows(pages, run.predictions), ensure_ascii=False, indent=1)
            write_text(request.official_dir / f"{run.label}_fox.json", rows)
    report = fox_report.report(runs)
    precisions = {label: fox.average([s.official for s in scores]).precision for label, scores, _ in runs}
    score = Score("precision (Fox)", precisions)
    return with_sweep(_of_sample(report, len(pages), len(every)), score, request.runs)


def _fox_vision_tokens(run: Run, request: Request) -> int | None:
    """As the paper counts, where it does; else what the engine's records say, else the option."""
    made = run.made
    if made is None:
        return fox_report.vision_tokens(request.vision_tokens)
    if made.paper_vision_tokens is not None or made.vision_tokens is None:
        return made.paper_vision_tokens
    return round(made.vision_tokens)


def olmocr(request: Request) -> Report:
    """olmOCR-bench: unit tests of page facts. Pages that the engine could not read fail their tests."""
    every = tests.load(request.ground_truth)
    cases = tests.sampled_cases(every, request.limit)
    options: dict[str, Any] = {"workers": request.workers, "quiet": request.quiet}
    results = []
    for run in request.runs:
        force = request.force or run.made is not None
        found = tests.evaluate(
            cases, run.predictions, force=force, katex=request.katex, cache=run.cache, **options
        )
        results.append((run.label, found))
    report = test_report.report(results)
    score = Score("pass rate", {label: tests.rates(found).overall for label, found in results})
    sample = _of_sample(report, tests.count_pages(cases), tests.count_pages(every))
    return with_sweep(sample, score, request.runs)


BENCHMARKS: Mapping[str, Callable[[Request], Report]] = MappingProxyType(
    {"omnidocbench": omnidocbench, "fox": fox_pages, "olmocr-bench": olmocr}
)
