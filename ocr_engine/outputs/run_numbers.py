"""Journal rows in, the numbers of a run out: counts, distributions, the pages worth a look. No HTML here.

One pass, a few numbers a page in compact arrays, so that a journal of a million pages fits in 50 MB.
"""

import heapq
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ocr_engine.records import JournalRow, PageStatus

MAX_GROUPS = 60
"""Groups of equal reasons that are listed; a corpus with more has one story told many times."""
MAX_DOCUMENTS = 50
MAX_PAGES_A_KIND = 12
MAX_REASONS = 5_000
_MAX_GROUP_DOCUMENTS = 1_000
_MAX_GROUP_PAGES = 8
_MAX_STAGES = 32
_SESSION_GAP_S = 1_800.0
_TOTAL = "total"
_NUMBER = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, slots=True, order=True)
class PageLine:
    """A page that the report shows by itself. Ordered by `weight`, then by its place."""

    weight: float
    document: str
    page: int
    status: PageStatus = field(compare=False)
    reason: str = field(compare=False)
    fingerprint: str = field(compare=False)
    seconds: float = field(compare=False)
    vision_tok: int = field(compare=False)
    text_tok: int = field(compare=False)
    mode: str = field(compare=False)
    sure: float | None = field(compare=False, default=None)
    """How sure the model was of it, where that is known."""


@dataclass(slots=True)
class ReasonGroup:
    """Pages and documents that ended for one reason, numbers in it aside."""

    status: PageStatus
    reason: str
    count: int = 0
    documents: dict[str, None] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)
    whole_documents: bool = False


@dataclass(slots=True)
class RunNumbers:
    """What a report says of a journal. Seconds and tokens are of each page's last row."""

    statuses: Counter[PageStatus] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    documents: dict[str, Counter[PageStatus]] = field(default_factory=lambda: defaultdict(Counter))
    unreadable: int = 0
    again: int = 0
    """Pages that took more than one attempt."""
    twice: int = 0
    """Pages read with the second prompt, too."""
    added_to: int = 0
    """Pages to which that added text."""
    added_letters: int = 0
    tables_again: int = 0
    """Dense tables read again alone."""
    tables_replaced: int = 0
    suspect: int = 0
    """Pages read to their end, but unlike their PDF's own text."""
    text_tok: "array[float]" = field(default_factory=lambda: array("f"))
    ratios: "array[float]" = field(default_factory=lambda: array("f"))
    paces: "array[float]" = field(default_factory=lambda: array("f"))
    """Tokens a step of each page that was read with drafts."""
    sure: "array[float]" = field(default_factory=lambda: array("f"))
    """How sure the model was of pages (`quality.confidence`)."""
    sure_of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """The sum of these of each document, and how many they are."""
    vision_tok_sum: int = 0
    text_tok_sum: int = 0
    stages: dict[str, "array[float]"] = field(default_factory=dict)
    ended_s: "array[float]" = field(default_factory=lambda: array("d"))
    """When pages ended, in seconds since 1970."""
    groups: dict[tuple[PageStatus, str], ReasonGroup] = field(default_factory=dict)
    pages: dict[str, list[PageLine]] = field(default_factory=lambda: defaultdict(list))
    """Heaps of the pages worth a look: `failed looped truncated slowest suspect`, and `unlike` their PDF."""

    @property
    def page_count(self) -> int:
        """Pages in the journal."""
        return sum(self.statuses.values())

    def lines(self, kind: str) -> list[PageLine]:
        """The pages of one kind, heaviest first."""
        return sorted(self.pages.get(kind, ()), reverse=True)

    def top_groups(self) -> list[ReasonGroup]:
        """The reasons, most frequent first."""
        return sorted(self.groups.values(), key=lambda group: -group.count)[:MAX_GROUPS]

    def top_documents(self) -> list[tuple[str, Counter[PageStatus]]]:
        """The documents with the most pages to look at, then the largest."""
        return heapq.nlargest(MAX_DOCUMENTS, self.documents.items(), key=_trouble)

    def session(self) -> "array[float]":
        """Ends of the pages of the last run that read any, in order: until 30 minutes pass without one."""
        ends = array("d", sorted(self.ended_s))
        start = len(ends)
        while start > 0 and (start == len(ends) or ends[start] - ends[start - 1] <= _SESSION_GAP_S):
            start -= 1
        return ends[start:]


def collect(rows: Iterable[JournalRow]) -> RunNumbers:
    """The numbers of the last row of each page and document."""
    numbers = RunNumbers()
    unopened: dict[str, JournalRow] = {}
    for row in rows:
        if row.page is None:
            if row.status is not PageStatus.DONE:
                unopened[row.document] = row
            continue
        if row.document in unopened and unopened[row.document].status is PageStatus.FAILED:
            del unopened[row.document]  # opened after all
        _add_page(numbers, row, row.page)
        if row.status.is_poor:
            _add_to_group(numbers, row)
    for row in unopened.values():
        numbers.unreadable += row.status is PageStatus.FAILED
        _add_to_group(numbers, row)
    return numbers


