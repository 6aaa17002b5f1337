"""What a request may tell the guard: all of it right, or refused in words, whatever a client sends."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.engine import guard_args as module
from ocr_engine.engine.guard_args import (
    KEYS,
    GuardArgs,
    GuardArgsError,
    guard_args,
    read_guard_args,
    set_vocabulary,
    settings_in_engine,
)
from ocr_engine.families import NGRAM_MAX_SIZE, NGRAM_MAX_WINDOW

GOOD = {"ngram_size": 20, "ngram_window": 50, "ngram_whitelist": [5, 7]}
numbers = st.integers() | st.integers(-2, 300) | st.floats() | st.booleans()
values = st.recursive(
    numbers | st.none() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "ngram_size": st.integers(1, 30) | values,
        "ngram_window": st.integers(20, 90) | values,
        "ngram_whitelist": st.lists(st.integers(0, 200), max_size=70) | values,
        "other": values,
    },
)


@settings(max_examples=300)
@given(requests | values)
def test_a_request_is_refused_or_means_what_it_says(extra_args):
    try:
        found = read_guard_args(extra_args)
    except GuardArgsError as error:
        assert len(str(error)) < 200 and str(error).isprintable()
        assert settings_in_engine(extra_args) is None
        return
    assert settings_in_engine(extra_args) == found
    if found is None:
        assert not isinstance(extra_args, dict) or not extra_args.keys() & set(KEYS)
        return
    assert found.extra_args == {key: extra_args[key] for key in KEYS}
    assert 1 <= found.size <= found.window <= NGRAM_MAX_WINDOW and found.size <= NGRAM_MAX_SIZE
    assert all(type(value) is int for value in (found.size, found.window, *found.whitelist))
    assert len(found.whitelist) <= 64 and all(0 <= token < 1 << 31 for token in found.whitelist)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ngram_window": ...}, "ngram_window: missing; the guard takes ngram_size, ngram_window"),
        ({"ngram_size": ...}, "ngram_size: missing"),
        ({"ngram_whitelist": ...}, "ngram_whitelist: missing"),
        ({"ngram_size": 0}, "ngram_size: expected an integer from 1 to 256, got 0"),
        ({"ngram_size": True}, "ngram_size: .* got True"),
        ({"ngram_size": "2"}, "ngram_size: .* got '2'"),
        ({"ngram_size": 10**5000}, "ngram_size: .* got int"),
        ({"ngram_window": 1 << 20}, "ngram_window: expected an integer from 1 to 65536, got 1048576"),
        ({"ngram_window": float("nan")}, "ngram_window: .* got nan"),
        ({"ngram_window": 19}, "ngram_window: 19 is below ngram_size, 20"),
        ({"ngram_whitelist": 5}, "ngram_whitelist: expected a list of token ids, got 5"),
        ({"ngram_whitelist": "ab"}, "ngram_whitelist: expected a list"),
        ({"ngram_whitelist": ["a"]}, "ngram_whitelist: expected an integer from 0 to .*, got 'a'"),
        ({"ngram_whitelist": [10**12]}, "ngram_whitelist: expected an integer from 0 to 2147483647"),
        ({"ngram_whitelist": [-1]}, "ngram_whitelist: .* got -1"),
        ({"ngram_whitelist": [0] * 65}, "at most 64 token ids, got 65"),
    ],
)
def test_what_is_wrong_is_named(change, words, monkeypatch):
    monkeypatch.setattr(module._Vocabulary, "last_id", module.MAX_TOKEN_ID)
    args = {key: value for key, value in (GOOD | change).items() if value is not ...}
    with pytest.raises(GuardArgsError, match=words):
        read_guard_args(args)


def test_nesting_without_end_is_no_recursion():
    nested = []
    for _ in range(sys.getrecursionlimit() * 2):
        nested = [nested]
    with pytest.raises(GuardArgsError, match="ngram_whitelist: .* got list"):
        read_guard_args(GOOD | {"ngram_whitelist": nested})


def test_ids_that_the_model_does_not_have_are_refused(monkeypatch):
    monkeypatch.setattr(module._Vocabulary, "last_id", module.MAX_TOKEN_ID)
    set_vocabulary(8)
    assert read_guard_args(GOOD) == GuardArgs(20, 50, (5, 7))
    with pytest.raises(GuardArgsError, match="from 0 to 7, got 8"):
        read_guard_args(GOOD | {"ngram_whitelist": [8]})


def test_what_we_send_is_what_is_read():
    assert read_guard_args(guard_args(20, 50, {7, 5})) == GuardArgs(20, 50, (5, 7))
    assert guard_args(0, 50, (1,)) == {} and read_guard_args({}) is None and read_guard_args(None) is None
    with pytest.raises(GuardArgsError):
        guard_args(20, 10, ())
