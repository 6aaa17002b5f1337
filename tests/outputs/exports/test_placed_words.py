"""Words of a text at the places that the page's own lines have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.outputs.exports.placed_words import PlacedWord, placed_words, with_gaps
from ocr_engine.records import BlockLine


def line(text: str, top: float = 10.0) -> BlockLine:
    """Letters ten units wide, words ten units apart."""
    sides: list[float] = []
    at = 0.0
    for word in text.split():
        sides += [at, at + 10 * len(word)]
        at += 10 * (len(word) + 1)
    return BlockLine(tuple(text.split()), tuple(sides), top, top + 12)


def placed(text: str, *lines: BlockLine) -> list[tuple[str, int, float, float]]:
    found = placed_words([[text]], lines)
    assert found is not None
    return [(word.text, word.line, word.left, word.right) for word in found]


def test_words_of_the_page_stand_where_the_page_has_them() -> None:
    assert placed("One two three", line("one two"), line("three", 30)) == [
        ("One", 0, 0, 30), ("two", 0, 40, 70), ("three", 1, 0, 50),
    ]  # fmt: skip


def test_other_words_take_the_place_of_those_that_stand_there() -> None:
    assert placed("as in AB CD E now", line("as in ABCDE now"))[2:5] == [
        ("AB", 0, 60, 80), ("CD", 0, 80, 100), ("E", 0, 100, 110),
    ]  # fmt: skip
    assert placed("the abcdef of it", line("the abc- it"), line("def of it", 30))[1] == ("abcdef", 0, 40, 80)


def test_words_that_the_page_does_not_have_stand_in_the_gap() -> None:
    found = placed("one more two three", line("one two three"))
    assert found[1] == ("more", 0, 30, 40)
    assert placed("so one two", line("one two"))[0] == ("so", 0, 0, 0)
    assert placed("one two so", line("one two"))[2] == ("so", 0, 70, 70)


@pytest.mark.parametrize("text", ["", "none of these words", "\u05d0\u05d1 \u05d2\u05d3"])
def test_other_text_and_text_to_the_left_is_not_placed(text: str) -> None:
    assert (
        placed_words([[text]] if text else [], [line("one two three"), line("\u05d0\u05d1 \u05d2\u05d3")])
        is None
    )


def test_blanks_fill_the_gaps_of_a_line() -> None:
    words = [PlacedWord("a", 0, 0, 10), PlacedWord("b", 0, 15, 20), PlacedWord("c", 1, 0, 5)]
    assert [(word.text, word.left, word.right) for word in with_gaps(words)] == [
        ("a", 0, 10), (" ", 10, 15), ("b", 15, 20), ("c", 0, 5),
    ]  # fmt: skip


@given(st.lists(st.text("ab ", min_size=1).filter(str.strip), min_size=1), st.text("abc ").filter(str.strip))
def test_every_word_is_placed_on_some_line(lines: list[str], text: str) -> None:
    words = text.split()
    found = placed_words([words], [line(one) for one in lines])
    if found is not None:
        assert [word.text for word in found] == words
        assert all(0 <= word.line < len(lines) and word.left <= word.right for word in found)
