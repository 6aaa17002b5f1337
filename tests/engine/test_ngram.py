import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.engine.ngram import NgramIndex, banned_tokens

IDS = st.lists(st.integers(0, 3), max_size=60)


def test_bans_what_would_repeat():
    assert banned_tokens([1, 2, 3, 9, 1, 2], 3, 10) == {3}
    assert banned_tokens([1, 2, 3, 1, 2, 4, 1, 2], 3, 10) == {3, 4}
    assert banned_tokens([1, 2, 3, 9, 1, 2], 4, 10) == set()


def test_nothing_before_a_whole_ngram_exists():
    assert banned_tokens([], 2, 10) == set()
    assert banned_tokens([5], 2, 10) == set()
    assert banned_tokens([5, 5], 2, 10) == {5}


def test_window_edge():
    ids = [1, 2, 7, 8, 1]
    assert banned_tokens(ids, 2, 5) == {2}
    assert banned_tokens(ids, 2, 4) == set(), "the n-gram starts before the window"


def test_whitelist_is_never_banned():
    assert banned_tokens([1, 2, 1, 3, 1], 2, 10, whitelist={2}) == {3}


def test_zero_turns_the_guard_off():
    assert banned_tokens([1, 1, 1, 1], 0, 10) == set()
    assert NgramIndex(0, 10).banned() == set()


@pytest.mark.parametrize(("size", "window"), [(-1, 5), (2, -1)])
def test_negative_sizes_are_refused(size, window):
    with pytest.raises(ValueError, match="negative"):
        banned_tokens([1], size, window)
    with pytest.raises(ValueError, match="negative"):
        NgramIndex(size, window)


def test_placeholder_ids_are_refused():
    with pytest.raises(ValueError, match="placeholder"):
        banned_tokens([1, 2, -1], 2, 10)
    with pytest.raises(ValueError, match="placeholder"):
        NgramIndex(2, 10).append(-1)


def _official(ids, size, window, whitelist):
    """The loop of the official script, spelled out independently."""
    if len(ids) < size:
        return set()
    found = set()
    for i in range(max(0, len(ids) - window), len(ids) - size + 1):
        if ids[i : i + size - 1] == ids[len(ids) - (size - 1) :]:
            found.add(ids[i + size - 1])
    return found - whitelist


@settings(max_examples=300)
@given(IDS, st.integers(2, 6), st.integers(0, 30), st.sets(st.integers(0, 3), max_size=2))
def test_plain_rule_is_the_official_one(ids, size, window, whitelist):
    assert banned_tokens(ids, size, window, whitelist) == _official(ids, size, window, whitelist)


@settings(max_examples=300)
@given(IDS, st.integers(0, 6), st.integers(0, 30), st.sets(st.integers(0, 3), max_size=2))
def test_index_equals_the_plain_rule_at_every_step(ids, size, window, whitelist):
    index = NgramIndex(size, window, whitelist)
    assert index.banned() == set()
    for count, token in enumerate(ids, 1):
        index.append(token)
        assert index.banned() == banned_tokens(ids[:count], size, window, whitelist)


def test_index_memory_is_bounded_by_the_window():
    index = NgramIndex(3, 20)
    for token in range(5_000):
        index.append(token)
    assert len(index._followers) <= 18
