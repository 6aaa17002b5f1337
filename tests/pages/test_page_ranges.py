import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.errors import UsageError
from ocr_engine.pages.sources import parse_page_ranges, validate_page_ranges


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("", range(10)),
        ("1-3,7,-1", [0, 1, 2, 6, 9]),
        ("5-", [4, 5, 6, 7, 8, 9]),
        (" 2 , 2 - 3 ", [1, 2]),
        ("-3-", [7, 8, 9]),
        ("-3--2", [7, 8]),
        ("2--8", [1, 2]),
        ("9-999999999", [8, 9]),
        ("3,500", [2]),
        ("-99,1", [0]),
        ("-99-2", [0, 1]),
    ],
)
def test_page_ranges(text: str, pages: list[int]) -> None:
    assert parse_page_ranges(text, 10) == tuple(pages)
    validate_page_ranges(text)


@pytest.mark.parametrize(
    "text", ["a", "1,,2", "1-2-3", "1..3", "0", "0-3", "7-3", "-1--3", "1;2", "--1", "1-x", "٣", "9" * 10]
)
def test_malformed_text_is_refused_before_any_document_is_open(text: str) -> None:
    for check in (validate_page_ranges, lambda text: parse_page_ranges(text, 10)):
        with pytest.raises(UsageError, match="page range"):
            check(text)


def test_the_message_names_the_piece() -> None:
    with pytest.raises(UsageError, match="'x-2'.* 1-3,7,-1"):
        validate_page_ranges("1,x-2")


@pytest.mark.parametrize("text", ["11", "-11", "20-30", "-30--20"])
def test_naming_no_page_of_the_document_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="the document has 10"):
        parse_page_ranges(text, 10)


@given(
    st.integers(1, 60), st.lists(st.tuples(st.integers(1, 80), st.integers(0, 80)), min_size=1, max_size=5)
)
def test_ranges_name_what_counting_by_hand_names(count: int, spans: list[tuple[int, int]]) -> None:
    text = ",".join(f"{first}-{first + length}" for first, length in spans)
    expected = {p - 1 for first, length in spans for p in range(first, first + length + 1) if p <= count}
    if expected:
        assert parse_page_ranges(text, count) == tuple(sorted(expected))
    else:
        with pytest.raises(UsageError):
            parse_page_ranges(text, count)


@given(st.text(max_size=20), st.integers(1, 50))
def test_any_text_gives_pages_or_a_usage_error(text: str, count: int) -> None:
    try:
        pages = parse_page_ranges(text, count)
    except UsageError:
        return
    assert pages == tuple(sorted(set(pages))) and set(pages) <= set(range(count))
