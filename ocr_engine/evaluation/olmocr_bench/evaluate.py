"""A folder of test files and a folder of predictions to pass rates, by file and in all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocr_engine.errors import InputError, UsageError
from ocr_engine.evaluation.metrics import bootstrap_interval, mean
from ocr_engine.evaluation.olmocr_bench import katex as browser
from ocr_engine.evaluation.olmocr_bench.cases import Case, baseline, parse
from ocr_engine.evaluation.olmocr_bench.katex import Katex
from ocr_engine.evaluation.olmocr_bench.rules import Verdict, run
from ocr_engine.evaluation.predictions import read_markdown
from ocr_engine.evaluation.sampling import sampled
from ocr_engine.evaluation.score_cache import map_cached
from ocr_engine.evaluation.workers import ItemOutcome
from ocr_engine.log import logger

CASE_TIMEOUT_S = 600.0
"""A math case that takes longer fails, where it runs in a worker process."""
BASELINE = "baseline"
"""The group of the cases that are made up for PDFs without one."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """A case and the .jsonl file it counts for."""

    case: Case
    group: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case over all repeats of its page. `share` is how many of them passed, None where it was not run."""

    case: Case
    group: str
    share: float | None
    is_missing: bool

    @property
    def passed(self) -> bool:
        """More than half of the repeats."""
        return self.share is not None and self.share > 0.5


@dataclass(frozen=True, slots=True)
class PassRates:
    """Pass rates. `overall` is the mean over groups, as upstream's; cases that were not run count nowhere."""

    overall: float
    interval: tuple[float, float]
    by_group: dict[str, float]
    by_type: dict[str, tuple[int, int]]
    not_run: int
    missing_pages: tuple[str, ...]


def load(folder: Path) -> list[Grouped]:
    """Cases of all .jsonl files in `folder` (or of one such file), then a baseline for each other PDF.

    Raises InputError where there are none, or a line is no case.
    """
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]
    if not files or not all(file.is_file() for file in files):
        raise InputError(f"{folder}: no .jsonl test files")
    cases = [Grouped(case, file.name) for file in files for case in _read(file)]
    seen: set[str] = set()
    for grouped in cases:
        if grouped.case.id in seen:
            raise InputError(f"{folder}: two tests have the id {grouped.case.id}")
        seen.add(grouped.case.id)
    covered = {grouped.case.pdf for grouped in cases if grouped.case.type == BASELINE}
    bare = [pdf for pdf in _pdfs(folder, cases) if pdf not in covered]
    return [*cases, *(Grouped(baseline(pdf), BASELINE) for pdf in bare)]


def sampled_cases(cases: Sequence[Grouped], limit: int | None) -> list[Grouped]:
    """All tests of a sample of the pages."""
    pages = set(sampled(list(dict.fromkeys(map(_page_of, cases))), limit))
    return [grouped for grouped in cases if _page_of(grouped) in pages]


def _page_of(grouped: Grouped) -> tuple[str, int]:
    return grouped.case.pdf, grouped.case.page


def count_pages(cases: Sequence[Grouped]) -> int:
    """Different pages among the tests."""
    return len(set(map(_page_of, cases)))


def _pdfs(folder: Path, cases: Sequence[Grouped]) -> list[str]:
    """PDFs in `pdfs/`, or those the tests name where the folder was not downloaded."""
    named = {grouped.case.pdf for grouped in cases}
    pdfs = (folder if folder.is_dir() else folder.parent) / "pdfs"
    present = {path.relative_to(pdfs).as_posix() for path in pdfs.rglob("*.pdf")}
    return sorted((present if folder.is_dir() and present else named) or named)


def _read(file: Path) -> list[Case]:
    cases = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip():
            try:
                cases.append(parse(line))
            except ValueError as error:
                raise InputError(f"{file}: line {number}: {error}") from error
    if not cases:
        raise InputError(f"{file}: no tests")
    return cases


