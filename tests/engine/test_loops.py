"""Loops are found at every period; repetition that pages have is left alone."""

import itertools
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocr_engine.engine.loops import (
    AT_LIMIT_TOK,
    FEW_TOKENS,
    MAX_PERIOD_TOK,
    PATTERN_TOK,
    TEXT_TOK,
    LoopDetector,
    before_loop,
    ends_in_loop,
)
from ocr_engine.records import Loop

CELL, END_CELL, ROW, END_ROW = TABLE_IDS = range(4)
DOT, DASH, BLANK = 4, 5, 6
CHUNK = 64


def text_of(count: int, seed: int = 0) -> list[int]:
    """Tokens as of ordinary text: a few common ones and many rare ones."""
    chance = random.Random(seed)
    return [10 + int(chance.paretovariate(0.7)) % 100_000 for _ in range(count)]


def found_in(ids: list[int], chunk: int = CHUNK) -> tuple[Loop | None, int]:
    """The loop, and how many tokens were generated when it was found."""
    detector = LoopDetector(TABLE_IDS)
    for start in range(0, len(ids), chunk):
        if loop := detector.add(ids[start : start + chunk]):
            return loop, start + chunk
    return None, len(ids)


def unit_of(period: int, seed: int) -> list[int]:
    """A block of `period` tokens that is no repetition of a shorter one."""
    return [200_000 + seed, *text_of(period - 1, seed)]


@example(period=1, before=0, chunk=1)
@example(period=MAX_PERIOD_TOK, before=1000, chunk=CHUNK)
@given(period=st.integers(1, MAX_PERIOD_TOK), before=st.integers(0, 1500), chunk=st.integers(1, 200))
def test_a_loop_of_any_period_is_found_in_time_and_where_it_starts(
    period: int, before: int, chunk: int
) -> None:
    unit = unit_of(period, period)
    ids = [
        *text_of(before, 99)[:-1],
        *[150_000] * (before > 0),
        *itertools.islice(itertools.cycle(unit), 4000),
    ]
    loop, generated = found_in(ids, chunk)
    assert loop == Loop(period, before)
    needed = TEXT_TOK if len(set(unit)) > FEW_TOKENS else PATTERN_TOK
    assert before + needed + 2 * period <= generated < before + needed + 2 * period + chunk


@given(period=st.integers(2, MAX_PERIOD_TOK // 2), before=st.integers(0, 600))
def test_looping_rows_of_a_table_are_found_later(period: int, before: int) -> None:
    unit = [*unit_of(period, period), ROW]
    ids = [
        *text_of(before, 99)[:-1],
        *[150_000] * (before > 0),
        *itertools.islice(itertools.cycle(unit), 4000),
    ]
    loop, generated = found_in(ids)
    assert loop == Loop(period + 1, before)
    assert generated >= before + PATTERN_TOK + 2 * (period + 1)


def line(text: list[int], leader: list[int], page: int) -> list[int]:
    return [*text, *leader, 300_000 + page, 7]


LEGITIMATE = {
    "dot leaders": [token for k in range(60) for token in line(text_of(4, k), [DOT] * 90, k)],
    "a rule across the page": [*text_of(200), *[DASH] * 900, *text_of(200, 1)],
    "equal lines of a form": [*text_of(100), *([8, 9, *[BLANK] * 10, 7] * 30), *text_of(100, 1)],
    "equal rows of a table": [*text_of(50), *([ROW, CELL, 8, END_CELL, CELL, 9, END_CELL, END_ROW] * 120)],
    "a blank form": [ROW, *[CELL, END_CELL] * 24, END_ROW] * 20,
    "a drawing": [*([11, *[DASH] * 18, 11, 7, 12, *[BLANK] * 18, 12, 7] * 9)],
    "an empty frame": [*([12, *[BLANK] * 68, 12, 7] * 14)],
    "two equal receipts": [*text_of(500, 5), *text_of(500, 5)],
    "a table that grows": [
        token for k in range(300) for token in (ROW, CELL, 1000 + k, END_CELL, CELL, END_CELL, END_ROW)
    ],
}


@pytest.mark.parametrize("kind", LEGITIMATE)
@pytest.mark.parametrize("chunk", [1, CHUNK])
def test_repetition_that_pages_have_is_no_loop(kind: str, chunk: int) -> None:
    assert found_in([*LEGITIMATE[kind], *text_of(80, 7)], chunk) == (None, len(LEGITIMATE[kind]) + 80)


@given(ids=st.lists(st.integers(0, 40), max_size=600), seed=st.integers(0, 50))
def test_what_is_found_does_repeat_for_as_long_as_the_rule_says(ids: list[int], seed: int) -> None:
    chance = random.Random(seed)
    ids = ids * chance.choice((1, 2, 6)) + [chance.choice((CELL, DOT))] * chance.choice((0, 300, 900, 1500))
    loop, generated = found_in(ids)
    if loop is not None:
        tail = ids[loop.start_tok : generated]
        assert all(a == b for a, b in zip(tail, tail[loop.period_tok :], strict=False))
        assert len(tail) >= TEXT_TOK + 2 * loop.period_tok


def test_at_the_token_limit_less_repetition_is_enough() -> None:
    for period in (1, 10, 200, 512):
        detector = LoopDetector(TABLE_IDS)
        tail = max(AT_LIMIT_TOK + 2 * period, 3 * period)
        ids = [*text_of(300), *itertools.islice(itertools.cycle(unit_of(period, 3)), tail)]
        assert detector.add(ids) is None or period == 512
        assert detector.end() == Loop(period, 300)
    for tail in ([DOT] * AT_LIMIT_TOK, (unit_of(300, 3) * 3)[: AT_LIMIT_TOK + 600]):
        detector = LoopDetector(TABLE_IDS)
        detector.add([*text_of(300), *tail])
        assert detector.end() is None, "too little, or no three copies"


def test_a_short_period_inside_a_long_one_hides_it_not() -> None:
    """The end of each copy repeats by itself: nearer repetition is tried first, and is not the loop."""
    unit = [*text_of(200, 1), *[BLANK] * 120]
    loop, _ = found_in(unit * 8)
    assert loop == Loop(320, 0)
    detector = LoopDetector(TABLE_IDS)
    detector.add(unit * 3)
    assert detector.end() == Loop(320, 0)


@pytest.mark.parametrize(
    ("one", "two", "kept"),
    [
        ("a\nb c", "a\nb c\nb c", "a\nb c\n"),
        ("a\nb c\n", "a\nb c\nb c\n", "a\nb c\n"),
        ("<tr><td>1</td></tr><tr><td>", "<tr><td>1</td></tr><tr><td>2</td></tr><tr><td>",
         "<tr><td>1</td></tr><tr><td>2</td></tr>"),
        ("no no", "no no no", "no no"),
        ("half \ufffd", "half é half é", "half "),
    ],
)  # fmt: skip
def test_one_copy_is_kept_to_the_end_of_its_line(one: str, two: str, kept: str) -> None:
    assert before_loop(one, two) == kept


@pytest.mark.parametrize(
    ("text", "looped"),
    [
        ("A page that was cut here", False),
        ("Begin. " + "so on and on, " * 30, True),
        ("", False),
        ("x" * 400, True),
    ],
)
def test_a_cut_text_ends_in_a_loop_or_not(text: str, looped: bool) -> None:
    assert ends_in_loop(text) is looped


def test_an_answer_that_has_not_begun_is_no_loop() -> None:
    detector = LoopDetector()
    assert detector.add([]) is None and detector.end() is None
    assert detector.add([5]) is None and detector.add([]) is None and detector.end() is None
