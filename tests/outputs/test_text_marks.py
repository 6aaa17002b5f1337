"""Two texts beside each other: what differs is marked, and what is shown is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.outputs.text_marks import MAX_SHOWN, marked


def plain(text: str, other: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    ours, theirs = marked(text, other)
    return [(one.text, one.differs) for one in ours], [(one.text, one.differs) for one in theirs]


def test_words_that_differ_are_marked_in_both() -> None:
    assert plain("the host\nsends it", "the most sends it") == (
        [("the ", False), ("host", True), ("\nsends it", False)],
        [("the ", False), ("most", True), (" sends it", False)],
    )
    assert plain("a b", "a") == ([("a", False), (" b", True)], [("a", False)])


def test_long_pieces_that_agree_are_shortened_so_that_what_differs_is_seen() -> None:
    same = "word " * 500
    ours, theirs = marked(f"{same}here {same}", f"{same}there {same}")
    assert [one.text for one in ours if one.differs] == ["here"]
    assert [one.text for one in theirs if one.differs] == ["there"]
    assert sum(len(one.text) for one in ours) < 500


def test_what_cannot_be_printed_is_escaped() -> None:
    assert plain("a\u202eb", "a\x1bc")[0] == [("a\\u202eb", True)]


@given(st.text(), st.text("ab \n", max_size=9000))
def test_nothing_hurts_and_it_is_bounded(read: str, written: str) -> None:
    for pieces in marked(read, written):
        assert sum(len(one.text) for one in pieces) <= MAX_SHOWN + 2
        assert all(one.text for one in pieces)