def evaluate(
    cases: Sequence[Grouped],
    predictions: Path,
    *,
    force: bool = False,
    katex: Path | None = None,
    cache: Path | None = None,
    workers: int | None = None,
    quiet: bool = False,
) -> list[CaseResult]:
    """Results in the order of `cases`. Pages are `<pdf stem>_pg<page>_repeat<n>.md`.

    A page without a file fails its cases; unless `force`, InputError names such a page, as upstream does.
    `katex` is a folder with KaTeX, which math cases need to be run; UsageError where it cannot be used.
    """
    if not predictions.is_dir():
        raise UsageError(f"{predictions}: not a folder of predictions")
    repeats = {key: _repeats(predictions, *key) for key in {(g.case.pdf, g.case.page) for g in cases}}
    missing = sorted(f"{pdf} page {page}" for (pdf, page), found in repeats.items() if not found)
    if len(missing) == len(repeats):
        raise InputError(
            f"{predictions}: no prediction is named like {file_name(cases[0].case.pdf, cases[0].case.page)}"
        )
    if missing and not force:
        raise InputError(
            f"{predictions}: {len(missing)} pages have no prediction, {missing[0]} first; "
            "--force scores without them, their tests fail"
        )
    found = None if katex is None else browser.find(katex)
    tasks = [_Task(g.case, repeats[g.case.pdf, g.case.page], found) for g in cases]
    outcomes = _outcomes(tasks, found, cache, workers=workers, label="testing", quiet=quiet)
    for grouped, outcome in zip(cases, outcomes, strict=True):
        if outcome.error:
            logger.warning("test %s fails: it cannot be run (%s)", grouped.case.id, outcome.error)
    return [
        CaseResult(g.case, g.group, 0.0 if outcome.error else outcome.result, not task.pages)
        for g, task, outcome in zip(cases, tasks, outcomes, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Task:
    case: Case
    pages: tuple[str, ...]
    katex: Katex | None


def _outcomes(
    tasks: Sequence[_Task], katex: Katex | None, cache: Path | None, **options: Any
) -> list[ItemOutcome[float | None]]:
    if katex is None:
        return map_cached(_share, tasks, cache, float, **options)
    with browser.renderer(katex):
        return map_cached(_share, tasks, cache, float, timeout_s=CASE_TIMEOUT_S, **options)


def _share(task: _Task) -> float | None:
    if not task.pages:
        return 0.0
    render = None
    if task.katex is not None and task.case.type == "math":
        render = browser.open_renderer(task.katex).render
    verdicts = [run(task.case, page, render) for page in task.pages]
    if Verdict.NOT_RUN in verdicts:
        return None
    return mean(verdict is Verdict.PASSED for verdict in verdicts)


def file_name(pdf: str, page: int) -> str:
    """Where a page's first prediction is looked for, below the folder of predictions."""
    return f"{pdf.removesuffix('.pdf')}_pg{page}_repeat1.md"


def _repeats(folder: Path, pdf: str, page: int) -> tuple[str, ...]:
    stem = Path(pdf.removesuffix(".pdf"))
    parent = (folder / stem.parent).resolve()
    if not parent.is_relative_to(folder.resolve()) or not parent.is_dir():
        return ()
    wanted = re.compile(re.escape(stem.name) + rf"_pg{page}_repeat\d+\.md")
    files = sorted(path for path in parent.iterdir() if wanted.fullmatch(path.name))
    texts = (read_markdown(path)[0] for path in files)
    return tuple(text for text in texts if text is not None)


def rates(results: Sequence[CaseResult]) -> PassRates:
    """Pass rates of `results`."""
    ran = [result for result in results if result.share is not None]
    groups: dict[str, list[float]] = {}
    types: dict[str, tuple[int, int]] = {}
    for result in ran:
        groups.setdefault(result.group, []).append(float(result.passed))
        passed, total = types.get(result.case.type, (0, 0))
        types[result.case.type] = passed + result.passed, total + 1
    by_group = {group: mean(scores) for group, scores in sorted(groups.items())}
    missing = {f"{r.case.pdf} page {r.case.page}" for r in results if r.is_missing}
    return PassRates(
        overall=mean(by_group.values()) if by_group else float("nan"),
        interval=bootstrap_interval([scores for _, scores in sorted(groups.items())]),
        by_group=by_group,
        by_type=dict(sorted(types.items())),
        not_run=len(results) - len(ran),
        missing_pages=tuple(sorted(missing)),
    )
