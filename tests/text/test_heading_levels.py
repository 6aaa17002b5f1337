"""Levels of headings over a document: by outline, number and type, agreeing with each other."""

import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Bookmark
from ocr_engine.text.heading_levels import Heading, levels_of


def made(*titles: str, sizes: Sequence[float] = (), page: int = 1, read: int = 2) -> list[Heading]:
    sizes = sizes or [0.0] * len(titles)
    return [
        Heading(page, at, title, read, size_pt=size)
        for at, (title, size) in enumerate(zip(titles, sizes, strict=True))
    ]


def levels(*titles: str, sizes: Sequence[float] = ()) -> list[int]:
    return levels_of(made(*titles, sizes=sizes))


def test_numbers_hold_each_other() -> None:
    assert levels("1 Scope", "1.1 Terms", "1.1.1 Words", "2 Tests", "2.1 Groups") == [1, 2, 3, 1, 2]
    assert levels("Chapter 1", "1.1 A sea", "1.2 A ship", "Chapter 2", "2.1 Land") == [1, 2, 2, 1, 2]
    assert levels("Part I", "Chapter 1", "Article 1", "Article 2", "Annex A") == [1, 2, 3, 3, 2]
    assert levels("1 Scope", "1.1 Terms", "Annex A", "A.1 Tables") == [1, 2, 1, 2]
    assert levels("I. First", "A. Of it", "1. Deep", "II. Next", "A. Of it") == [1, 2, 3, 1, 2]
    assert levels("第一章 a", "第一节 b", "第二节 c", "第二章 d") == [1, 2, 2, 1]


def test_a_title_is_above_all() -> None:
    assert levels("A specification", "1 Scope", "1.1 Terms", sizes=(30, 18, 14)) == [1, 2, 3]
    assert levels("Preface", "1 Scope", "1.1 Terms", sizes=(18, 18, 14)) == [1, 1, 2]


def test_headings_without_a_number_are_as_their_type_is() -> None:
    sizes = (18, 14, 12, 12, 14)
    assert levels("1 Scope", "1.1 Terms", "1.1.1 Words", "Lost its number", "Too", sizes=sizes) == [
        1,
        2,
        3,
        3,
        2,
    ]
    sizes = (18, 14, 11, 9, 11, 14, 11)
    assert levels("1 A", "1.1 B", "case", "step", "case", "1.2 C", "case", sizes=sizes) == [
        1,
        2,
        3,
        4,
        3,
        2,
        3,
    ]


def test_without_any_number_larger_is_above_smaller() -> None:
    assert levels("a", "b", "c", "d", "e", sizes=(20, 16, 12, 16, 12)) == [1, 2, 3, 2, 3]


def test_weight_tells_types_of_one_size_apart() -> None:
    found = [
        Heading(1, 0, "1 A", 2, size_pt=12, bold=True),
        Heading(1, 1, "other", 2, size_pt=12, bold=False),
        Heading(1, 2, "Unnumbered", 2, size_pt=12, bold=True),
        Heading(1, 3, "2 B", 2, size_pt=12, bold=True),
    ]
    assert levels_of(found)[2] == 1


def test_without_a_layer_the_height_of_lines_tells_and_is_not_believed_to_the_point() -> None:
    heights = (40, 20, 21, 19, 20.5)
    found = [Heading(1, at, "abcde"[at], 2, line_height=height) for at, height in enumerate(heights)]
    assert levels_of(found) == [1, 2, 2, 2, 2]


def test_without_anything_headings_stay_as_read() -> None:
    found = [Heading(1, 0, "a", 1), Heading(1, 1, "b", 3), Heading(1, 2, "c", 0)]
    assert levels_of(found) == [1, 3, 2]


def test_bookmarks_decide() -> None:
    marks = {1: [Bookmark(1, "Results"), Bookmark(2, "Of  the FIRST test")], 2: [Bookmark(1, "Sources")]}
    found = made("3 Results", "Of the first test", "Sources", sizes=(12, 12, 12))
    assert levels_of(found, marks) == [1, 2, 1], "on its page or the next, with its number or without"
    far = [Heading(9, 0, "Sources", 2), Heading(9, 1, "1.1 Other", 2)]
    assert levels_of(far, {2: [Bookmark(4, "Sources")]})[0] != 4


def test_numbers_move_to_where_bookmarks_put_them() -> None:
    marks = {1: [Bookmark(2, "1 Scope"), Bookmark(3, "1.1 Terms")]}
    assert levels_of(made("1 Scope", "1.1 Terms", "1.2 Words"), marks) == [2, 3, 3]


def test_lines_of_a_list_of_contents_are_no_headings() -> None:
    assert levels("Contents", "1 Scope 7", "1.1 Terms ... 12", "1 Scope", "1.1 Terms of 2024") == [
        2,
        0,
        0,
        1,
        2,
    ]
    assert levels("Year 2024", "Year 2025") == [2, 2], "only after its title"


SIZES = st.sampled_from([0.0, 8.0, 9.0, 10.0, 10.5, 12.0, 18.0, 1e9])
TITLES = st.text(max_size=20) | st.sampled_from(["1 A", "1.2", "§ 3", "IV. x"])
HEADING = st.builds(
    Heading, st.integers(1, 9), st.integers(0, 9), TITLES, st.integers(0, 6), st.just("title"), SIZES,
    st.booleans(), SIZES,
)  # fmt: skip
MARKS = st.dictionaries(
    st.integers(1, 9), st.lists(st.builds(Bookmark, st.integers(1, 99), st.text(max_size=9)), max_size=4)
)


@given(st.lists(HEADING, max_size=30), MARKS)
def test_any_headings_get_levels(headings: list[Heading], marks: dict[int, list[Bookmark]]) -> None:
    found = levels_of(headings, marks)
    assert len(found) == len(headings) and all(0 <= level <= 6 for level in found)
    assert found == levels_of(headings, marks)


def test_time_grows_with_the_number_of_headings() -> None:
    def seconds(count: int) -> float:
        found = [Heading(at % 500, at, f"heading {at}", 2, size_pt=5 + at % 3000 / 7) for at in range(count)]
        started = time.process_time()
        levels_of(found)
        return time.process_time() - started

    seconds(100)
    assert seconds(20_000) < 12 * max(seconds(5_000), 0.02)