def _trouble(item: tuple[str, Counter[PageStatus]]) -> tuple[int, int]:
    counts = item[1]
    return sum(counts[status] for status in PageStatus.poor()), counts.total()


def _add_page(numbers: RunNumbers, row: JournalRow, page: int) -> None:
    numbers.statuses[row.status] += 1
    numbers.documents[row.document][row.status] += 1
    numbers.again += row.attempts > 1
    numbers.suspect += not row.status.is_poor and row.extra.get("suspect") is True
    numbers.tables_again += int(_number(row.extra.get("tables_again", 0)))
    numbers.tables_replaced += int(_number(row.extra.get("tables_replaced", 0)))
    if "second" in row.extra:
        letters = int(_number(row.extra["second"]))
        numbers.twice += 1
        numbers.added_to += letters > 0
        numbers.added_letters += letters
    line = page_line(row, page)
    if line.mode:
        numbers.modes[line.mode] += 1
    _add_tokens(numbers, line)
    if (pace := _number(row.extra.get("tokens_a_step"))) > 0:
        numbers.paces.append(pace)
    _add_sureness(numbers, line)
    for stage, seconds in row.seconds.items():
        if stage in numbers.stages or len(numbers.stages) < _MAX_STAGES:
            numbers.stages.setdefault(stage, array("f")).append(seconds)
    if (ended := _number(row.extra.get("ended"))) > 0:
        numbers.ended_s.append(ended)
    for kind, weight in _kinds(line, row):
        _keep(numbers.pages[kind], line, weight)


def page_line(row: JournalRow, page: int) -> PageLine:
    """The row as a line of the report; `extra` was read from a file and may hold anything."""
    seconds = row.seconds.get(_TOTAL, sum(row.seconds.values()))
    vision, text = (int(_number(row.extra.get(key))) for key in ("vision_tokens", "text_tokens"))
    mode = str(row.extra.get("mode", ""))[:40]
    where = row.document, page, row.status, row.reason or _recall_words(row), row.fingerprint
    sure = _number(row.extra["confidence"]) if "confidence" in row.extra else None
    return PageLine(0.0, *where, seconds, vision, text, mode, sure)


def _recall_words(row: JournalRow) -> str:
    if row.extra.get("suspect") is not True:
        return ""
    return f"{_number(row.extra.get('recall')):.0%} of the words of the PDF's own text were read"


def _add_sureness(numbers: RunNumbers, line: PageLine) -> None:
    if line.sure is None:
        return
    numbers.sure.append(line.sure)
    of_document = numbers.sure_of[line.document]
    of_document[0] += line.sure
    of_document[1] += 1


def _add_tokens(numbers: RunNumbers, line: PageLine) -> None:
    numbers.vision_tok_sum += line.vision_tok
    numbers.text_tok_sum += line.text_tok
    if line.vision_tok:
        numbers.text_tok.append(line.text_tok)
        numbers.ratios.append(line.text_tok / line.vision_tok)


def _kinds(line: PageLine, row: JournalRow) -> Iterator[tuple[str, float]]:
    """Under which headings a page is worth a look, and how much."""
    if line.status.is_poor:
        yield line.status.value, 0.0
    elif row.extra.get("suspect") is True:
        yield "suspect", 1e7 * (2 - _number(row.extra.get("recall")))
    elif line.reason and line.status is PageStatus.DONE:
        yield "suspect", 1e6
    elif row.attempts > 1:
        yield "suspect", 1e5 + row.attempts
    elif line.vision_tok and line.text_tok > 2 * line.vision_tok:
        yield "suspect", line.text_tok / line.vision_tok
    if line.status is PageStatus.DONE and 0 < (unlike := 1 - _number(row.extra.get("recall", 1))) <= 1:
        yield "unlike", unlike
    if line.seconds > 0:
        yield "slowest", line.seconds


def _keep(heap: list[PageLine], line: PageLine, weight: float) -> None:
    line = PageLine(weight, *(getattr(line, name) for name in PageLine.__slots__[1:]))
    if len(heap) < MAX_PAGES_A_KIND:
        heapq.heappush(heap, line)
    elif weight > heap[0].weight:
        heapq.heapreplace(heap, line)


def _add_to_group(numbers: RunNumbers, row: JournalRow) -> None:
    key = row.status, _NUMBER.sub("#", row.reason)[:300]
    if key not in numbers.groups and len(numbers.groups) >= MAX_REASONS:
        key = row.status, "(other reasons)"
    group = numbers.groups.setdefault(key, ReasonGroup(row.status, row.reason or "(no reason given)"))
    group.count += 1
    group.whole_documents |= row.page is None
    if len(group.documents) < _MAX_GROUP_DOCUMENTS:
        group.documents.setdefault(row.document)
    if len(group.pages) < _MAX_GROUP_PAGES:
        group.pages.append(row.document + (f" page {row.page}" if row.page else ""))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0
