import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from ocr_engine.evaluation import metrics

WORDS = st.text(alphabet="abc", max_size=30)


@settings(max_examples=300)
@given(WORDS, st.text(alphabet="abc", max_size=8), st.sampled_from([0.4, 0.6]), st.booleans())
def test_windows_that_are_stepped_over_are_never_near(
    text: str, pattern: str, limit: float, strict: bool
) -> None:
    size = len(pattern)
    ratios = [
        Levenshtein.distance(text[i : i + size], pattern) / size for i in range(len(text) - size + 1) if size
    ]
    expected = any(ratio < limit or (ratio == limit and not strict) for ratio in ratios)
    assert metrics.best_window_within(text, pattern, limit, strict=strict) == expected


def test_order_numbers_are_compared_as_numbers() -> None:
    assert metrics.edit_distance((1, 0), (10,)) == 2
    assert metrics.edit_ratio((), ()) == 0.0


def test_averages_skip_what_is_not_a_number() -> None:
    assert metrics.pandas_series_mean([1.0, math.nan, 3.0]) == 2.0
    assert metrics.pandas_group_mean([1.0, math.nan, 3.0]) == 2.0
    assert metrics.pandas_group_variance([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(metrics.pandas_series_mean([]))
    assert math.isnan(metrics.pandas_group_variance([1.0]))


def test_group_mean_compensates() -> None:
    values = [0.1] * 10
    assert metrics.mean(values) != 0.1
    assert metrics.pandas_group_mean(values) == 0.1


def test_bootstrap_resamples_inside_groups_and_is_repeatable() -> None:
    sure = metrics.bootstrap_interval([[1.0] * 5, [0.0] * 500])
    assert sure == (0.5, 0.5)
    mixed = [[1.0, 0.0] * 20, [1.0] * 3]
    low, high = metrics.bootstrap_interval(mixed)
    assert 0.6 < low < 0.75 < high < 0.9
    assert (low, high) == metrics.bootstrap_interval(mixed)
    assert all(map(math.isnan, metrics.bootstrap_interval([[]])))


def test_bleu_of_equal_and_of_different_texts() -> None:
    from ocr_engine.evaluation.bleu import corpus_bleu

    assert corpus_bleu(["a b c d e"], ["a b c d e"]) == pytest.approx(1.0)
    assert corpus_bleu(["a b c d"], ["a b c d e f g h"]) == pytest.approx(math.exp(-1))
    assert corpus_bleu(["a"], ["a"]) == 0.0
    assert corpus_bleu([], []) == 0.0
