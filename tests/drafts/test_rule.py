"""What is proposed after an answer so far."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.drafts.memory import PieceTable
from ocr_engine.drafts.replayed import Replay, replayed, replayed_together
from ocr_engine.drafts.rule import DRIFT, END, NEAR, Place, propose

token_ids = st.lists(st.integers(0, 5), max_size=60)
NONE = np.zeros(0, np.int32)


def tokens(*ids: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    return np.array(ids, np.int32)


def proposed(
    prediction: list[int],
    answer: list[int],
    book: list[int] | None = None,
    said: list[int] | None = None,
    **place: int,
) -> list[int]:
    """With what another answer `said` in the memory."""
    at, memory = Place(**place), PieceTable(1 << 10)
    memory.add(tokens(*(said or [])), len(said or []))
    return propose(tokens(*prediction), tokens(*(book or [])), tokens(*answer), 1, at, 4, memory).tolist()


def test_the_longest_piece_of_the_prediction_is_gone_on_from() -> None:
    assert proposed([1, 2, 3, 9, 2, 3, 4, 5, 6, 7], [8, 9, 2, 3]) == [4, 5, 6, 7]


def test_of_pieces_as_long_the_one_nearest_to_the_cursor_is() -> None:
    prediction = [1, 2, 30, *range(100, 130), 1, 2, 31]
    assert proposed(prediction, [1, 2], cursor=1)[0] == 30
    assert proposed(prediction, [1, 2], cursor=30)[0] == 31


def test_one_token_alone_is_believed_only_near_the_cursor() -> None:
    prediction = [*range(100, 100 + 2 * NEAR), 7, 8]
    assert proposed(prediction, [7], cursor=2 * NEAR - 5) == [8]
    assert proposed(prediction, [7]) == prediction[1:5]


def test_after_a_token_that_was_predicted_otherwise_what_follows_is_proposed() -> None:
    assert proposed([10, 11, 12, 13, 14], [10, 99], cursor=1) == [12, 13, 14]


def test_the_cursor_waits_where_the_answer_is_about_something_else() -> None:
    place, prediction = Place(cursor=3), tokens(*range(100, 400))
    for count in range(2, 200):
        propose(prediction, NONE, tokens(*range(1000, 1000 + count)), 1, place, 4)
    assert place.cursor == 3 + DRIFT


def test_the_answer_itself_and_the_book_are_looked_through_next() -> None:
    assert proposed([], [1, 2, 3, 4, 5, 9, 1, 2, 3])[:2] == [4, 5]
    assert proposed([], [8, 1, 2], [1, 2, 6, 7, END, 5, END]) == [6, 7]
    assert proposed([], [1, 2, 3, 4, 9, 1, 2, 3], [2, 3, 6, END])[:1] == [4], (
        "three of the answer before a phrase"
    )
    assert proposed([], [1, 2, 4, 9, 1, 2], [1, 2, 6, END]) == [6], "a phrase before two of the answer"


def test_a_longer_piece_of_the_answer_itself_goes_before_one_of_the_prediction() -> None:
    prediction = [5, 3, 4, 50, 51]
    assert proposed(prediction, [1, 2, 3, 4, 7, 8, 1, 2, 3, 4]) == [7, 8, 1, 2], "four tokens of it, not two"
    assert proposed(prediction, [9, 3, 4, 7, 8, 1, 3, 4]) == [50, 51], "of two as long the prediction's"
    place = Place()
    propose(tokens(*prediction), NONE, tokens(1, 2, 3, 4, 7, 8, 1, 2, 3, 4), 1, place, 4)
    assert place.cursor == 3, "which is kept in sight all the same"


def test_in_a_loop_the_loop_is_proposed_whatever_the_prediction_holds_of_it() -> None:
    loop = list(range(100, 112))
    prediction = [token for word in loop for token in (word, 7)]
    found = replayed(tokens(*loop * 20), tokens(*prediction), NONE, 8, adaptive=True)
    assert found.tokens_a_step > 4


def test_behind_the_end_of_a_phrase_nothing_is_known() -> None:
    assert proposed([50, 51, 52], [1, 2], [1, 2, END, 9, END], cursor=0) == [51, 52]


@given(token_ids, token_ids, st.lists(token_ids, max_size=3), st.integers(1, 8))
def test_whatever_is_proposed_is_bounded_and_of_the_sources(
    prediction: list[int], answer: list[int], phrases: list[list[int]], most: int
) -> None:
    book = [token for phrase in phrases for token in (*phrase, END)]
    place = Place()
    found = propose(tokens(*prediction), tokens(*book), tokens(*answer, 0), 1, place, most)
    assert len(found) <= most and END not in found and 0 <= place.cursor <= len(prediction)
    assert set(found.tolist()) <= {*prediction, *book, *answer, 0}


@given(token_ids, token_ids)
def test_no_prediction_costs_more_steps_than_none(answer: list[int], prediction: list[int]) -> None:
    found = replayed(tokens(*answer, 0), tokens(*prediction), NONE, 4)
    assert found.tokens == len(answer) and found.steps <= len(answer) and found.drafted <= 4 * found.steps


@given(st.lists(st.integers(0, 1 << 20), min_size=40, max_size=60, unique=True))
def test_a_right_prediction_is_accepted_whole(answer: list[int]) -> None:
    found = replayed(tokens(*answer), tokens(*answer), NONE, 8)
    assert found.steps == -(-(len(answer) - 1) // 9) and found.tokens_a_step > 7
    assert 0 <= found.wasted < 0.2


def test_where_nothing_is_accepted_the_engine_verifies_few() -> None:
    answer, wrong = tokens(*range(1000)), tokens(*range(5000, 5400))
    always, as_engine = (replayed(answer, wrong, NONE, 8, adaptive=adaptive) for adaptive in (False, True))
    assert always.steps == as_engine.steps == 999 and as_engine.drafted < 0.3 * always.drafted
    right = replayed(answer, answer, NONE, 8, adaptive=True)
    assert right.tokens_a_step > 7


SAID = [1, 2, 3, *range(20, 28)]
"""What another answer said: three tokens, and eight behind them."""


def test_what_others_said_behind_three_tokens_is_proposed() -> None:
    assert proposed([], [9, 1, 2, 3], said=SAID) == [20, 21, 22, 23]
    assert proposed([], [2, 3], said=SAID) == [], "two tokens are too few"
    assert proposed([], [1, 2, 3], said=[*SAID[:-1]]) == [], "what stood behind it is not whole yet"


def test_what_others_said_goes_behind_a_piece_as_long_and_before_a_shorter_one() -> None:
    assert proposed([1, 2, 3, 50, 51], [9, 1, 2, 3], said=SAID) == [50, 51], "the prediction knows three"
    assert proposed([8, 2, 3, 50, 51], [9, 1, 2, 3], said=SAID) == [20, 21, 22, 23], "it knows two"
    again = [1, 2, 3, 60, 61, 9, 1, 2, 3]
    assert proposed([], again, said=SAID)[:2] == [60, 61], "the answer itself knows as much"
    assert proposed([], [9, 1, 2, 3], [2, 3, 70, END], said=SAID) == [20, 21, 22, 23], "before a phrase"


def test_answers_that_are_read_together_learn_from_one_another() -> None:
    chance = np.random.default_rng(0)
    said = chance.integers(0, 5_000, 300).astype(np.int32)
    alone = replayed(said, NONE, NONE, 8)
    memory = PieceTable()
    first, second = replayed_together([Replay(said, NONE, NONE, 8, memory=memory) for _ in range(2)], 1)
    assert first == alone and first.tokens_a_step < 1.1
    assert second.tokens_a_step > 6
