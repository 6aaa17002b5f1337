"""Each benchmark behind one signature: a `Request` in, a `Report` out; no printing, no arguments."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ocr_engine.evaluation import fox, fox_report
from ocr_engine.evaluation.olmocr_bench import evaluate as tests
from ocr_engine.evaluation.olmocr_bench import summary as test_report
from ocr_engine.evaluation.omnidocbench import official, summary
from ocr_engine.evaluation.omnidocbench.evaluate import Evaluation, evaluate
from ocr_engine.evaluation.omnidocbench.matching import MatchOptions
from ocr_engine.evaluation.omnidocbench.protocol import MatchMethod, protocol
from ocr_engine.evaluation.plots import Axes, Series, draw
from ocr_engine.evaluation.report import Report
from ocr_engine.evaluation.request import Request, Run


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
    return Report(report.title, report.tables, report.details, report.notes, _sweep_plots(scored))


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
        workers=request.workers,
        quiet=request.quiet,
    )


def _cdm(request: Request, evaluation: Evaluation) -> float | None:
    if request.cdm is None:
        return None
    return summary.load_cdm(request.cdm, evaluation.scores.display_formula)


def _sweep_plots(scored: Sequence[tuple[Run, Evaluation]]) -> dict[str, bytes]:
    """Text score against what each run cost, for runs that know their cost."""
    costs: list[tuple[str, str, list[float | None]]] = [
        ("vision tokens", "vision tokens a page", [run.vision_tokens for run, _ in scored]),
        ("speed", "pages a second", [run.pages_per_s for run, _ in scored]),
    ]
    plots: dict[str, bytes] = {}
    for name, label, values in costs:
        known = [(x, *pair) for x, pair in zip(values, scored, strict=True) if x is not None]
        if known:
            title = f"Text score against {name}"
            y = [1 - evaluation.scores.text_block.page_average for _, _, evaluation in known]
            series = Series("runs", [x for x, _, _ in known], y, [run.label for _, run, _ in known])
            plots[title] = draw(Axes(title, label, "1 - text edit distance", line=False), [series])
    return plots


def fox_pages(request: Request) -> Report:
    """Fox page OCR. `--vision-tokens` holds for runs that do not bring their own number."""
    pages = fox.load(request.ground_truth)
    count = fox.token_counter(request.tokenizer) if request.tokenizer else None
    default = fox_report.vision_tokens(request.vision_tokens)
    runs = []
    for run in request.runs:
        scores = fox.evaluate(pages, run.predictions, count, workers=request.workers, quiet=request.quiet)
        tokens = default if run.vision_tokens is None else round(run.vision_tokens)
        runs.append((run.label, scores, tokens))
    return fox_report.report(runs)


def olmocr(request: Request) -> Report:
    """olmOCR-bench: unit tests of page facts."""
    cases = tests.load(request.ground_truth)
    options: dict[str, Any] = {"force": request.force, "workers": request.workers, "quiet": request.quiet}
    results = [(run.label, tests.evaluate(cases, run.predictions, **options)) for run in request.runs]
    return test_report.report(results)


BENCHMARKS: Mapping[str, Callable[[Request], Report]] = MappingProxyType(
    {"omnidocbench": omnidocbench, "fox": fox_pages, "olmocr-bench": olmocr}
)
