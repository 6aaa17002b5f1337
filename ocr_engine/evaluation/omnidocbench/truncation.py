"""Which neighbouring predictions are pieces of one annotated block (`deal_with_truncated`).

Strings and indices only. Spans are half-open ranges of prediction indices.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ocr_engine.evaluation.metrics import best_window_within, edit_ratio

SURE = 0.25
"""Pairs closer than this are not touched."""
PIECE = 0.6
"""How far a piece may be from the best place in the target."""


@dataclass(frozen=True, slots=True)
class _Proposal:
    span: range
    cost: float


def merged_spans(costs: NDArray[np.float64], targets: Sequence[str], lines: Sequence[str]) -> list[range]:
    """All predictions in order, each as a span; those that continue one another share one."""
    sure_targets, sure_lines = (set(axis.tolist()) for axis in np.nonzero(costs < SURE))
    free_lines = [i for i in range(len(lines)) if i not in sure_lines]
    proposals = []
    for index, target in enumerate(targets):
        if index not in sure_targets and free_lines:
            proposals.append(_best_proposal(target, lines, free_lines, sure_lines))
    merged = {span.start: span for span in _compatible(proposals)}
    return _tiling(len(lines), merged)


def _tiling(count: int, merged: dict[int, range]) -> list[range]:
    spans: list[range] = []
    index = 0
    while index < count:
        spans.append(merged.get(index, range(index, index + 1)))
        index = spans[-1].stop
    return spans


def _best_proposal(target: str, lines: Sequence[str], starts: Iterable[int], frozen: set[int]) -> _Proposal:
    """The run of lines nearest to `target`; of equals the first."""

    @cache
    def piece_fits(line: str, strict: bool) -> bool:
        return best_window_within(target, line, PIECE, strict=strict)

    grown = (_grow(target, lines, start, frozen, piece_fits) for start in starts)
    costed = (_Proposal(span, edit_ratio(target, _join(lines, span))) for span in grown)
    return min(costed, key=lambda proposal: proposal.cost)


def _grow(
    target: str,
    lines: Sequence[str],
    start: int,
    frozen: set[int],
    piece_fits: Callable[[str, bool], bool],
) -> range:
    """Add following lines while each brings the whole nearer and is found in the target."""
    span = range(start, start + 1)
    while span.stop < len(lines) and span.stop not in frozen:
        wider = range(start, span.stop + 1)
        whole = _join(lines, wider)
        if edit_ratio(target, whole) > edit_ratio(target, _join(lines, span)):
            break
        if not all(piece_fits(lines[i], False) for i in span):
            break
        if not piece_fits(lines[span.stop], True):
            break
        span = wider
        if len(whole) > len(target):
            break
    return span


def _join(lines: Sequence[str], span: range) -> str:
    return " ".join(lines[i] for i in span)


def _compatible(proposals: list[_Proposal]) -> list[range]:
    """Spans that do not overlap: of each chain of overlapping ones, the cheapest path."""
    kept: list[range] = []
    for chain in _overlapping_chains(sorted(proposals, key=lambda proposal: proposal.span.start)):
        kept += _cheapest_path(chain)
    return kept


def _overlapping_chains(proposals: list[_Proposal]) -> list[list[_Proposal]]:
    chains: list[list[_Proposal]] = []
    for proposal in proposals:
        if chains and any(_overlap(proposal.span, other.span) for other in chains[-1]):
            chains[-1].append(proposal)
        else:
            chains.append([proposal])
    return chains


def _overlap(first: range, second: range) -> bool:
    return first.start < second.stop and second.start < first.stop


def _cheapest_path(chain: list[_Proposal]) -> list[range]:
    """Greedy: each proposal joins every path it fits in, replaces its dearer double, or opens a path."""
    if len(chain) == 1:
        return [chain[0].span]
    paths = [[chain[0]]]
    for proposal in chain[1:]:
        if not any([_join_path(path, proposal) for path in paths]):
            paths.append([proposal])
    cheapest = min(paths, key=lambda path: sum(p.cost for p in path) / len(path))
    return [proposal.span for proposal in cheapest]


def _join_path(path: list[_Proposal], proposal: _Proposal) -> bool:
    """Whether the path holds the proposal's span now.

    The path is edited while it is read, as upstream does: behind a replaced entry one is not looked at,
    and the new one, now last, is met again.
    """
    clash = same = False
    for entry in path:
        if entry.span == proposal.span:
            clash = same = True
            if entry.cost > proposal.cost:
                path.pop(path.index(entry))
                path.append(proposal)
        elif _overlap(entry.span, proposal.span):
            clash = True
    if not clash:
        path.append(proposal)
    return same or not clash
