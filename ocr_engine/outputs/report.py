"""The numbers of a run in, `report.html` out: one file without scripts or network, for the morning after."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocr_engine.log import printable
from ocr_engine.outputs import charts
from ocr_engine.outputs.files import write_atomic
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.report_cards import (
    NONE_WORSE,
    NOWHERE,
    ReviewFolders,
    Thumbnails,
    WorstBlocks,
    cards,
    unlike_pages,
)
from ocr_engine.outputs.retry import Command
from ocr_engine.outputs.run_numbers import PageLine, ReasonGroup, RunNumbers, collect
from ocr_engine.outputs.templates import environment, styles
from ocr_engine.records import PageStatus

NAME = "report.html"
MAX_THUMBNAILS = 48
THUMBNAIL_PX = 260
MIN_RATE_PAGES, MIN_RATE_S = 10, 5.0
"""A run shorter than this says nothing about pages a second."""
_MAX_REASON_CHARS = 240
_OPEN_GROUPS = 5
_KINDS = (
    ("failed", "Failed", "Pages that could not be read, and why."),
    ("looped", "Looped", "The model repeated itself. The text before the repetition is kept."),
    ("truncated", "Truncated", "The answer did not end within the token limit. The text so far is kept."),
    (
        "suspect",
        "Worth a look",
        "Read, but different from the PDF's own text, with a note, after"
        " several attempts, or with very much text.",
    ),
    ("slowest", "Slowest", "The pages that took longest, from opening the file to writing the results."),
)
_STAGE_WORDS = {
    "render": "Render",
    "views": "Cut into views",
    "engine": "Model",
    "tables": "Dense tables read alone",
    "figures": "Figures read a second time",
    "total": "Whole page, waiting included",
}


@dataclass(frozen=True, slots=True)
class _Group:
    """Pages that ended for one reason, and what to type to try them again."""

    group: ReasonGroup
    reason: str
    command: str


@dataclass(frozen=True, slots=True)
class _Stage:
    """How long one stage took: all pages together, the middle page, the 90th of 100, the longest."""

    name: str
    total_s: float
    median_s: float
    p90_s: float
    longest_s: float


def wanted_thumbnails(numbers: RunNumbers) -> list[PageLine]:
    """The pages to show with a picture, at most `MAX_THUMBNAILS`, the gravest kinds first."""
    found: dict[tuple[str, int], PageLine] = {}
    for kind, _, _ in _KINDS:
        for line in numbers.lines(kind):
            found.setdefault((line.document, line.page), line)
    return list(found.values())[:MAX_THUMBNAILS]


def read_numbers(journal: Journal) -> RunNumbers:
    """The numbers of a journal on disk."""
    return collect(journal.latest_rows())


def write(
    root: Path,
    numbers: RunNumbers,
    command: Command,
    thumbnails: Thumbnails,
    review: ReviewFolders = NOWHERE,
    worst: WorstBlocks = NONE_WORSE,
) -> None:
    """Write `report.html` below `root`. Raises OutputError."""
    write_atomic(root / NAME, render(root, numbers, command, thumbnails, review, worst))


def render(
    root: Path,
    numbers: RunNumbers,
    command: Command,
    thumbnails: Thumbnails,
    review: ReviewFolders = NOWHERE,
    worst: WorstBlocks = NONE_WORSE,
) -> str:
    """The whole report as HTML. Everything that comes from documents is escaped by the template."""
    templates = environment()
    templates.filters |= {"short": charts.short, "duration": duration, "seconds": seconds, "shown": _shown}
    page: str = templates.get_template("report.html.j2").render(
        title=printable(root.resolve().name or str(root)),
        style=styles("page.css", "report.css"),
        run=_run(root),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        numbers=numbers,
        statuses=[(status.value, numbers.statuses[status]) for status in PageStatus],
        charts=_charts(numbers),
        throughput=_throughput(numbers),
        stages=_stages(numbers),
        kinds=[
            (name, title, words, cards(numbers.lines(name), thumbnails, review))
            for name, title, words in _KINDS
        ],
        unlike=unlike_pages(numbers, worst, review),
        groups=[_group(group, command) for group in numbers.top_groups()],
        group_count=len(numbers.groups),
        open_groups=_OPEN_GROUPS,
        retry_all=_retry_all(numbers, command),
        documents=[
            (printable(name), counts, _sure(numbers, name)) for name, counts in numbers.top_documents()
        ],
        trouble=sum(numbers.statuses[status] for status in PageStatus.poor()),
        columns=[status.value for status in PageStatus if status is not PageStatus.SKIPPED],
    )
    return page


def duration(total_s: float) -> str:
    """Seconds in words: 3 h 12 min, 4 min 5 s, 12 s."""
    whole = round(total_s)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{total_s:.1f} s" if total_s < 10 else f"{rest} s"


def seconds(value_s: float) -> str:
    """Seconds with three digits that count, milliseconds below one."""
    return (
        f"{value_s * 1000:.0f} ms"
        if value_s < 1
        else f"{value_s:.3g} s"
        if value_s < 100
        else duration(value_s)
    )


def _shown(text: str) -> str:
    return printable(" ".join(text.split()), _MAX_REASON_CHARS)


def _run(root: Path) -> dict[str, Any]:
    """What `run.json` says; nothing where it is not there or not ours."""
    try:
        values = json.loads((root / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _throughput(numbers: RunNumbers) -> dict[str, Any] | None:
    ends = numbers.session()
    if len(ends) < MIN_RATE_PAGES or ends[-1] - ends[0] < MIN_RATE_S:
        return None
    values, bin_s = charts.rates(ends)
    label = f"Pages per second over time, {len(ends):,} pages"
    return {
        "pages": len(ends),
        "seconds": ends[-1] - ends[0],
        "mean": (len(ends) - 1) / (ends[-1] - ends[0]),
        "chart": charts.rate_chart(values, bin_s, label),
    }


def _charts(numbers: RunNumbers) -> list[tuple[str, str, Any]]:
    """Title, one line of numbers, chart; without values no chart."""
    wanted = (
        ("Text tokens per page", numbers.text_tok, "tokens"),
        ("Text tokens per visual token", numbers.ratios, "text tokens / visual token"),
        ("Tokens decoded per step, pages with drafts", numbers.paces, "tokens / step"),
        ("Seconds per page", numbers.stages.get("total", ()), "s"),
        ("How sure the model was of a page's words", numbers.sure, "probability"),
    )
    found = []
    for title, values, unit in wanted:
        data = charts.histogram(values)
        if data is not None:
            found.append((title, _middle(values, unit), charts.bar_chart(data, unit, title)))
    return found


def _middle(values: Sequence[float], unit: str) -> str:
    import numpy as np

    median, p90, top = (float(n) for n in np.quantile(np.asarray(values), (0.5, 0.9, 1.0)))
    unit = " s" if unit == "s" else ""
    return " · ".join(
        f"{word} {charts.short(n)}{unit}" for word, n in (("median", median), ("90 %", p90), ("most", top))
    )


def _stages(numbers: RunNumbers) -> list[_Stage]:
    import numpy as np

    found = []
    known = [name for name in _STAGE_WORDS if name in numbers.stages]
    for name in dict.fromkeys((*known, *numbers.stages)):
        values = numbers.stages[name]
        median, p90, top = (float(n) for n in np.quantile(np.asarray(values), (0.5, 0.9, 1.0)))
        found.append(_Stage(_STAGE_WORDS.get(name, printable(name)[:40]), sum(values), median, p90, top))
    return found


def _sure(numbers: RunNumbers, document: str) -> float | None:
    """How sure the model was of a document's pages, on average."""
    total, pages = numbers.sure_of.get(document, (0.0, 0.0))
    return total / pages if pages else None


def _group(group: ReasonGroup, command: Command) -> _Group:
    statuses = () if group.whole_documents else (group.status,)
    return _Group(group, _shown(group.reason), command.again(list(group.documents), statuses))


def _retry_all(numbers: RunNumbers, command: Command) -> str:
    statuses = [status for status in PageStatus.poor() if numbers.statuses[status]]
    return command.again((), statuses) if statuses else ""
