"""The answer to several pages, divided: only what is certain is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.text.page_marks import PagePiece, is_of_page, page_pieces

LAYERS = [" ".join(f"{name}{k}" for k in range(30)) for name in ("first", "second", "third")]
TEXTS = [f"<|det|>text [1, 2, 300, 400]<|/det|>{layer}" for layer in LAYERS]
NO_LAYERS = ["", "", ""]
WHOLE = "".join(f"<PAGE>{text}" for text in TEXTS)


def texts(pieces: tuple[PagePiece, ...]) -> list[str]:
    """What is believed, "-" for what is not."""
    return ["-" if piece.doubt else piece.text for piece in pieces]


@pytest.mark.parametrize(
    "answer", [WHOLE, WHOLE.removeprefix("<PAGE>"), WHOLE.replace("<PAGE>", "\n<PAGE>\n")]
)
def test_as_many_pieces_as_pages_are_taken_at_their_word(answer: str) -> None:
    assert texts(page_pieces(answer, NO_LAYERS, is_whole=True)) == TEXTS


@pytest.mark.parametrize(
    ("answer", "known", "unknown"),
    [
        pytest.param("<PAGE>" + "\n".join(TEXTS[:2]) + "<PAGE>" + TEXTS[2], "---", "---", id="merged"),
        pytest.param(WHOLE.rsplit("<PAGE>", 1)[0], "12-", "---", id="missing at the end"),
        pytest.param(WHOLE.replace(f"<PAGE>{TEXTS[0]}", ""), "---", "---", id="missing at the start"),
        pytest.param(WHOLE + "<PAGE>" + TEXTS[0], "123", "---", id="one too many"),
        pytest.param(WHOLE.replace("third7", "<PAGE>"), "12-", "---", id="a mark in the text"),
        pytest.param("", "---", "---", id="nothing"),
        pytest.param("no mark at all", "---", "---", id="no mark"),
        pytest.param("<PAGE>" * 1000, "---", "---", id="marks alone"),
    ],
)
def test_other_numbers_are_believed_where_the_text_layer_says_so(
    answer: str, known: str, unknown: str
) -> None:
    for layers, expected in ((LAYERS, known), (NO_LAYERS, unknown)):
        found = page_pieces(answer, layers, is_whole=True)
        wanted = ["-" if mark == "-" else TEXTS[int(mark) - 1] for mark in expected]
        assert texts(found) == wanted
        assert all(len(piece.doubt) > 20 for piece in found if piece.doubt)


def test_of_an_answer_that_was_cut_off_the_pages_before_are_believed() -> None:
    cut = WHOLE[:-40]
    assert texts(page_pieces(cut, NO_LAYERS, is_whole=False)) == [*TEXTS[:2], "-"]
    assert "cut off" in page_pieces(cut, NO_LAYERS, is_whole=False)[2].doubt
    assert texts(page_pieces(TEXTS[0], NO_LAYERS, is_whole=False)) == ["-"] * 3
    assert texts(page_pieces(WHOLE + WHOLE, LAYERS, is_whole=False)) == TEXTS


def test_an_empty_piece_is_none() -> None:
    found = page_pieces("<PAGE>a<PAGE>\n<PAGE>c", NO_LAYERS, is_whole=True)
    assert texts(found) == ["a", "-", "c"] and "empty" in found[1].doubt


def test_a_piece_of_two_pages_is_neithers() -> None:
    assert is_of_page(TEXTS[0], LAYERS[0])
    assert not is_of_page(TEXTS[0] + TEXTS[1], LAYERS[0])
    assert not is_of_page(TEXTS[0][:100], LAYERS[0])
    assert not is_of_page("few words", "few words"), "too few to be sure"


@given(st.lists(st.text(st.sampled_from("ab\n<PAGE>")), min_size=1, max_size=5), st.booleans())
def test_a_page_gets_a_piece_or_a_reason_and_no_text_that_was_not_said(said: list[str], whole: bool) -> None:
    answer = "<PAGE>".join(said)
    found = page_pieces(answer, [""] * len(said), is_whole=whole)
    assert len(found) == len(said)
    assert all(piece.text in answer for piece in found)
