"""Measures and averages shared by the benchmarks: strings and numbers only."""

import math
from collections.abc import Hashable, Iterable, Sequence
from functools import reduce
from itertools import repeat
from operator import add

import numpy as np
from rapidfuzz.distance import Levenshtein

_ROUNDING = 1e-9


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Levenshtein distance with unit costs, over characters or any hashable items."""
    return int(Levenshtein.distance(first, second))


def edit_ratio(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Edit distance over the longer length; 0.0 for two empty sequences."""
    longest = max(len(first), len(second))
    return edit_distance(first, second) / longest if longest else 0.0


def best_window_within(text: str, pattern: str, limit: float, *, strict: bool) -> bool:
    """Whether a window of `text`, as long as `pattern`, is within `limit` edits per character of it.

    `strict` asks for less than `limit`, else as much is enough. False if `text` is shorter than
    `pattern` or `pattern` is empty. Moving a window by one changes its distance by two at most, so
    windows that cannot come close are stepped over.
    """
    size = len(pattern)
    if not size:
        return False
    start = 0
    while start + size <= len(text):
        distance = edit_distance(text[start : start + size], pattern)
        ratio = distance / size
        if ratio < limit or (ratio == limit and not strict):
            return True
        start += max(1, math.ceil((distance - limit * size) / 2 - _ROUNDING))
    return False


def mean(values: Iterable[float]) -> float:
    """Left-to-right sum over count: from 3.12 on Python's `sum` compensates, which moves the last digit."""
    listed = list(values)
    return float(reduce(add, listed, 0) / len(listed))


def pandas_sum(values: Sequence[float]) -> float:
    """`Series.sum`: NumPy's pairwise sum."""
    return float(np.asarray(values, dtype=np.float64).sum())


def pandas_series_mean(values: Sequence[float]) -> float:
    """`Series.mean`: NumPy's pairwise sum over the count of what is not NaN."""
    array = np.asarray(values, dtype=np.float64)
    present = array[~np.isnan(array)]
    # NaN stays in as 0, as in pandas: it decides which values NumPy adds first.
    return float(np.nan_to_num(array, nan=0.0).sum() / len(present)) if len(present) else math.nan


def pandas_group_mean(values: Sequence[float]) -> float:
    """`GroupBy.mean`: Kahan's compensated sum over the count of what is not NaN."""
    total, lost, count = 0.0, 0.0, 0
    for value in values:
        if math.isnan(value):
            continue
        corrected = value - lost
        grown = total + corrected
        lost = grown - total - corrected
        total, count = grown, count + 1
    return total / count if count else math.nan


def pandas_group_variance(values: Sequence[float]) -> float:
    """`GroupBy.var`: Welford's running variance with one degree of freedom; NaN below two values."""
    average, squares, count = 0.0, 0.0, 0
    for value in values:
        if math.isnan(value):
            continue
        count += 1
        delta = value - average
        average += delta / count
        squares += delta * (value - average)
    return squares / (count - 1) if count > 1 else math.nan


def bootstrap_interval(
    groups: Sequence[Sequence[float]], *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of group means, resampling inside each group.

    The generator is seeded: the same scores give the same interval.
    """
    present = [np.asarray(group, dtype=np.float64) for group in groups if len(group)]
    if not present:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    means = [
        generator.choice(group, (count, len(group))).mean(axis=1)
        for group, count in zip(present, repeat(resamples), strict=False)
    ]
    low, high = np.quantile(np.mean(means, axis=0), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
