"""Which predictions belong to which targets (`match_gt2pred_quick` and `_simple`): indices in, links out.

The order of links and of equal costs follows upstream, because ties decide some of them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ocr_engine.evaluation.metrics import best_window_within, edit_distance, edit_ratio
from ocr_engine.evaluation.omnidocbench.truncation import merged_spans

ACCEPTED = 0.7
"""A pair of the first assignment further apart than this is released again."""
INSIDE = 0.4
"""A left-over target nearer than this to a part of a prediction joins that prediction's link."""


class MatchTimeoutError(Exception):
    """The optional time limit of one page's matching has passed."""


@dataclass(frozen=True, slots=True)
class Link:
    """Targets and predictions that are compared as one; one side may be empty. `edit` is a ratio."""

    targets: tuple[int, ...]
    lines: tuple[int, ...]
    edit: float


@dataclass(slots=True)
class _Draft:
    targets: list[int] = field(default_factory=list)


def cost_matrix(targets: Sequence[str], lines: Sequence[str]) -> NDArray[np.float64]:
    """Edit ratios, (targets, lines)."""
    costs = np.zeros((len(targets), len(lines)))
    for row, target in enumerate(targets):
        for column, line in enumerate(lines):
            costs[row, column] = edit_ratio(target, line)
    return costs


def simple_links(targets: Sequence[str], lines: Sequence[str]) -> list[Link]:
    """One assignment without a threshold: a link a target, then one of all predictions left over."""
    costs = cost_matrix(targets, lines)
    rows, columns = linear_sum_assignment(costs)
    column_of = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    links = [
        Link((row,), (column_of[row],), float(costs[row, column_of[row]]))
        if row in column_of
        else Link((row,), (), 1.0)
        for row in range(len(targets))
    ]
    left = tuple(i for i in range(len(lines)) if i not in column_of.values())
    return [*links, Link((), left, 1.0)] if left else links


def quick_links(
    targets: Sequence[str], lines: Sequence[str], *, hybrid: bool, deadline_s: float | None = None
) -> list[Link]:
    """Assignment with merging on both sides. Neither list may be empty unless `hybrid`.

    `hybrid` is v1.5: left-over pairs cost a ratio instead of a count of edits, and a target without a
    prediction gives one link (v1.0 gives two where every prediction is taken).
    `deadline_s` is a time.monotonic() value after which MatchTimeoutError is raised.
    """
    matched = _first_assignment(targets, lines)
    _check(deadline_s)
    matched_targets = {target for target, _ in matched}
    left = [i for i in range(len(targets)) if i not in matched_targets]
    drafts = {tuple(span): _Draft([target]) for target, span in matched}
    _attach_parts(drafts, targets, lines, left)
    _check(deadline_s)
    links = [
        Link(tuple(sorted(draft.targets)), key, _link_edit(sorted(draft.targets), key, targets, lines))
        for key, draft in drafts.items()
        if draft.targets
    ]
    return links + _left_over(drafts, targets, lines, hybrid=hybrid)


def _check(deadline_s: float | None) -> None:
    if deadline_s is not None and time.monotonic() > deadline_s:
        raise MatchTimeoutError


def _first_assignment(targets: Sequence[str], lines: Sequence[str]) -> list[tuple[int, range]]:
    """Targets with the span of predictions assigned to them, those too far apart released."""
    spans = merged_spans(cost_matrix(targets, lines), targets, lines)
    joined = [" ".join(lines[i] for i in span) for span in spans]
    costs = cost_matrix(targets, joined)
    rows, columns = linear_sum_assignment(costs)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, spans[column]) for row, column in pairs if costs[row, column] <= ACCEPTED]


def _attach_parts(
    drafts: dict[tuple[int, ...], _Draft], targets: Sequence[str], lines: Sequence[str], left: list[int]
) -> None:
    """Give each left-over target to the first prediction that contains it.

    A prediction that lost all such targets to an earlier one still counts as taken: its draft is empty.
    """
    taken = {target for draft in drafts.values() for target in draft.targets}
    for index, line in enumerate(lines):
        inside = [t for t in left if best_window_within(line, targets[t], INSIDE, strict=True)]
        if inside:
            fresh = [target for target in inside if target not in taken]
            drafts.setdefault((index,), _Draft()).targets.extend(fresh)
            taken.update(fresh)


def _link_edit(
    link_targets: list[int], key: tuple[int, ...], targets: Sequence[str], lines: Sequence[str]
) -> float:
    """The ratio reported with a link; with several targets only the first prediction counts in it."""
    if len(link_targets) > 1:
        return edit_ratio("".join(targets[i] for i in link_targets), lines[key[0]])
    return edit_ratio(targets[link_targets[0]], " ".join(lines[i] for i in key))


def _left_over(
    drafts: dict[tuple[int, ...], _Draft], targets: Sequence[str], lines: Sequence[str], *, hybrid: bool
) -> list[Link]:
    """Pair what is left by force, then whatever one side still has too much."""
    # Sets on purpose: upstream walks sets, and their order is the order of rows among equal costs.
    linked_targets: set[int] = set().union(*(set(draft.targets) for draft in drafts.values()))
    linked_lines = {i for key in drafts for i in key}
    free_targets = list(set(range(len(targets))) - linked_targets)
    free_lines = list(set(range(len(lines))) - linked_lines)
    if not free_lines:
        doubled = [] if hybrid else free_targets
        return [Link((i,), (), 1.0) for i in (*doubled, *sorted(free_targets))]
    if not free_targets:
        return [Link((), tuple(free_lines), 1.0)]
    pairs = _forced_pairs(free_targets, free_lines, targets, lines, hybrid=hybrid)
    paired = {target for target, _ in pairs}
    unpaired = sorted(target for target in free_targets if target not in paired)
    return [
        *(Link((target,), (line,), 1.0) for target, line in pairs),
        *(Link((target,), (), 1.0) for target in unpaired),
    ]


def _forced_pairs(
    free_targets: list[int],
    free_lines: list[int],
    targets: Sequence[str],
    lines: Sequence[str],
    *,
    hybrid: bool,
) -> list[tuple[int, int]]:
    chosen_targets = [targets[i] for i in free_targets]
    chosen_lines = [lines[i] for i in free_lines]
    measure = edit_ratio if hybrid else edit_distance
    costs = [[measure(target, line) for line in chosen_lines] for target in chosen_targets]
    rows, columns = linear_sum_assignment(costs)
    return [(free_targets[r], free_lines[c]) for r, c in zip(rows, columns, strict=True)]
