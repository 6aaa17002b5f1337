"""Predictions on their way to the worker, where nothing that a client sends may raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.engine.draft_args import (
    DRAFT_KEY,
    LONGEST_TOK,
    check_draft,
    draft_args,
    has_drafts,
    packed,
    predicted_ids,
)  # fmt: skip


def test_ids_arrive_as_they_were_sent() -> None:
    assert predicted_ids(draft_args(packed([3, 1, 4])), 10).tolist() == [3, 1, 4]
    assert len(predicted_ids(draft_args(packed(range(2 * LONGEST_TOK))), 1 << 20)) == LONGEST_TOK
    assert has_drafts(draft_args(packed([1]))) and not has_drafts(draft_args(b"")) and not has_drafts(None)


def test_ids_that_are_none_of_the_vocabulary_are_marked() -> None:
    assert predicted_ids(draft_args(packed([9, 10, -5])), 10).tolist() == [9, -1, -1]


@given(st.one_of(st.none(), st.text(), st.integers(), st.binary(), st.lists(st.integers())))
def test_whatever_is_sent_is_refused_or_taken_and_never_raises_in_the_worker(value: object) -> None:
    args = {DRAFT_KEY: value}
    ids = predicted_ids(args, 100)
    assert ids.dtype == "int32" and ((ids >= -1) & (ids < 100)).all()
    if not isinstance(value, bytes) or len(value) % 4:
        assert not len(ids)
        with pytest.raises(ValueError, match=DRAFT_KEY):
            check_draft(args)
    else:
        check_draft(args)
